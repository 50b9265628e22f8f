from __future__ import annotations

import numpy as np
import pytest

from models.forecast import Forecast, WorkloadName
from models.ramp import Ramp, find_ramp

RISING = Forecast(
    workload=WorkloadName("chat"),
    issued_at=1000.0,
    step_seconds=10.0,
    quantiles=(0.5, 0.9),
    values=np.array([[1.0, 2.0], [2.0, 4.0], [5.0, 9.0], [4.0, 8.0]]),
    basis="test",
)


def test_a_ramp_begins_with_the_first_step_above_the_level() -> None:
    assert find_ramp(RISING, now=1000.0, level=3.0, quantile=0.9) == Ramp(
        begins_at=1010.0, peak_at=1020.0, peak_per_second=9.0
    )


def test_the_quantile_decides_when_a_ramp_begins() -> None:
    ramp = find_ramp(RISING, now=1000.0, level=3.0, quantile=0.5)
    assert ramp == Ramp(begins_at=1020.0, peak_at=1020.0, peak_per_second=5.0)


@pytest.mark.parametrize(("asked", "peak"), [(0.8, 9.0), (0.99, 9.0), (0.1, 5.0)])
def test_a_quantile_that_was_not_forecast_is_read_off_the_next_higher(
    asked: float, peak: float
) -> None:
    ramp = find_ramp(RISING, now=1000.0, level=3.0, quantile=asked)
    assert ramp is not None
    assert ramp.peak_per_second == peak


def test_no_step_above_the_level_is_no_ramp() -> None:
    assert find_ramp(RISING, now=1000.0, level=9.0, quantile=0.9) is None


def test_steps_that_have_ended_do_not_count() -> None:
    ramp = find_ramp(RISING, now=1032.0, level=3.0, quantile=0.9)
    assert ramp == Ramp(begins_at=1032.0, peak_at=1032.0, peak_per_second=8.0)
    assert find_ramp(RISING, now=1040.0, level=3.0, quantile=0.9) is None
