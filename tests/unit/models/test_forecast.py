from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.forecast import QUANTILES, FloatArray, Forecast, WorkloadName
from models.outlook import Outlook

CHAT = WorkloadName("chat")


def a_forecast(values: list[list[float]] | FloatArray, *, step_seconds: float = 10.0) -> Forecast:
    return Forecast(
        workload=CHAT,
        issued_at=1000.0,
        step_seconds=step_seconds,
        quantiles=(0.5, 0.9),
        values=np.asarray(values, dtype=np.float64),
        basis="test",
    )


def test_a_forecast_is_stale_once_its_last_step_has_ended() -> None:
    forecast = a_forecast([[1, 2], [1, 2], [1, 2]])
    assert forecast.horizon_seconds == 30
    assert not forecast.is_stale(now=1029.9)
    assert forecast.is_stale(now=1030)


def test_equal_quantiles_are_allowed() -> None:
    assert a_forecast([[2, 2]]).values.tolist() == [[2, 2]]


@pytest.mark.parametrize("wrong", [-1e-9, float("nan"), float("inf")])
def test_a_value_that_no_plan_could_use_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite and at least 0"):
        a_forecast([[0, 1], [wrong, 1]])


def test_a_falling_quantile_is_refused() -> None:
    with pytest.raises(ValueError, match="must not fall from one quantile to the next"):
        a_forecast([[1, 2], [2, 1]])


@pytest.mark.parametrize("shape", [(2,), (3, 5), (1, 3, 2)])
def test_values_that_are_not_a_row_of_quantiles_a_step_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="does not end in 2 quantiles"):
        a_forecast(np.ones(shape))


@pytest.mark.parametrize("steps", [-1, 3])
def test_no_more_is_known_than_is_forecast(steps: int) -> None:
    forecast = a_forecast([[1, 1], [1, 2]])
    assert replace(forecast, known_steps=2).known_steps == 2
    with pytest.raises(ValueError, match=f"known_steps: {steps} is not from 0 to 2"):
        replace(forecast, known_steps=steps)


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="step_seconds: 0 is not above 0"):
        a_forecast([[1, 2]], step_seconds=0)


def test_every_forecast_carries_its_quantiles_in_rising_order() -> None:
    assert list(QUANTILES) == sorted(QUANTILES)
    assert all(0 < level < 1 for level in QUANTILES)


def test_nothing_is_wrong_with_an_outlook_unless_it_says_so() -> None:
    outlook = Outlook(workload=CHAT, published_at=0.0, reading=None, forecast=None)
    assert outlook.degraded == ()
