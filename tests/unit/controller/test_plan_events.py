"""What plans and outlooks foretell, as events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from controller.cloud_event import CloudEvent
from controller.plan import Plan, Reason, Upcoming
from controller.plan_events import TURNED_SECONDS, plan_events
from controller.policy import Mode
from controller.tick_report import TickReport
from controller.told import Told, told_of_json
from tests.builders import CHAT, a_fleet, a_plan, a_replica
from tests.unit.controller.builders import NOW, a_forecast, an_outlook
from tests.unit.controller.event_schemas import fitting

QUIET = a_plan(at=NOW, reason=Reason.HOLD)
RISING = QUIET._replace(upcoming=(Upcoming(start_at=NOW + 30, count=3),))


def a_report(
    plan: Plan = QUIET, *, degraded: tuple[str, ...] = (), mode: Mode = Mode.ACT, **fields: Any
) -> TickReport:
    outlook = replace(
        an_outlook(forecast=a_forecast([2.0, 9.0, 4.0])), degraded=degraded, published_at=plan.at
    )
    known = {"fleet": a_fleet(a_replica()), "outlooks": {plan.workload: outlook}, **fields}
    return TickReport(now=plan.at, modes={plan.workload: mode}, plans=(plan,), **known)


def told_of(reports: Iterable[TickReport]) -> list[CloudEvent]:
    """Return what is told of ticks; what is remembered goes through JSON in between."""
    events: list[CloudEvent] = []
    told: dict[Any, Told] = {}
    for report in reports:
        said, after = plan_events(told, report)
        events += said
        told = {name: told_of_json(one.to_json()) for name, one in after.items()}
    fitting(event.to_json() for event in events)
    return events


def at(seconds: float, plan: Plan = QUIET) -> Plan:
    return plan._replace(at=NOW + seconds)


def test_a_rise_is_told_once_with_when_how_high_and_how_many() -> None:
    [event] = told_of([a_report(), a_report(at(5, RISING)), a_report(at(10, RISING))])
    assert event.id == f"ramp.predicted/chat-{NOW * 1000:.0f}"
    assert event.data["peakPerSecond"] == 9.0
    assert event.data["peakAt"] == NOW + 20.0
    assert (event.data["replicas"], event.data["neededReplicas"]) == (1, 4)
    assert event.data["firstStartAt"] == NOW + 30


def test_starts_that_the_forecast_asks_for_now_are_a_rise_too() -> None:
    plan = QUIET._replace(starts=2, reason=Reason.FORECAST)
    [event] = told_of([a_report(plan)])
    assert event.data["firstStartAt"] == NOW
    assert told_of([a_report(plan._replace(reason=Reason.REACTIVE))]) == []


def test_a_rise_that_grew_or_came_back_is_told_again() -> None:
    more = RISING._replace(upcoming=(Upcoming(start_at=NOW + 30, count=5),))
    assert len(told_of([a_report(RISING), a_report(at(5, more))])) == 2
    assert len(told_of([a_report(RISING), a_report(at(60, RISING))])) == 1
    assert len(told_of([a_report(RISING), a_report(at(30)), a_report(at(61, RISING))])) == 2


def test_without_a_forecast_there_is_no_rise_to_tell() -> None:
    assert told_of([a_report(RISING, outlooks={})]) == []


def test_a_lead_time_is_told_when_it_has_changed_by_a_fifth() -> None:
    leads = [60.0, 65.0, 72.0, 80.0, 57.0]
    events = told_of(a_report(QUIET._replace(lead_time_seconds=one)) for one in leads)
    changes = [(event.data["beforeSeconds"], event.data["afterSeconds"]) for event in events]
    assert changes == [(60.0, 72.0), (72.0, 57.0)]
    # Measured when the newest replica became ready, as everybody sees it.
    assert events[0].id == "leadtime.changed/chat-60000-72"


def test_lead_times_of_a_second_may_flutter() -> None:
    leads = [1.0, 1.9, 0.2]
    assert told_of(a_report(QUIET._replace(lead_time_seconds=one)) for one in leads) == []


def test_a_forecast_is_told_degraded_and_recovered_once_it_has_been_for_a_while() -> None:
    bad = ("prometheus: does not answer",)
    seconds = [0.0, 5.0, 5.0 + TURNED_SECONDS, 50.0, 90.0, 95.0, 95.0 + TURNED_SECONDS]
    faults = [(), bad, bad, bad, bad, (), ()]
    events = told_of(
        a_report(at(one), degraded=fault) for one, fault in zip(seconds, faults, strict=True)
    )
    assert [str(event.kind) for event in events] == ["forecast.degraded", "forecast.recovered"]
    assert events[0].data == {"since": NOW + 5.0, "reasons": list(bad)}
    # A look a few seconds later finds the same minute.
    assert events[0].id == f"forecast.degraded/chat-{NOW // 60 * 60_000:.0f}"


def test_a_flutter_is_not_told() -> None:
    faults = [("slow",), (), ("slow",), (), ("slow",)]
    assert told_of(a_report(at(9.0 * i), degraded=one) for i, one in enumerate(faults)) == []


def test_of_a_workload_that_is_only_observed_nothing_is_told() -> None:
    assert told_of([a_report(RISING, mode=Mode.OBSERVE)]) == []
    assert len(told_of([a_report(RISING, mode=Mode.RECOMMEND)])) == 1


def test_a_tick_that_saw_no_cluster_tells_and_forgets_nothing() -> None:
    before = {CHAT: Told(lead_time_seconds=60.0)}
    assert plan_events(before, a_report(RISING, fleet=None)) == ((), before)


def test_a_workload_without_policy_and_replicas_is_forgotten() -> None:
    _, after = plan_events({CHAT: Told()}, TickReport(now=NOW, fleet=a_fleet()))
    assert after == {}
