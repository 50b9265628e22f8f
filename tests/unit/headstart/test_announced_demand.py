"""Announced demand in the whole loop: windows, forecasts, ticks and the simulated cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from controller.environment import Environment, StartLatency
from controller.simulation import SimulatedWorld
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from headstart.trial import Capacity
from models.forecast import QUANTILES, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook
from predictor.announced import AnnouncedState, failed, judge, windows_of
from predictor.announcement import Announcement
from predictor.calendar import apply
from tests.unit.controller.builders import a_policy

CHAT = WorkloadName("chat")
LEAD_SECONDS, TICK_SECONDS, STEP_SECONDS, HOLD_SECONDS = 60.0, 5.0, 10.0, 45.0
GRACE_SECONDS = 300.0
USUAL = 2.0
SIX = 3600.0
CAMPAIGN = Announcement(id="c", workload=CHAT, start=SIX, end=SIX + 3600.0, multiplier=3.0)
FLOOR = Announcement(id="f", workload=CHAT, start=SIX, end=SIX + 3600.0, floor_per_second=6.0)


@dataclass(frozen=True, kw_only=True)
class Course:
    """Targets by time, and what the replicas cost."""

    targets: dict[float, int]
    gpu_seconds: float

    def first_above(self, usual: int) -> float | None:
        return next((at for at, target in self.targets.items() if target > usual), None)

    def last_above(self, usual: int) -> float:
        return max(at for at, target in self.targets.items() if target > usual)


def play(announced: tuple[Announcement, ...], demand: Callable[[float], float]) -> Course:
    """Let the loop run over the campaign; forecasts say that the measured demand stays."""
    world = SimulatedWorld(Environment(restore=StartLatency(median_seconds=50.0, sigma=0.0)), 0.0)
    world.begin_ready(CHAT, 3, SIX - 600.0)
    policies = [a_policy(hold_seconds=HOLD_SECONDS)]
    settings = TickSettings(tick_seconds=TICK_SECONDS, fixed_lead_time_seconds=LEAD_SECONDS)
    state, judged = TickState(), AnnouncedState()
    targets: dict[float, int] = {}
    for now in np.arange(SIX - 600.0, SIX + 4200.0, TICK_SECONDS).tolist():
        issued_at = now // STEP_SECONDS * STEP_SECONDS - STEP_SECONDS
        per_second = demand(issued_at - 1)
        reading = DemandReading(
            measured_at=issued_at, window_seconds=STEP_SECONDS, per_second=per_second
        )
        current = tuple(one for one in announced if one.end > now)
        judged = judge(judged, current, reading)
        windows = windows_of(
            judged, current, grace_seconds=GRACE_SECONDS, issued_at=issued_at, now=now
        )
        outlook = Outlook(
            workload=CHAT,
            published_at=now,
            reading=reading,
            forecast=apply(level_forecast(per_second, issued_at), windows),
        )
        world.advance(now)
        result = tick(
            world.fleet(), {CHAT: outlook}, state, now, policies=policies, settings=settings
        )
        state = result.state
        for action in result.actions:
            world.apply(action)
        targets[now] = result.plans[0].target
    paid = Capacity.from_records(world.records()).paid.area(0.0, now)
    return Course(targets=targets, gpu_seconds=paid)


def level_forecast(per_second: float, issued_at: float) -> Forecast:
    return Forecast(
        workload=CHAT,
        issued_at=issued_at,
        step_seconds=STEP_SECONDS,
        quantiles=QUANTILES,
        values=np.full((60, len(QUANTILES)), per_second),
        basis="test",
    )


def usual(_: float) -> float:
    return USUAL


def tripled(at: float) -> float:
    return 3 * USUAL if CAMPAIGN.start <= at < CAMPAIGN.end else USUAL


def late(at: float) -> float:
    return tripled(at) if at >= SIX + GRACE_SECONDS / 2 else USUAL


@pytest.mark.parametrize("announced", [CAMPAIGN, FLOOR])
def test_a_campaign_raises_the_plan_one_lead_time_ahead_and_not_earlier(
    announced: Announcement,
) -> None:
    steady = max(play((), usual).targets.values())
    course = play((announced,), tripled)
    raised_at = course.first_above(steady)
    # A forecast's step that the campaign touches counts whole, and a tick may just have passed.
    earliest = SIX - LEAD_SECONDS - TICK_SECONDS - STEP_SECONDS
    assert raised_at is not None
    assert earliest <= raised_at <= SIX - LEAD_SECONDS
    assert course.targets[SIX] >= 6
    assert min(target for at, target in course.targets.items() if SIX <= at < SIX + 3500) >= 6


def test_demand_that_is_late_is_waited_for() -> None:
    course = play((CAMPAIGN,), late)
    assert min(target for at, target in course.targets.items() if SIX <= at < SIX + 3500) >= 6


@pytest.mark.parametrize("announced", [CAMPAIGN, FLOOR])
def test_an_announcement_that_is_wrong_costs_its_grace_time_and_the_hold(
    announced: Announcement,
) -> None:
    without, course = play((), usual), play((announced,), usual)
    steady = without.targets[SIX]  # the first plans are surer, as nothing was measured yet
    assert course.last_above(steady) <= SIX + GRACE_SECONDS + HOLD_SECONDS + TICK_SECONDS
    more = max(course.targets.values()) - steady
    longest = LEAD_SECONDS + STEP_SECONDS + GRACE_SECONDS + HOLD_SECONDS + 2 * TICK_SECONDS
    drained = 30.0
    assert course.gpu_seconds - without.gpu_seconds <= more * (longest + drained)


def test_an_announcement_that_failed_never_takes_replicas_away() -> None:
    without, course = play((), usual), play((CAMPAIGN,), usual)
    assert all(course.targets[at] >= target for at, target in without.targets.items())


def test_an_announcement_that_failed_is_said_until_it_is_over() -> None:
    state = judge(AnnouncedState(), (CAMPAIGN,), None)
    asked = {
        at: bool(failed(state, (CAMPAIGN,), grace_seconds=GRACE_SECONDS, now=at))
        for at in (SIX, SIX + GRACE_SECONDS, SIX + 3600.0)
    }
    assert asked == {SIX: False, SIX + GRACE_SECONDS: True, SIX + 3600.0: False}


def test_nothing_is_invented_where_nobody_looked_before_the_beginning() -> None:
    after = DemandReading(measured_at=SIX + 5, window_seconds=10.0, per_second=6.0)
    state = judge(AnnouncedState(), (CAMPAIGN,), after)
    windows = windows_of(
        state, (CAMPAIGN,), grace_seconds=GRACE_SECONDS, issued_at=SIX + 10, now=SIX + 10
    )
    assert apply(level_forecast(6.0, SIX + 10), windows).values.max() == 6.0
