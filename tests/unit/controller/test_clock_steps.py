"""A clock that is set back costs seconds: nothing is held, or stands still, until it is made up."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from controller.clock_steps import set_right
from controller.cluster_view import Phase
from controller.tick import tick
from controller.tick_state import TickSettings, TickState, WorkloadState
from tests.builders import CHAT, a_fleet, a_replica
from tests.unit.controller.builders import NOW, a_forecast, a_policy, a_reading, an_outlook

TICK_SECONDS = 5.0


@dataclass
class Loop:
    """The loop where replicas come and go at once; ``set_back`` is how far all clocks were set."""

    now: float = NOW
    set_back: float = 0.0
    state: TickState = field(default_factory=TickState)
    target: int = 0

    def run(self, seconds: float, demand: float, *, forecast: float | None = None) -> None:
        for _ in range(round(seconds / TICK_SECONDS)):
            self.now += TICK_SECONDS
            self._tick(demand, demand if forecast is None else forecast, self.now - self.set_back)

    def _tick(self, demand: float, forecast: float, now: float) -> None:
        outlook = an_outlook(
            reading=a_reading(demand, at=now - 1.0),
            forecast=a_forecast(forecast, issued_at=now - 1.0),
        )
        ready = [a_replica(f"chat-{i}", phase=Phase.READY) for i in range(self.target)]
        done = tick(
            a_fleet(*ready, nodes=200, seen_at=now),
            {CHAT: outlook},
            self.state,
            now,
            policies=(a_policy(),),
            settings=TickSettings(tick_seconds=TICK_SECONDS),
        )
        self.state, self.target = done.state, done.plans[0].target

    @property
    def known(self) -> WorkloadState:
        return self.state.workloads[CHAT]


def after_a_surge(*, set_back: float) -> Loop:
    """Return the loop at the end of a surge, when all clocks are set."""
    loop = Loop()
    loop.run(1200.0, 20.0)
    loop.run(120.0, 100.0)
    loop.set_back = set_back
    return loop


@pytest.mark.parametrize("set_back", [3600.0, 600.0, 120.0, -3600.0])
def test_what_was_wanted_is_held_no_longer_than_without_the_step(set_back: float) -> None:
    stepped, steady = after_a_surge(set_back=set_back), after_a_surge(set_back=0.0)
    for loop in (stepped, steady):
        loop.run(90.0, 5.0)
    assert stepped.target <= 1.3 * steady.target
    for loop in (stepped, steady):
        loop.run(1800.0, 5.0)
    assert stepped.target == steady.target


@pytest.mark.parametrize("set_back", [3600.0, 120.0])
def test_demand_is_taken_in_again_at_once(set_back: float) -> None:
    loop = after_a_surge(set_back=set_back)
    before = loop.known.outcomes.demand
    loop.run(60.0, 5.0)
    after = loop.known
    assert after.outcomes.demand - before >= 5.0 * 45.0
    assert after.outcomes.smooth_per_second < 50.0
    assert after.shadows is not None
    assert after.shadows.until == pytest.approx(loop.now - set_back - 1.0, abs=10.0)


def test_a_forecast_that_is_far_off_is_noticed_after_a_step_too() -> None:
    loop = after_a_surge(set_back=3600.0)
    loop.run(300.0, 20.0)
    loop.run(600.0, 20.0, forecast=150.0)
    assert loop.known.trust.is_lost


@pytest.mark.parametrize("seconds", [5.0, 0.0, -30.0, -60.0])
def test_small_steps_and_those_forward_change_nothing_that_is_remembered(seconds: float) -> None:
    loop = after_a_surge(set_back=0.0)
    assert set_right(loop.known, now=loop.now + seconds) is loop.known


def test_a_workload_that_was_never_planned_has_nothing_to_set_right() -> None:
    state = WorkloadState()
    assert set_right(state, now=-NOW) is state
