"""Demand that a plan does not provide for ends the pause between two ticks; other news not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from controller.plan import Plan, Reason
from controller.policy import Limits, Mode
from headstart.demand_watch import DemandWatch, is_outgrown
from models.forecast import WorkloadName
from models.outlook import Outlook
from tests.builders import CHAT
from tests.unit.controller.builders import NOW, a_policy, a_reading, an_outlook

POLICY = a_policy(capacity=10.0)


def a_plan(target: int) -> Plan:
    return Plan(
        workload=CHAT,
        at=NOW,
        target=target,
        floor=0,
        reactive=0,
        ready=target,
        restoring=0,
        demand_per_second=1.0,
        lead_time_seconds=10.0,
        quantile_level=0.9,
        reason=Reason.FORECAST,
    )


@dataclass
class Stand:
    """A watch with what it sees, and how often it ended a pause."""

    outlook: Outlook | None = None
    plans: Mapping[WorkloadName, Plan] = field(default_factory=lambda: {CHAT: a_plan(2)})
    times: int = 0

    def __post_init__(self) -> None:
        self.watch = DemandWatch(self, lambda: [POLICY], lambda: self.plans, self.cut_short)

    def latest(self, workload: WorkloadName) -> Outlook | None:
        return self.outlook

    def cut_short(self) -> None:
        self.times += 1


def test_a_rise_beyond_the_plan_ends_the_pause_once() -> None:
    stand = Stand()
    stand.watch.look()
    stand.outlook = an_outlook(reading=a_reading(20.5))
    stand.watch.look()
    stand.watch.look()
    assert stand.times == 1
    stand.outlook = an_outlook(reading=a_reading(21.0))
    stand.watch.look()
    assert stand.times == 2


@pytest.mark.parametrize(
    ("per_second", "target", "outgrown"),
    [(20.1, 2, True), (20.0, 2, False), (0.1, 0, True), (0.0, 0, False)],
)
def test_a_plan_is_outgrown_by_more_than_its_replicas_serve(
    per_second: float, target: int, *, outgrown: bool
) -> None:
    outlook = an_outlook(reading=a_reading(per_second))
    assert is_outgrown(a_plan(target), outlook, POLICY) is outgrown


def test_what_can_have_no_more_or_may_not_act_or_has_no_reading_is_not_hurried() -> None:
    rising = an_outlook(reading=a_reading(99.0))
    full = replace(POLICY, limits=Limits(max_replicas=2))
    assert not is_outgrown(a_plan(2), rising, full)
    assert not is_outgrown(a_plan(2), rising, replace(POLICY, mode=Mode.RECOMMEND))
    assert not is_outgrown(a_plan(2), an_outlook(), POLICY)


def test_a_loop_in_trouble_has_no_plans_and_is_not_hurried() -> None:
    stand = Stand(outlook=an_outlook(reading=a_reading(99.0)), plans={})
    stand.watch.look()
    assert stand.times == 0
