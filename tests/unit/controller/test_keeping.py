from __future__ import annotations

from dataclasses import replace

import pytest

from controller.keeping import KEPT_LEVEL, held_seconds, needed_soon
from controller.observation import Observation
from models.forecast import QUANTILES
from tests.unit.controller.builders import NOW, a_forecast, a_policy, a_reading, an_observation

SETS_HOLD = a_policy(hold_seconds=60.0)
POLICY = a_policy(hold_seconds=None)


def a_rise(at_step: int) -> list[float]:
    """Return demand that rises from 1 to 4, ``at_step`` steps of 10 s from the forecast's issue."""
    return [1.0] * at_step + [4.0] * (30 - at_step)


def known(seen: Observation, steps: int) -> Observation:
    """Return what is seen if the first steps of the forecast are known."""
    assert seen.outlook is not None
    assert seen.outlook.forecast is not None
    forecast = replace(seen.outlook.forecast, known_steps=steps)
    return seen._replace(outlook=replace(seen.outlook, forecast=forecast))


def test_where_demand_is_known_as_far_as_a_plan_looks_nothing_is_held() -> None:
    seen = an_observation(forecast=a_forecast(2.0), lead_time_seconds=95.0)
    for known_steps, held in ((0, 23.75), (9, 23.75), (10, 0.0)):
        now = known(seen, known_steps)
        assert held_seconds(now, POLICY, 5.0) == held
        assert held_seconds(now, SETS_HOLD, 5.0) == 60.0


@pytest.mark.parametrize(
    ("lead_time_seconds", "expected"),
    [(40.0, 1), (47.5, 1), (47.6, 4), (90.0, 4), (1000.0, 4)],
)
def test_soon_is_within_two_lead_times_and_a_tick(lead_time_seconds: float, expected: int) -> None:
    forecast = a_forecast(a_rise(10), issued_at=NOW)
    seen = an_observation(forecast=forecast, lead_time_seconds=lead_time_seconds)
    assert needed_soon(seen, POLICY, 5.0) == expected


def test_it_is_what_is_enough_four_of_five_times() -> None:
    seen = an_observation(forecast=a_forecast(10.0, spread=0.5))
    assert needed_soon(seen, POLICY, 5.0) == 15
    assert QUANTILES[int(KEPT_LEVEL)] == 0.8


def test_what_is_soon_of_a_forecast_that_was_made_before_is_sooner() -> None:
    forecast = a_forecast(a_rise(10), issued_at=NOW)
    seen = an_observation(forecast=forecast, lead_time_seconds=20.0)
    assert needed_soon(seen, POLICY, 5.0) == 1
    assert needed_soon(seen._replace(now=NOW + 56.0), POLICY, 5.0) == 4


def test_without_a_forecast_to_lean_on_nobody_is_kept_by_it() -> None:
    assert needed_soon(an_observation(reading=a_reading(9.0)), POLICY, 5.0) == 0
    stale = an_observation(forecast=a_forecast(9.0, issued_at=NOW - 1000.0))
    assert needed_soon(stale, POLICY, 5.0) == 0


def test_without_one_the_hold_is_longer() -> None:
    seen = an_observation(forecast=a_forecast(9.0), lead_time_seconds=100.0)
    later = seen._replace(now=NOW + 1000.0)
    assert [held_seconds(one, POLICY, 5.0) for one in (seen, later)] == [25.0, 75.0]


def test_nor_where_the_policy_sets_the_hold_or_demand_is_known() -> None:
    seen = an_observation(forecast=a_forecast(9.0), lead_time_seconds=95.0)
    assert needed_soon(seen, POLICY, 5.0) == 9
    assert needed_soon(seen, SETS_HOLD, 5.0) == 0
    assert [needed_soon(known(seen, steps), POLICY, 5.0) for steps in (9, 10)] == [9, 0]
