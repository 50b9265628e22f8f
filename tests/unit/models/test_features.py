from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.features import FeatureMaker, ewma, filled, offset_of
from models.forecast import FloatArray

NAN = float("nan")
known = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)
gappy = st.lists(st.just(NAN) | st.floats(0, 1e6), max_size=40)
#: Columns of ``of_horizons``.
LAST_DAY, MEAN_HOURS, MOST_HOURS, LEAST_HOURS, LAST_HOUR = 6, 7, 8, 9, 10


def a_maker(demand: FloatArray, *, step_seconds: float = 60.0, start: float = 0.0) -> FeatureMaker:
    return FeatureMaker(demand, start=start, step_seconds=step_seconds, offset=1.0)


def some_demand(steps: int, *, seed: int = 3) -> FloatArray:
    return np.random.default_rng(seed).gamma(4.0, 5.0, steps)


def plain_ewma(values: list[float], half_life: float) -> list[float]:
    keep, means = 0.5 ** (1 / half_life), [values[0]]
    for value in values[1:]:
        means.append(keep * means[-1] + (1 - keep) * value)
    return means


@given(gappy)
def test_a_missing_step_takes_the_value_before_it(values: list[float]) -> None:
    expected, last = [], 0.0
    for value in values:
        last = last if math.isnan(value) else value
        expected.append(last)
    assert filled(np.array(values)).tolist() == expected


@given(known, st.sampled_from([0.7, 2.0, 240.0]))
def test_the_running_mean_forgets_half_in_a_half_life(
    values: list[float], half_life: float
) -> None:
    expected = plain_ewma(values, half_life)
    assert ewma(np.array(values), half_life) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_the_running_mean_of_nothing_is_nothing() -> None:
    assert ewma(np.array([]), 2.0).shape == (0,)


@pytest.mark.parametrize(
    ("demand", "expected"),
    [([NAN, 1000.0, 3000.0], 40.0), ([0.1, 0.2], 0.1), ([NAN, NAN], 0.1), ([], 0.1)],
)
def test_the_offset_is_a_request_a_step_or_a_fiftieth_of_the_median(
    demand: list[float], expected: float
) -> None:
    assert offset_of(np.array(demand), step_seconds=10.0) == pytest.approx(expected)


def test_an_origin_is_described_by_its_lags_levels_roughness_and_level() -> None:
    demand = some_demand(80)
    row = a_maker(demand).of_origins(np.array([70]))[0]
    logs = [math.log(value + 1) for value in demand]
    levels = {
        half: math.log(plain_ewma(list(demand), half)[70] + 1) for half in (2, 6, 20, 60, 300)
    }
    changes = [0.0] + [abs(now - before) for before, now in itertools.pairwise(logs)]
    lags = [logs[70 - lag] - levels[2] for lag in (0, 1, 2, 3, 5, 10)]
    means = [levels[half] - levels[2] for half in (6, 20, 60, 300)]
    rough = [plain_ewma(changes, half)[70] for half in (6.0, 60.0)]
    assert row == pytest.approx([*lags, *means, *rough, levels[2]])


def test_the_first_origin_has_itself_for_lags() -> None:
    row = a_maker(np.array([5.0, 7.0])).of_origins(np.array([0]))[0]
    assert_array_equal(row[:6], np.zeros(6))


@pytest.mark.parametrize(("back", "column"), [(60, LAST_HOUR), (1440, LAST_DAY)])
def test_what_followed_this_moment_a_cycle_ago_is_known(back: int, column: int) -> None:
    demand, origin, ahead = some_demand(2000), 1800, 7
    row = a_maker(demand).of_horizons(np.array([origin]), np.array([ahead]))[0]
    then = origin - back
    level = plain_ewma(list(demand), 2.0)[then]
    assert row[column] == pytest.approx(math.log((demand[then + ahead] + 1) / (level + 1)))


def test_hours_are_summed_up_by_mean_most_and_least() -> None:
    demand, origin, ahead = some_demand(400), 300, 7
    row = a_maker(demand).of_horizons(np.array([origin]), np.array([ahead]))[0]
    levels = plain_ewma(list(demand), 2.0)
    changes = [
        math.log((demand[then + ahead] + 1) / (levels[then] + 1)) for then in (240, 180, 120)
    ]
    expected = [sum(changes) / 3, max(changes), min(changes), changes[0]]
    assert row[[MEAN_HOURS, MOST_HOURS, LEAST_HOURS, LAST_HOUR]] == pytest.approx(expected)


def test_a_cycle_that_is_no_whole_number_of_steps_ends_at_the_nearest() -> None:
    demand = some_demand(400)
    maker = FeatureMaker(demand, start=0.0, step_seconds=10.0, offset=1.0, cycle_seconds=433.0)
    row = maker.of_horizons(np.array([300]), np.array([7]))[0]
    level = plain_ewma(list(demand), 2.0)[300 - 43]
    assert row[LAST_HOUR] == pytest.approx(math.log((demand[300 - 43 + 7] + 1) / (level + 1)))


def test_of_cycles_shorter_than_what_is_ahead_the_last_that_is_over_is_recalled() -> None:
    demand, ahead = some_demand(400), 50
    maker = FeatureMaker(demand, start=0.0, step_seconds=10.0, offset=1.0, cycle_seconds=200.0)
    row = maker.of_horizons(np.array([300]), np.array([ahead]))[0]
    then = 300 - 60  # three cycles
    level = plain_ewma(list(demand), 2.0)[then]
    assert row[LAST_HOUR] == pytest.approx(math.log((demand[then + ahead] + 1) / (level + 1)))


def test_a_cycle_far_from_any_number_of_steps_recalls_nothing() -> None:
    row = a_maker(some_demand(200), step_seconds=2400.0).of_horizons(np.array([9]), np.array([1]))
    assert row[0, LAST_HOUR] == 0.0


def test_the_time_within_a_cycle_is_that_of_the_step_forecast() -> None:
    maker = FeatureMaker(
        some_demand(31), start=1000.0, step_seconds=60.0, offset=1.0, cycle_seconds=420.0
    )
    minute = maker.of_horizons(np.array([0]), np.array([3]))[0, 2]
    assert minute == pytest.approx((1000.0 + 3.5 * 60.0) % 420.0 / 60.0)


def test_the_hour_and_minute_are_those_of_the_step_forecast() -> None:
    # From 06:00: the step from 06:30 to 06:31 is 30 steps after that from 06:00.
    maker = a_maker(some_demand(31), start=4 * 86400 + 6 * 3600)
    ahead, hour, minute, *_ = maker.of_horizons(np.array([0]), np.array([30]))[0]
    assert ahead == 1800
    assert hour == 6
    assert minute == pytest.approx(30.5)


@given(
    st.integers(1, 400),
    st.integers(1, 90),
    st.sampled_from([10.0, 60.0, 600.0, 3600.0]),
    st.integers(0, 2**32 - 1),
)
def test_what_is_said_of_an_origin_does_not_depend_on_later_steps(
    origin: int, ahead: int, step_seconds: float, seed: int
) -> None:
    demand = some_demand(500, seed=seed)
    changed = demand.copy()
    changed[origin + 1 :] = some_demand(500, seed=seed + 1)[origin + 1 :] * 9
    origins, aheads = np.array([origin]), np.array([ahead])
    before, after = (a_maker(each, step_seconds=step_seconds) for each in (demand, changed))
    past = np.arange(origin + 1)
    assert_array_equal(before.level_at(past), after.level_at(past))
    assert_array_equal(before.of_origins(origins), after.of_origins(origins))
    assert_array_equal(before.of_horizons(origins, aheads), after.of_horizons(origins, aheads))
