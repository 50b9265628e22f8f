"""Workers without GPUs, in sentences and in lines."""

from __future__ import annotations

import io
import json

import pytest

from controller.cluster_view import NodeName, ReplicaName
from controller.parking_plan import Dropped, ParkingPlan, Promotion
from controller.plan import Plan
from controller.policy import Mode
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from headstart.display import JsonDisplay, Moment, status_line
from headstart.explanation import explain, log_line
from headstart.plan_facts import PlanFacts
from tests.builders import CHAT, a_fleet, a_plan, with_parking
from tests.unit.controller.builders import NOW, a_forecast, a_policy, a_reading, an_outlook

NODE = NodeName("node-00")


def promoted(count: int) -> tuple[Promotion, ...]:
    return tuple(Promotion(name=ReplicaName(f"w{number}"), node=NODE) for number in range(count))


def a_staged_plan(*, starts: int = 0, waiting: int = 0, waits: int = 0, **parking: object) -> Plan:
    """Return a plan for 3 replicas and 6 workers: one replica is ready, 2 are parked.

    So many replicas are ``waiting``, and so many workers wait.
    """
    given = {"target": 6, "lead_time_seconds": 24.0, "quantile_level": 0.99, "parked": 2}
    given["waiting"] = waits
    plan = ParkingPlan(**{**given, **parking})  # type: ignore[arg-type]
    return a_plan(target=3, starts=starts)._replace(waiting=waiting, parking=plan)


def told(plan: Plan) -> tuple[str, ...]:
    return explain(PlanFacts.of_plan(plan), time_text=lambda seconds: f"{seconds:.0f} s")


def test_a_plan_of_two_stages_says_what_is_promoted_and_what_is_parked() -> None:
    plan = a_staged_plan(starts=2, waiting=1, parking=1, parks=3, promotions=promoted(2))
    assert told(plan) == (
        "At 100 s the target of chat is 3 replicas: 1 ready, 0 restoring; "
        "2 workers parked, 1 parking.",
        "Demand is 12.5 per second.",
        "The forecast needs 3 replicas: enough for the demand of the next 62 s in 95 % of cases, "
        "and 62 s is the lead time planned with.",
        "Demand that is already here needs 1 replica.",
        "There shall be 6 workers, those on GPUs included: parking and promoting one takes 24 s, "
        "and demand until then is covered in 99 % of cases.",
        "The forecast sets the target: it is the higher of the two.",
        "2 parked workers are promoted now, to serve by 162 s.",
        "3 workers begin to be parked now.",
        "1 more waits until a worker is parked where a GPU is free.",
        "As the forecast stands, no further restore is due.",
        "If they did not start now, 1 replica would have to do until after 162 s: "
        "requests may wait.",
    )


def test_cold_starts_are_told_from_promotions_and_drops_by_their_reason() -> None:
    drops = tuple(
        Dropped(name=ReplicaName(f"d{number}"), node=NODE, reason=reason)
        for number, reason in enumerate(("not needed any more", "failed: no memory"))
    )
    plan = a_staged_plan(starts=2, promotions=promoted(1), cold=1, parks=1, unparks=drops)
    sentences = told(plan)
    for sentence in (
        "1 parked worker is promoted now, to serve by 162 s.",
        "1 cold start begins now.",
        "1 worker begins to be parked now.",
        "1 worker is dropped: not needed any more.",
        "1 worker is dropped: failed: no memory.",
    ):
        assert sentence in sentences
    assert log_line(PlanFacts.of_plan(plan)) == (
        "promote 1 worker: forecast p95 of the next 62 s needs 3 replicas; "
        "start 1 replica cold: forecast p95 of the next 62 s needs 3 replicas; "
        "park 1 worker: p99 of the next 24 s needs 6; "
        "drop 1 worker: not needed any more; drop 1 worker: failed: no memory"
    )


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.RECOMMEND])
def test_who_may_not_act_is_told_of_restores_and_not_of_cold_starts(mode: Mode) -> None:
    rule = a_policy(mode=mode)
    outlooks = {CHAT: an_outlook(reading=a_reading(3.0), forecast=a_forecast(3.0))}
    settings = TickSettings(fixed_lead_time_seconds=10.0, fixed_parking_seconds=20.0)
    seen = with_parking(a_fleet(seen_at=NOW))
    (plan,) = tick(seen, outlooks, TickState(), NOW, policies=[rule], settings=settings).plans
    assert "3 restores start now, to serve by" in " ".join(told(plan))
    assert "3 workers begin to be parked now." in told(plan)
    line = log_line(PlanFacts.of_plan(plan))
    assert line.startswith("start 3 restores: ")
    assert "; park 3 workers: " in line
    assert "cold" not in line + " ".join(told(plan))


def test_workers_that_find_no_room_are_told() -> None:
    few = a_staged_plan(starts=1, waiting=1, waits=1, promotions=promoted(1))
    sentence = "1 more worker finds no room to be parked: memory, GPUs or disks are taken."
    assert sentence in told(few)
    assert log_line(PlanFacts.of_plan(few)).endswith("; 1 more worker finds no room to be parked")
    many = a_staged_plan(waits=3)
    assert "3 more workers find no room to be parked: memory, GPUs or disks are taken." in told(
        many
    )
    # A line is written when something is done.
    assert log_line(PlanFacts.of_plan(many)) == ""


def test_a_plan_that_does_nothing_about_workers_says_so() -> None:
    assert "Nothing starts and nothing is released now." in told(a_staged_plan())
    assert log_line(PlanFacts.of_plan(a_staged_plan())) == ""


def test_where_things_stand_names_the_workers_there_are() -> None:
    moment = Moment(at=0.0, plan=a_staged_plan(parking=1), capacity_per_replica=1.0)
    assert "ready 1, restoring 0; parked 2, parking 1; lead time 62 s" in status_line(moment)
    out = io.StringIO()
    JsonDisplay(out).show(moment)
    shown = json.loads(out.getvalue())
    assert (shown["parked"], shown["parking"]) == (2, 1)


def test_in_one_stage_no_worker_is_spoken_of() -> None:
    moment = Moment(at=0.0, plan=a_plan(), capacity_per_replica=1.0)
    assert "park" not in status_line(moment)
    out = io.StringIO()
    JsonDisplay(out).show(moment)
    assert "park" not in out.getvalue()
    assert not any("worker" in sentence for sentence in told(a_plan(starts=1)))
