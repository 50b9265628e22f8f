from __future__ import annotations

import math

import numpy as np
import pytest

from models.features import HOUR_SECONDS
from models.forecast import FloatArray
from models.recurrence import cycle_seconds_of

STEP_SECONDS = 10.0
DAY_STEPS = 8640


def cycle_of(demand: FloatArray, *, step_seconds: float = STEP_SECONDS) -> float:
    return cycle_seconds_of(demand, step_seconds=step_seconds)


def bursts_each(seconds: float, *, days: float = 2.0, jitter_seconds: float = 0.0) -> FloatArray:
    """Return counted demand, fivefold for the first tenth of each cycle, by day more than by night.

    Each burst begins up to so many seconds late.
    """
    generator = np.random.default_rng(6)
    times = np.arange(round(days * DAY_STEPS)) * STEP_SECONDS
    late = generator.uniform(0.0, jitter_seconds, round(times[-1] / seconds) + 2)
    since = times - np.floor(times / seconds) * seconds - late[(times // seconds).astype(int)]
    burst = (since >= 0) & (since < seconds / 10)
    mean = 20.0 * (1 + 0.5 * np.sin(times * 2 * math.pi / 86400)) * np.where(burst, 5.0, 1.0)
    return np.asarray(generator.poisson(mean * STEP_SECONDS) / STEP_SECONDS)


@pytest.mark.parametrize("seconds", [420.0, 433.0, 1500.0, 5400.0, 7200.0])
def test_bursts_that_keep_a_time_of_their_own_are_found(seconds: float) -> None:
    assert cycle_of(bursts_each(seconds)) == pytest.approx(seconds, abs=3.0)


def test_a_pace_kept_roughly_is_found() -> None:
    found = cycle_of(bursts_each(1500.0, days=4.0, jitter_seconds=60.0))
    assert found == pytest.approx(1500.0, abs=10.0)


def test_a_whole_minute_is_taken_where_the_cycle_may_be_one() -> None:
    assert cycle_of(bursts_each(1500.0, days=0.3, jitter_seconds=60.0)) == 1500.0
    assert cycle_of(bursts_each(7200.0, days=3.0, jitter_seconds=120.0)) == 7200.0


def test_bursts_are_found_in_demand_that_is_twenty_times_higher_by_day() -> None:
    demand = bursts_each(1500.0)
    day = np.exp(1.5 * np.sin(np.arange(len(demand)) * 2 * math.pi / DAY_STEPS))
    assert cycle_of(demand * day) == pytest.approx(1500.0, abs=1.0)


def test_a_pace_without_a_clock_is_told_by_what_follows_soon() -> None:
    # Each burst begins a cycle after the last one, give or take: after a day nobody knows when.
    demand, generator = np.full(4 * DAY_STEPS, 10.0), np.random.default_rng(3)
    for start in np.cumsum(generator.normal(150.0, 4.0, 220)).astype(int):
        demand[start : start + 20] = 60.0
    assert cycle_of(demand) == pytest.approx(1500.0, abs=30.0)


@pytest.mark.parametrize("step_seconds", [10.0, 30.0, 60.0, 300.0])
@pytest.mark.parametrize("period", [2, 3, 5, 7, 11, 25, 47])
def test_bursts_of_a_single_step_are_found_or_left_to_the_hour(
    period: int, step_seconds: float
) -> None:
    steps = np.arange(3000)
    mean = np.where(steps % period == 0, 80.0, 10.0)
    demand = np.random.default_rng(3).poisson(mean * step_seconds) / step_seconds
    found = cycle_of(demand, step_seconds=step_seconds)
    cycles = found / (period * step_seconds)
    assert found == HOUR_SECONDS or cycles == pytest.approx(round(cycles), abs=0.01)
    if period in {7, 11, 25} and step_seconds in {10.0, 30.0}:
        assert found == pytest.approx(period * step_seconds, abs=1.0)


def test_a_cycle_is_told_to_a_fraction_of_a_step() -> None:
    assert cycle_of(bursts_each(437.0, days=4.0)) == pytest.approx(437.0, abs=0.5)
    assert cycle_of(bursts_each(420.0, days=4.0)) == 420.0


def test_a_cycle_seen_five_times_is_not_yet_one() -> None:
    demand = bursts_each(1500.0)
    assert cycle_of(demand[: 5 * 150]) == HOUR_SECONDS
    assert cycle_of(demand[: 8 * 150]) == pytest.approx(1500.0, abs=15.0)


def test_what_comes_but_twice_in_a_row_is_no_cycle() -> None:
    # Pairs of bursts 20 minutes apart, hours between them and no two alike.
    demand, at = np.full(3 * DAY_STEPS, 10.0), 100
    generator = np.random.default_rng(4)
    while at + 200 < len(demand):
        for start in (at, at + 130):
            demand[start : start + 20] = 60.0
        at += int(generator.integers(400, 1400))
    assert cycle_of(demand) == HOUR_SECONDS


@pytest.mark.parametrize("seconds", [900.0, 1200.0, 1800.0, 3600.0])
def test_what_keeps_the_clock_s_time_recurs_by_the_hour(seconds: float) -> None:
    assert cycle_of(bursts_each(seconds)) == HOUR_SECONDS


@pytest.mark.parametrize("kind", ["even", "wandering", "daily", "nothing", "unheard", "one burst"])
def test_demand_without_a_cycle_of_its_own_recurs_by_the_hour(kind: str) -> None:
    generator, steps = np.random.default_rng(1), 3 * DAY_STEPS
    day = 30.0 * (1.5 + np.sin(np.arange(steps) * 2 * math.pi / DAY_STEPS))
    demand = {
        "even": generator.gamma(4.0, 5.0, steps),
        "wandering": 20.0 * np.exp(generator.normal(0.0, 0.01, steps).cumsum()),
        "daily": day * generator.gamma(50.0, 0.02, steps),
        "nothing": np.zeros(steps),
        "unheard": np.full(steps, np.nan),
        "one burst": np.where(np.arange(steps) // 60 == 50, 100.0, 10.0),
    }[kind]
    assert cycle_of(demand) == HOUR_SECONDS


@pytest.mark.parametrize("steps", [0, 1, 3, 50])
def test_of_next_to_no_history_the_hour_is_taken(steps: int) -> None:
    assert cycle_of(bursts_each(420.0)[:steps]) == HOUR_SECONDS


def test_an_outage_does_not_hide_a_cycle() -> None:
    demand = bursts_each(1500.0)
    demand[3000:9000] = np.nan
    assert cycle_of(demand) == pytest.approx(1500.0, abs=3.0)


def test_a_cycle_shows_through_gaps_all_along() -> None:
    demand = bursts_each(1500.0)
    demand[np.random.default_rng(2).random(len(demand)) < 0.7] = np.nan
    assert cycle_of(demand) == pytest.approx(1500.0, abs=3.0)
