"""Which steps of demand are beyond belief, and for how long."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.series import (
    BUSY_STEPS,
    ENOUGH_STEPS,
    DemandSeries,
    mask_leaps,
    without_glitches,
    without_leaps,
)

NAN = float("nan")
#: Some requests now and then, one in ten seconds at the most.
SPARSE = [0.1, 0.0, 0.0, 0.1, 0.0] * 72
#: An hour of ten a second.
BUSY = [8.0, 10.0, 12.0] * 120


def a_series(*values: float, step_seconds: float = 10.0) -> DemandSeries:
    return DemandSeries(start=0.0, step_seconds=step_seconds, values=np.array(values))


def leaps(*values: float, steps_before: int = 360, glitch_steps: int = 9) -> list[int]:
    """Return the places of the steps that are not believed."""
    masked = mask_leaps(np.array(values), steps_before=steps_before, glitch_steps=glitch_steps)
    return _gone(masked, values)


def unbelieved(before: list[float], *values: float) -> list[int]:
    """Return which of the values, in steps of ten seconds, are not believed after those before."""
    series = a_series(*before, *values)
    return [place - len(before) for place in _gone(without_leaps(series).values, series.values)]


def unlearned(before: list[float], *values: float) -> list[int]:
    """Return which of the values, in steps of ten seconds, are not learned after those before."""
    series = a_series(*before, *values)
    return [place - len(before) for place in _gone(without_glitches(series).values, series.values)]


def _gone(masked: np.ndarray, values: object) -> list[int]:
    return np.flatnonzero(np.isnan(masked) & ~np.isnan(values)).tolist()  # type: ignore[call-overload]


def test_a_lone_step_beyond_all_of_the_hour_before_is_not_believed() -> None:
    sparse = [0.0, 1.0, 12.0] * 50
    assert leaps(*sparse, 12_001.0, 10.0) == [len(sparse)]
    assert leaps(*sparse, 12_000.0, 10.0) == []
    assert leaps(*sparse, NAN, 12_001.0) == [len(sparse) + 1]
    assert len(sparse) == ENOUGH_STEPS
    # Little is known yet.
    assert leaps(*sparse[1:], 2401.0) == [len(sparse) - 1]
    assert leaps(*sparse[1:], 2400.0) == []


def test_out_of_near_silence_a_leap_that_lasts_or_has_come_before_is_believed() -> None:
    assert leaps(5.0, 5e3, 5e3, 5e3, 5.0) == [1]
    assert leaps(5.0, 5e3, 5.0, 5e3) == [1]
    assert leaps(5.0, 6e3, 5.0, 5.0, 6e3, steps_before=2) == [1, 4]
    assert unbelieved(SPARSE, 200.0, 200.0, 0.0, 200.0) == [0]


def test_where_nothing_or_nothing_but_zeros_came_before_all_is_believed() -> None:
    assert leaps(1e12, 5.0) == leaps(NAN, 1e12, 5.0) == leaps(0.0, 0.0, 1e12, 1.0) == []
    assert leaps(0.0, 0.0) == leaps(NAN) == leaps() == []
    assert leaps(0.1, 0.0, 21.0) == [2]


def test_a_series_without_leaps_is_as_it_was() -> None:
    ordinary = a_series(*BUSY, 1200.0, 0.0, NAN)
    assert_array_equal(without_leaps(ordinary).values, ordinary.values)
    assert_array_equal(without_glitches(ordinary).values, ordinary.values)
    assert_array_equal(without_leaps(a_series(5, 5e6)).values, [5, NAN])


@pytest.mark.parametrize("times", [400.0, 1e5, 1e9])
@pytest.mark.parametrize("steps", [1, 2, 6, 9])
def test_a_glitch_out_of_a_busy_series_is_not_believed_for_as_long_as_it_is_there(
    times: float, steps: int
) -> None:
    glitch = [12.0 * times] * steps
    assert unbelieved(BUSY, *glitch, 10.0) == list(range(steps))
    assert unlearned(BUSY, *glitch, 10.0) == list(range(steps))


def test_what_was_a_glitch_is_no_reason_to_believe_the_next_one() -> None:
    assert unbelieved(BUSY, 1e6, 1e6, 10.0, 1e6, NAN, 1e6, 10.0) == [0, 1, 3, 5]
    assert unlearned(BUSY, 1e6, 1e6, 10.0, 1e6, NAN, 1e6, 10.0) == [0, 1, 3, 5]


def test_a_leap_out_of_a_busy_series_is_believed_once_it_has_lasted() -> None:
    doubted = list(range(9))
    assert unbelieved(BUSY, *[1e6] * 30, 10.0, 1e6) == doubted
    assert unlearned(BUSY, *[1e6] * 30, 10.0, 1e6) == doubted
    series = a_series(*BUSY, *[1e6] * 4, step_seconds=60.0)
    assert _gone(without_leaps(series).values, series.values) == [len(BUSY), len(BUSY) + 1]


def test_a_surge_out_of_a_busy_series_is_planned_for_at_once_but_learned_once_it_lasts() -> None:
    surge = [2000.0] * 30
    assert unbelieved(BUSY, *surge) == []
    assert unlearned(BUSY, *surge) == list(range(9))
    # Or once it comes again.
    assert unlearned(BUSY, *surge[:3], 10.0, *surge[:3]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("before", "values"),
    [
        (BUSY, [40.0, 80.0, 110.0, 120.0]),
        (BUSY, [600.0] * 6),
        (SPARSE, [5.0] * 6),
        (SPARSE, [50.0, 0.0, 50.0]),
        ([10.0] * 60 + [0.0] * 360, [10_000.0, 5.0]),
        ([10.0] * 60 + [NAN] * 360, [10_000.0, 5.0]),
        ([10.0] * 6 + [0.0] * 60, [400.0] * 6),
        ([0.0] * 360, [1e6] * 6),
    ],
    ids=["tenfold", "fiftyfold", "burst", "on-off", "idle", "outage", "young", "first"],
)
def test_what_real_demand_does_is_learned_at_once(before: list[float], values: list[float]) -> None:
    assert unbelieved(before, *values) == unlearned(before, *values) == []


def test_out_of_near_silence_what_no_demand_reaches_is_doubted_as_out_of_a_busy_series() -> None:
    assert unbelieved(SPARSE, *[1001.0] * 6, 0.1) == [0, 1, 2, 3, 4, 5]
    assert unbelieved(SPARSE, *[1001.0] * 12, 0.1) == list(range(9))
    assert unbelieved(SPARSE, *[999.0] * 6, 0.1) == [0]


@given(
    st.lists(st.sampled_from([NAN, 0.0, 0.5, 1.0, 150.0, 3e4, 1e9]), max_size=20),
    st.integers(0, 20),
    st.sampled_from([0, BUSY_STEPS // 2, BUSY_STEPS]),
)
def test_whether_a_step_is_believed_depends_on_none_after_it(
    values: list[float], cut: int, busy: int
) -> None:
    whole, part = [1.0] * busy + values, [1.0] * busy + values[:cut]
    for busy_leap in (100.0, 300.0):
        masked = mask_leaps(np.array(whole), steps_before=65, glitch_steps=3, busy_leap=busy_leap)
        earlier = mask_leaps(np.array(part), steps_before=65, glitch_steps=3, busy_leap=busy_leap)
        assert_array_equal(earlier, masked[: len(part)])


@given(st.lists(st.sampled_from([NAN, 0.0, 1.0, 250.0, 3e4, 1e9]), max_size=30))
@example([250.0] * 5 + [1e9] * 9)
def test_what_is_not_believed_is_not_learned(values: list[float]) -> None:
    series = a_series(*BUSY[:60], *values)
    missing = np.isnan(without_leaps(series).values)
    assert np.isnan(without_glitches(series).values)[missing].all()
