from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from models.calibration import Calibration
from models.forecast import QUANTILES, FloatArray

NAN = float("nan")
OFFSET = np.array([0.1])
Z = np.array([0.0, 0.8416, 1.2816, 1.6449, 2.3263])


def said(spread: float) -> FloatArray:
    """Return quantiles about 100 of one workload and horizon, lognormal."""
    return np.asarray(100.0 * np.exp(spread * Z))[:, None, None]


def shares_covered(spread: float, *, steps: int) -> FloatArray:
    """Return the late coverage of lognormal demand whose spread is said to be another."""
    demand = 100.0 * np.exp(0.3 * np.random.default_rng(9).normal(size=steps))
    calibration, covered = Calibration((1, 1)), np.zeros(len(QUANTILES))
    for step, value in enumerate(demand):
        covered += (step >= steps // 2) * (
            value <= calibration.apply(said(spread), OFFSET)[:, 0, 0]
        )
        calibration.learn(np.array([value]), said(spread), OFFSET)
    return np.asarray(covered / (steps - steps // 2))


@pytest.mark.parametrize("spread", [0.27, 0.3, 0.35])
def test_quantiles_too_narrow_or_too_wide_come_to_cover_what_they_claim(spread: float) -> None:
    assert shares_covered(spread, steps=8000) == pytest.approx(np.array(QUANTILES), abs=0.02)


@pytest.mark.parametrize("spread", [0.22, 0.45])
def test_quantiles_that_are_far_off_come_nearer(spread: float) -> None:
    demand = 100.0 * np.exp(0.3 * np.random.default_rng(9).normal(size=8000))
    uncorrected = (demand[4000:] <= said(spread)[:, 0]).mean(axis=1)[1:]
    levels = np.array(QUANTILES)[1:]
    corrected = shares_covered(spread, steps=8000)[1:]
    off, before = np.abs(corrected - levels), np.abs(uncorrected - levels)
    assert (off <= before).all()
    assert (off[:-1] < before[:-1] - 0.002).all()


def test_nothing_is_corrected_before_anything_came() -> None:
    assert Calibration((1, 1)).apply(said(0.3), OFFSET) == pytest.approx(said(0.3))


def test_a_missing_step_and_a_missing_forecast_teach_nothing() -> None:
    calibration = Calibration((1, 1))
    calibration.learn(np.array([500.0]), said(0.3), OFFSET)
    before = calibration.apply(said(0.3), OFFSET)
    calibration.learn(np.array([NAN]), said(0.3), OFFSET)
    calibration.learn(np.array([500.0]), np.full((len(QUANTILES), 1, 1), NAN), OFFSET)
    assert_array_equal(calibration.apply(said(0.3), OFFSET), before)


def test_a_correction_is_bounded_and_leaves_quantiles_ascending() -> None:
    calibration = Calibration((1, 1))
    for _ in range(3000):
        calibration.learn(np.array([1e6]), said(0.3), OFFSET)
    found = calibration.apply(said(0.3), OFFSET)[:, 0, 0]
    assert (np.diff(found) >= 0).all()
    assert found[-1] < 1000.0


def test_misses_in_a_row_do_not_hold_the_last_quantile_up() -> None:
    calibration = Calibration((1, 1))
    for value in 100.0 * np.exp(0.3 * np.random.default_rng(5).normal(size=8000)):
        calibration.learn(np.array([value]), said(0.3), OFFSET)
    before = calibration.apply(said(0.3), OFFSET)[-1, 0, 0]
    for _ in range(12):
        calibration.learn(np.array([1000.0]), said(0.3), OFFSET)
    after = calibration.apply(said(0.3), OFFSET)[-1, 0, 0]
    assert before < after < 1.05 * before
