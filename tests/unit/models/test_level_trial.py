from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from models.boosting import drawn_pairs
from models.features import LEVEL_HALF_LIFE, FeatureMaker, filled
from models.forecast import FloatArray
from models.level_trial import LONG_HALF_LIFE, chosen_half_life

STEP_SECONDS = 10.0
DAY_STEPS = 8640
STEPS = np.array([1, 3, 6, 12, 30])


def half_life_of(demand: FloatArray) -> float:
    origins, ahead = drawn_pairs(demand, STEPS, most=40_000, seed=3)
    make = partial(FeatureMaker, filled(demand), start=0.0, step_seconds=STEP_SECONDS, offset=1.0)
    return chosen_half_life(demand, origins, ahead, make, seed=3)


def counted(mean: FloatArray) -> FloatArray:
    """Return requests per second of steps in which so many were expected."""
    generator = np.random.default_rng(8)
    return np.asarray(generator.poisson(mean * STEP_SECONDS) / STEP_SECONDS)


def quarter_hourly(steps: int) -> FloatArray:
    """Return means that rise sixfold for a minute of each quarter of an hour."""
    return np.where(np.arange(steps) % 90 < 6, 60.0, 10.0)


def test_bursts_that_recur_are_told_relative_to_a_long_level() -> None:
    assert half_life_of(counted(quarter_hourly(2 * DAY_STEPS))) == LONG_HALF_LIFE


def test_demand_that_wanders_is_told_relative_to_a_short_level() -> None:
    walk = np.exp(np.random.default_rng(2).normal(0.0, 0.03, 2 * DAY_STEPS).cumsum())
    assert half_life_of(counted(20.0 * np.clip(walk, 0.1, 10.0))) == LEVEL_HALF_LIFE


def test_a_gain_in_few_parts_of_the_time_does_not_count() -> None:
    # Six hours of bursts, then six in which demand wanders.
    steps = np.arange(4 * DAY_STEPS)
    walk = np.random.default_rng(5).normal(0.0, 0.03, len(steps)).cumsum()
    wandering = 20.0 * np.exp(walk - walk[steps // 2160 * 2160])
    mean = np.where(steps % 4320 < 2160, 30.0 * quarter_hourly(len(steps)), wandering)
    assert half_life_of(counted(mean)) == LEVEL_HALF_LIFE


@pytest.mark.parametrize("steps", [0, 1, 20, 100])
def test_where_there_is_too_little_to_try_the_level_is_short(steps: int) -> None:
    assert half_life_of(counted(quarter_hourly(steps))) == LEVEL_HALF_LIFE


def test_what_is_missing_is_not_tried() -> None:
    demand = counted(quarter_hourly(2 * DAY_STEPS))
    demand[-DAY_STEPS:] = np.nan
    assert half_life_of(demand) == LEVEL_HALF_LIFE
