import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.demand_curve import DemandCurve, demand_curve, forecast_within, is_known
from tests.unit.controller.builders import (
    HORIZON_STEPS,
    NOW,
    STEP_SECONDS,
    a_forecast,
    a_reading,
    an_observation,
)

MEDIAN = 0.0


def curve_of(steps: list[float], *, age_seconds: float = 0.0) -> DemandCurve:
    """Return the curve of a forecast issued so long ago."""
    forecast = a_forecast(steps, issued_at=NOW - age_seconds)
    curve = demand_curve(an_observation(forecast=forecast), MEDIAN)
    assert curve is not None
    return curve


def test_demand_is_known_as_far_as_all_steps_of_a_while_are() -> None:
    # The forecast is half a step old, and tells two steps.
    told = replace(a_forecast(2.0, issued_at=NOW - 5.0), known_steps=2)
    seen = an_observation(forecast=told)
    assert [is_known(seen, within) for within in (1.0, 15.0, 15.1)] == [True, True, False]
    assert not is_known(an_observation(forecast=a_forecast(2.0)), 5.0)
    assert not is_known(an_observation(reading=a_reading()), 5.0)
    over = replace(told, issued_at=NOW - HORIZON_STEPS * STEP_SECONDS)
    assert not is_known(an_observation(forecast=over), 1.0)


def test_without_a_forecast_there_is_no_curve() -> None:
    assert demand_curve(an_observation(reading=a_reading()), MEDIAN) is None


def test_a_forecast_is_leant_on_until_its_last_step_is_over() -> None:
    horizon = HORIZON_STEPS * STEP_SECONDS
    last = a_forecast(2.0, issued_at=NOW - horizon + 1.0)
    stale = a_forecast(2.0, issued_at=NOW - horizon)
    curve = demand_curve(an_observation(forecast=last), MEDIAN)
    assert curve is not None
    assert curve.peak(1e6) == 2.0
    assert demand_curve(an_observation(forecast=stale), MEDIAN) is None


def test_a_forecast_without_a_step_is_none() -> None:
    # Of a clock that is ahead, or at the very last of its time, when rounding finds no step left.
    empty = replace(a_forecast(2.0, issued_at=NOW + 1.0), values=a_forecast().values[:0])
    third = replace(a_forecast([2.0] * 90, issued_at=0.0), step_seconds=1 / 3)
    for forecast, now in ((empty, NOW), (third, math.nextafter(30.0, 0.0))):
        assert not forecast.is_stale(now=now)
        seen = an_observation(forecast=forecast, now=now)
        assert demand_curve(seen, MEDIAN) is None
        assert forecast_within(seen, 60.0) is None


def test_the_level_chooses_the_demand() -> None:
    seen = an_observation(forecast=a_forecast(10.0, spread=0.5), peak_per_second=100.0)
    curves = [demand_curve(seen, level) for level in (0.0, 1.0, 5.0)]
    peaks = [curve.peak(1.0) for curve in curves if curve]
    assert peaks == pytest.approx([10.0, 15.0, 34.5])


def test_demand_that_begins_after_the_while_does_not_count_yet() -> None:
    curve = curve_of([1.0, 1.0, 9.0])
    assert curve.peak(20.0) == 1.0
    assert curve.peak(20.1) == 9.0


def test_an_older_forecast_has_moved_on() -> None:
    curve = curve_of([9.0, 1.0, 2.0, 3.0], age_seconds=14.0)
    assert (curve.peak(0.0), curve.peak(6.1), curve.peak(16.1)) == (1.0, 2.0, 3.0)


def test_a_forecast_from_a_clock_that_is_ahead_begins_now() -> None:
    assert curve_of([9.0, 1.0], age_seconds=-3.0).peak(1.0) == 9.0


@given(
    steps=st.lists(st.integers(0, 50).map(float), min_size=3, max_size=30),
    age=st.integers(0, 29),
    within=st.integers(0, 400),
)
def test_the_peak_is_the_most_of_all_steps_that_have_begun_by_then(
    steps: list[float], age: int, within: int
) -> None:
    begins = {NOW - age + number * 10: demand for number, demand in enumerate(steps)}
    still_to_come = {at: demand for at, demand in begins.items() if at + 10 > NOW}
    first = min(still_to_come)
    expected = max(d for at, d in still_to_come.items() if at < NOW + within or at == first)
    assert curve_of(steps, age_seconds=age).peak(within) == expected
