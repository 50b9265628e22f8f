from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.series import (
    OUTAGE_SECONDS,
    DemandSeries,
    mask_outages,
    merge,
    without_outages,
)

NAN = float("nan")


def a_series(*values: float, start: float = 100.0, step_seconds: float = 10.0) -> DemandSeries:
    return DemandSeries(start=start, step_seconds=step_seconds, values=np.array(values))


def busy_then(*values: float) -> np.ndarray:
    return np.array([8.0, 10.0, 12.0] * 20 + list(values))


def test_between_fills_what_is_not_held_with_missing() -> None:
    span = a_series(1, 2, 3).between(90, 140)
    assert span.start == 90
    assert_array_equal(span.values, [NAN, 1, 2, 3, NAN])


def test_between_of_a_span_that_is_not_held_at_all_is_missing() -> None:
    assert_array_equal(a_series(1, 2).between(500, 520).values, [NAN, NAN])


def test_a_series_ends_where_its_last_step_does() -> None:
    assert a_series(1, 2, 3).end == 130


@pytest.mark.parametrize("values", [(-1.0,), (float("inf"),)])
def test_impossible_demand_is_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite and at least 0"):
        a_series(*values)


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="step_seconds: 0 is not above 0"):
        a_series(1, step_seconds=0)


def test_a_table_is_no_series() -> None:
    with pytest.raises(ValueError, match="2 dimensions"):
        DemandSeries(start=0, step_seconds=1, values=np.zeros((2, 2)))


def test_merge_takes_each_step_from_the_first_that_knows_it() -> None:
    merged = merge([a_series(1, NAN, NAN), a_series(9, 2, NAN), a_series(9, 9, NAN)])
    assert_array_equal(merged.values, [1, 2, NAN])


def test_merge_refuses_other_grids_and_nothing() -> None:
    with pytest.raises(ValueError, match="grids differ"):
        merge([a_series(1), a_series(1, start=110)])
    with pytest.raises(ValueError, match="none given"):
        merge([])


def test_zeros_out_of_a_busy_series_are_missing() -> None:
    masked = mask_outages(busy_then(0, 0, 9), outage_steps=30)
    assert_array_equal(masked[-3:], [NAN, NAN, 9])


def test_zeros_of_a_series_that_comes_near_idle_are_demand() -> None:
    values = np.array([3.0, 1.0, 8.0, 0.5] * 15 + [0.0, 0.0])
    assert_array_equal(mask_outages(values, outage_steps=30), values)


def test_zeros_are_believed_once_they_last() -> None:
    masked = mask_outages(busy_then(*[0.0] * 8), outage_steps=5)
    assert_array_equal(masked[-8:], [NAN] * 5 + [0] * 3)


def test_an_outage_soon_after_another_is_masked_too() -> None:
    masked = mask_outages(busy_then(0, 0, 9, 11, 0, 10), outage_steps=30)
    assert_array_equal(masked[-6:], [NAN, NAN, 9, 11, NAN, 10])


def test_missing_steps_neither_end_a_run_of_zeros_nor_begin_one() -> None:
    masked = mask_outages(busy_then(0, NAN, 0, NAN, 0), outage_steps=3)
    assert_array_equal(masked[-5:], [NAN, NAN, NAN, NAN, 0])


def test_a_series_too_short_to_be_called_busy_is_left_alone() -> None:
    values = np.array([5.0, 6.0, 0.0])
    assert_array_equal(mask_outages(values, outage_steps=30), values)


@given(
    st.lists(st.sampled_from([0.0, 0.0, 5.0, 6.0, NAN]), max_size=60),
    st.integers(min_value=0, max_value=60),
)
def test_what_becomes_of_a_step_does_not_depend_on_later_ones(
    values: list[float], cut: int
) -> None:
    whole = mask_outages(np.array(values), outage_steps=3, busy_steps=6)
    part = mask_outages(np.array(values[:cut]), outage_steps=3, busy_steps=6)
    assert_array_equal(whole[: len(part)], part)


@pytest.mark.parametrize(("step_seconds", "doubted"), [(10.0, 360), (60.0, 60), (7200.0, 1)])
def test_zeros_are_doubted_for_an_hour_whatever_the_step(step_seconds: float, doubted: int) -> None:
    values = busy_then(*[0.0] * (doubted + 1))
    series = DemandSeries(start=0.0, step_seconds=step_seconds, values=values)
    believed = without_outages(series).values[60:]
    assert OUTAGE_SECONDS == 3600.0
    assert_array_equal(believed, [NAN] * doubted + [0.0])
