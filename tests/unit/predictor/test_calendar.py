from __future__ import annotations

import pytest
from numpy.testing import assert_allclose

from predictor.calendar import CalendarWindow, apply
from tests.unit.predictor.builders import START, STEP, a_forecast


def a_window(
    first: float,
    last: float,
    multiplier: float | None = None,
    floor: float | None = None,
) -> CalendarWindow:
    return CalendarWindow(
        name="launch",
        start=START + first * STEP,
        end=START + last * STEP,
        multiplier=multiplier,
        floor_per_second=floor,
    )


def medians(*windows: CalendarWindow, of: tuple[float, ...] = (10, 10, 10, 10)) -> list[float]:
    values: list[float] = apply(a_forecast(*of), windows).values[:, 0].tolist()
    return values


def test_a_coming_event_multiplies_the_steps_that_it_covers() -> None:
    assert_allclose(medians(a_window(1, 3, multiplier=3)), [10, 30, 30, 10])


def test_an_event_under_way_is_in_the_measured_level_already() -> None:
    assert_allclose(medians(a_window(-5, 10, multiplier=3)), [10, 10, 10, 10])


def test_the_end_of_an_event_under_way_takes_it_out_again() -> None:
    assert_allclose(medians(a_window(-5, 2, multiplier=4)), [10, 10, 2.5, 2.5])


def test_a_step_covered_in_part_gets_that_part() -> None:
    assert_allclose(medians(a_window(1.5, 3, multiplier=3)), [10, 20, 30, 10])


def test_a_quiet_event_lowers_demand() -> None:
    assert_allclose(medians(a_window(0, 2, multiplier=0.5)), [5, 5, 10, 10])


def test_the_end_of_an_event_that_silenced_demand_changes_nothing() -> None:
    assert_allclose(medians(a_window(-5, 2, multiplier=0), of=(0, 0, 1, 1)), [0, 0, 1, 1])


def test_of_overlapping_events_the_largest_multiplier_counts() -> None:
    windows = a_window(0, 4, multiplier=2), a_window(1, 2, multiplier=5)
    assert_allclose(medians(*windows), [20, 50, 20, 20])


def test_a_floor_holds_for_every_quantile() -> None:
    forecast = apply(a_forecast(10, 10), [a_window(1, 2, floor=50)])
    assert forecast.values[0].max() < 50
    assert_allclose(forecast.values[1], 50)


def test_a_floor_leaves_higher_demand_alone() -> None:
    assert_allclose(medians(a_window(0, 4, floor=3)), [10, 10, 10, 10])


def test_a_changed_forecast_says_so() -> None:
    assert apply(a_forecast(10), [a_window(0, 1, multiplier=2)]).basis == "test + calendar"
    assert apply(a_forecast(10), []).basis == "test"
    assert apply(a_forecast(10), [a_window(5, 6, multiplier=2)]).basis == "test"


def test_an_impossible_window_is_refused() -> None:
    with pytest.raises(ValueError, match="multiplier -1 is not at least 0"):
        a_window(0, 1, multiplier=-1)
    with pytest.raises(ValueError, match="ends 10 s too early"):
        a_window(1, 0, multiplier=1)
