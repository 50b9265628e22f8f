"""Replicas' lives as events: each thing once, in order, whoever looks, however often."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from controller.cloud_event import CloudEvent
from controller.cluster_view import NodeName, Phase, ReplicaName
from controller.replica_events import ToldByWorkload, replica_events
from controller.told import Told, told_of_json
from models.fields import CodecError
from tests.builders import CHAT, a_fleet, a_node, a_replica, a_worker, with_parking
from tests.unit.controller.event_schemas import SCHEMAS, fitting

RESTORING = a_replica(phase=Phase.RESTORING, started_at=40.0)
READY = a_replica(phase=Phase.READY, started_at=40.0)
DRAINING = a_replica(phase=Phase.DRAINING, started_at=40.0)
FAILED = replace(RESTORING, phase=Phase.FAILED, failure="image is gone")


def told_after(*fleets: Any) -> tuple[list[CloudEvent], ToldByWorkload]:
    """Return the events of looks one after the other."""
    events: list[CloudEvent] = []
    told: dict[Any, Told] = {}
    for fleet in fleets:
        said, after = replica_events(told, fleet)
        events += said
        told = dict(after)
    return events, told


def ids(events: list[CloudEvent]) -> list[str]:
    return [event.id for event in events]


def test_a_whole_life_is_told_in_its_order_and_each_thing_once() -> None:
    looks = [RESTORING, RESTORING, READY, READY, DRAINING, DRAINING]
    events, _ = told_after(*(a_fleet(one) for one in looks), a_fleet())
    assert ids(events) == [
        "restore.started/chat-1",
        "restore.ready/chat-1",
        "replica.released/chat-1",
    ]
    assert [event.time for event in events] == [40.0, 100.0, 100.0]


def test_a_worker_is_told_of_once_it_has_a_gpu() -> None:
    worker = a_worker(decided_at=0.0)
    events, _ = told_after(
        with_parking(a_fleet(), worker), with_parking(a_fleet(RESTORING)), with_parking(a_fleet())
    )
    assert ids(events) == ["restore.started/chat-1", "replica.released/chat-1"]
    assert events[0].time == 40.0


def test_whoever_comes_late_tells_the_same_under_the_same_ids() -> None:
    early, _ = told_after(a_fleet(RESTORING), a_fleet(READY), a_fleet(DRAINING))
    late, _ = told_after(a_fleet(DRAINING))
    assert ids(late) == ids(early)
    assert [event.to_json() for event in late] == [event.to_json() for event in early]


def test_what_was_told_comes_back_from_json_and_is_not_told_again() -> None:
    _, told = told_after(a_fleet(READY))
    kept = {name: told_of_json(one.to_json()) for name, one in told.items()}
    assert kept == told
    events, _ = replica_events(kept, a_fleet(READY))
    assert events == ()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"replicas": [{}]}', '{"replicas": [{"name": "a", "node": "b", "kind": 1}]}'],
)
def test_what_can_t_be_read_back_is_refused(text: str) -> None:
    with pytest.raises(CodecError, match="told"):
        told_of_json(text)


def test_a_kind_of_start_that_there_is_not_is_refused() -> None:
    _, told = told_after(a_fleet(READY))
    with pytest.raises(CodecError, match=r"told.replicas.kind: 'warm' given"):
        told_of_json(told[CHAT].to_json().replace('"restore"', '"warm"'))


def gone(before: Any, *, last_seen_at: float = 100.0, **fleet: Any) -> list[tuple[str, str]]:
    """Return the kinds and causes of what is told of a replica that is not there any more."""
    fleet.setdefault("seen_at", 700.0)
    looks = a_fleet(before), a_fleet(before, seen_at=last_seen_at)
    events, told = told_after(*looks, a_fleet(**fleet), a_fleet(**fleet))
    assert told[CHAT].replicas == {}
    fitting(event.to_json() for event in events)
    ends = [event for event in events if event.kind in ("restore.failed", "replica.released")]
    return [(str(e.kind), str(e.data.get("cause", e.data.get("ending")))) for e in ends]


def test_a_replica_that_has_gone_has_one_end_that_says_how() -> None:
    elsewhere = (a_node("node-07"),)
    unfit = (a_node("node-00", unfit_reason="kept for others"),)
    assert gone(RESTORING) == [("replica.released", "cancelled")]
    assert gone(RESTORING, last_seen_at=600.0) == [("restore.failed", "hung")]
    assert gone(RESTORING, nodes=elsewhere) == [("restore.failed", "lost")]
    assert gone(FAILED) == [("restore.failed", "failed")]
    assert gone(READY) == [("replica.released", "released")]
    assert gone(READY, nodes=unfit) == [("replica.released", "released")]
    assert gone(READY, nodes=elsewhere) == [("replica.released", "lost")]
    assert gone(DRAINING) == [("replica.released", "released")]


def test_a_replica_on_a_node_outside_the_pool_is_not_lost_with_it() -> None:
    elsewhere = replace(READY, node=NodeName("shared-1"))
    assert gone(elsewhere) == [("replica.released", "released")]


def test_a_replica_that_drains_and_comes_back_was_not_released() -> None:
    events, _ = told_after(a_fleet(READY), a_fleet(DRAINING), a_fleet(READY))
    assert ids(events) == ["restore.started/chat-1", "restore.ready/chat-1"]


def test_what_was_only_asked_for_is_not_told_as_started() -> None:
    asked = replace(RESTORING, name=ReplicaName("chat/+1"), node=NodeName(""))
    events, told = told_after(a_fleet(asked), a_fleet())
    assert (events, told) == ([], {})


def test_a_replica_may_have_no_deadline() -> None:
    events, told = told_after(a_fleet(replace(RESTORING, deadline_at=math.inf)))
    [event] = fitting(event.to_json() for event in events)
    assert event["data"]["deadlineAt"] is None
    assert told_of_json(told[CHAT].to_json()) == told[CHAT]


def test_several_replicas_are_told_in_the_order_in_which_they_started() -> None:
    second = a_replica("chat-2", phase=Phase.RESTORING, started_at=50.0)
    events, _ = told_after(a_fleet(second, RESTORING))
    assert ids(events) == ["restore.started/chat-1", "restore.started/chat-2"]


def test_clocks_that_differ_never_turn_a_life_round() -> None:
    early = replace(READY, ready_at=39.0)
    [started, ready], _ = told_after(a_fleet(early))
    assert (started.time, ready.time) == (40.0, 40.0)
    assert ready.data["seconds"] == 0.0


def test_an_event_is_a_cloud_event_named_after_its_workload() -> None:
    other = a_replica("ns/chat-9", workload="ns/chat", phase=Phase.RESTORING, started_at=0.25)
    events, _ = told_after(a_fleet(other))
    [event] = fitting(event.to_json() for event in events)
    assert event["source"] == "/headstart/workloads/ns/chat"
    assert event["subject"] == event["partitionkey"] == event["data"]["workload"] == "ns/chat"
    assert event["time"] == "1970-01-01T00:00:00.250Z"
    assert event["type"] == "dev.headstart.restore.started"


def test_there_is_a_schema_for_each_type_and_the_envelope_names_them_all() -> None:
    types = SCHEMAS["envelope"]["properties"]["type"]["enum"]
    assert {name.removeprefix("dev.headstart.") for name in types} == set(SCHEMAS) - {"envelope"}
