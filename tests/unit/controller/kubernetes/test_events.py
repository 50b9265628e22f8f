"""What people are told of a tick, and that each thing is told once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.actions import Cancel, Release, Start
from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.errors import ConflictError, RefusedError, UnavailableError
from controller.adapters.kubernetes.events import EventWriter
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.notices import event_of, notices_of
from controller.cluster_view import Fleet, Node, NodeName, Phase, ReplicaName, StartKind
from controller.policy import Mode
from controller.tick_report import RefusedAction, TickReport
from models.forecast import WorkloadName
from tests.builders import a_replica
from tests.unit.controller.kubernetes.test_status import a_plan
from tests.unit.controller.kubernetes.watched import HandClock, a_policy_object

NAME = WorkloadName("team/chat")


def a_fleet(phase: Phase | None = None, *, failure: str = "", unfit: str = "") -> Fleet:
    replicas = []
    if phase is not None:
        replica = a_replica("r1", workload=NAME, phase=phase)
        replicas.append(dataclasses.replace(replica, failure=failure))
    node = Node(name=NodeName("node-00"), gpus=1, unfit_reason=unfit)
    return Fleet(seen_at=1000.0, nodes=(node,), replicas=tuple(replicas))


def a_report(fleet: Fleet | None, *, mode: Mode = Mode.ACT, **more: Any) -> TickReport:
    return TickReport(now=1000.0, fleet=fleet, modes={NAME: mode}, **more)


def a_start(kind: StartKind = StartKind.RESTORE) -> Start:
    return Start(
        name=ReplicaName("r1"),
        workload=NAME,
        node=NodeName("node-00"),
        kind=kind,
        decided_at=1000.0,
        deadline_at=1100.0,
        reason="forecast: target 3",
    )


def told(before: Fleet | None, report: TickReport) -> list[tuple[str, str]]:
    return [(one.reason, one.note) for one in notices_of(before, report)]


def test_starts_releases_and_cancels_are_told_when_the_cluster_took_them() -> None:
    fleet = a_fleet(Phase.READY)
    release = Release(name=ReplicaName("r1"), drain_seconds=1.0, reason="target 2")
    cancel = Cancel(name=ReplicaName("r1"), reason="not needed any more")
    assert told(None, a_report(fleet, acted=(a_start(), a_start(StartKind.COLD)))) == [
        ("RestoreStarted", "restore r1 started on node-00 (forecast: target 3)"),
        ("ColdStarted", "cold start r1 started on node-00 (forecast: target 3)"),
    ]
    assert told(None, a_report(fleet, acted=(release, cancel))) == [
        ("ReplicaReleased", "r1 is released (target 2)"),
        ("RestoreCancelled", "r1 is given up: not needed any more"),
    ]


def test_starts_refused_for_good_are_told_once_in_a_while_in_the_server_s_words() -> None:
    again = dataclasses.replace(a_start(), name=ReplicaName("r2"))
    refused = [
        RefusedAction(action=start, why=f"pod {start.name}: exceeded quota", is_lasting=True)
        for start in (a_start(), again)
    ]
    taken = RefusedAction(action=a_start(), why="node-00: 0 GPUs free")
    report = a_report(a_fleet(), refused=(taken, *refused))
    first, second = notices_of(None, report)
    assert (first.reason, first.is_warning) == ("StartRefused", True)
    assert first.note == "pod r1: exceeded quota"
    assert (first.workload, first.subject) == (second.workload, second.subject)


def test_a_start_that_ended_is_told_well_or_badly() -> None:
    under_way = a_fleet(Phase.RESTORING)
    assert told(under_way, a_report(a_fleet(Phase.READY))) == [
        ("RestoreReady", "r1 on node-00 is ready after 60.0 s")
    ]
    failed = a_fleet(Phase.FAILED, failure="RestoreIncompatible: driver")
    [notice] = notices_of(under_way, a_report(failed))
    assert (notice.reason, notice.is_warning) == ("RestoreFailed", True)
    assert notice.note == "r1 on node-00 failed: RestoreIncompatible: driver"
    # One that came and failed between two ticks is told too; one that had failed is not again.
    assert [one.reason for one in notices_of(a_fleet(), a_report(failed))] == ["RestoreFailed"]
    assert told(failed, a_report(failed)) == []


def test_a_ready_start_tells_how_long_each_phase_took() -> None:
    times = (("created", 940.5), ("restored", 997.0))
    ready = a_fleet(Phase.READY).replicas[0]
    replica = dataclasses.replace(ready, phases=times, decided_at=940.0, ready_at=1000.0)
    after = dataclasses.replace(a_fleet(), replicas=(replica,))
    [(_, note)] = told(a_fleet(Phase.RESTORING), a_report(after))
    assert note.endswith("(created 0.5, restored 56.5, ready 3.0)")


@pytest.mark.parametrize("phase", [Phase.READY, Phase.RESTORING])
def test_a_replica_that_went_without_our_doing_is_told(phase: Phase) -> None:
    before, gone = a_fleet(phase), a_fleet()
    assert told(before, a_report(gone)) == [
        ("ReplicaLost", "r1 on node-00 is gone: its pod was deleted")
    ]
    nowhere = dataclasses.replace(gone, nodes=())
    assert told(before, a_report(nowhere)) == [
        ("ReplicaLost", "r1 on node-00 is gone: its node left the pool")
    ]
    assert notices_of(before, a_report(gone), {ReplicaName("r1")}) == ()
    assert told(a_fleet(Phase.DRAINING), a_report(gone)) == []


async def test_what_was_cancelled_is_not_called_lost() -> None:
    api = Creates()
    writer = a_writer(api)
    cancel = Cancel(name=ReplicaName("r1"), reason="not needed any more")
    writer.observe(a_report(a_fleet(Phase.RESTORING), acted=(cancel,)))
    writer.observe(a_report(a_fleet()))
    await writer.write_waiting()
    assert [body["reason"] for _, body in api.made] == ["RestoreCancelled"]


def test_a_node_that_turns_unfit_is_told_once_with_the_reason() -> None:
    unfit = a_fleet(unfit="not Ready")
    [notice] = notices_of(a_fleet(), a_report(unfit))
    assert (notice.node, notice.note) == ("node-00", "not used for restores: not Ready")
    assert told(unfit, a_report(unfit)) == []


def test_what_recommend_would_do_is_told_and_observe_tells_nothing() -> None:
    plans = (a_plan(starts=2),)
    report = a_report(a_fleet(), plans=plans, mode=Mode.RECOMMEND)
    assert told(None, report) == [
        ("Recommended", "would start 2 and release 0: target 3 (forecast)")
    ]
    assert told(None, dataclasses.replace(report, modes={NAME: Mode.OBSERVE})) == []
    assert told(a_fleet(), a_report(None, trouble="down")) == []
    for after in (a_fleet(unfit="not Ready"), a_fleet(Phase.READY)):
        assert told(a_fleet(), a_report(after, mode=Mode.OBSERVE)) == []


def test_an_event_names_its_policy_and_the_same_one_has_the_same_name() -> None:
    [notice] = notices_of(None, a_report(a_fleet(), acted=(a_start(),)))
    first = event_of(notice, a_policy_object(), instance="a", at=1000.0)
    second = event_of(notice, None, instance="b", at=2000.0)
    assert first["metadata"] == second["metadata"]
    assert first["metadata"]["namespace"] == "team"
    assert first["regarding"] == {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "namespace": "team",
        "name": "chat",
        "uid": "uid-chat",
    }
    assert first["type"] == "Normal"


def test_an_event_of_a_node_lies_where_nodes_events_do() -> None:
    [notice] = notices_of(a_fleet(), a_report(a_fleet(unfit="not Ready")))
    event = event_of(notice, None, instance="a", at=0.0)
    assert event["metadata"]["namespace"] == "default"
    assert event["regarding"]["kind"] == "Node"


@dataclass
class Creates:
    """Takes objects down; can fail."""

    error: Exception | None = None
    made: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    async def create(self, path: str, body: Mapping[str, Any], *, priority: Priority) -> Json:
        assert priority is Priority.BACKGROUND
        if self.error is not None:
            raise self.error
        self.made.append((path, body))
        return dict(body)


def a_writer(api: Creates, *, leads: bool = True) -> EventWriter:
    return EventWriter(api, dict, instance="a", is_leading=lambda: leads, clock=HandClock())


STARTED = a_report(a_fleet(), acted=(a_start(),))


async def test_an_event_is_written_once() -> None:
    api = Creates()
    writer = a_writer(api)
    writer.observe(STARTED)
    writer.observe(STARTED)
    assert await writer.write_waiting()
    [(path, body)] = api.made
    assert path == "/apis/events.k8s.io/v1/namespaces/team/events"
    assert body["reason"] == "RestoreStarted"


async def test_who_does_not_lead_tells_nothing() -> None:
    api = Creates()
    writer = a_writer(api, leads=False)
    writer.observe(STARTED)
    await writer.write_waiting()
    assert api.made == []


async def test_events_wait_for_the_api_and_are_dropped_where_it_refuses_them() -> None:
    api = Creates(error=UnavailableError("down"))
    writer = a_writer(api)
    writer.observe(STARTED)
    assert not await writer.write_waiting()
    api.error = None
    assert await writer.write_waiting()
    assert len(api.made) == 1
    for error, dropped in ((ConflictError("x", status=409), 0), (RefusedError("x", status=403), 1)):
        api = Creates(error=error)
        writer = a_writer(api)
        writer.observe(STARTED)
        assert await writer.write_waiting()
        assert writer.dropped == dropped


async def test_of_too_many_events_the_oldest_are_dropped() -> None:
    api = Creates()
    writer = a_writer(api)
    for number in range(250):
        start = dataclasses.replace(a_start(), name=ReplicaName(f"r{number}"))
        writer.observe(a_report(a_fleet(), acted=(start,)))
    await writer.write_waiting()
    assert (len(api.made), writer.dropped) == (200, 50)
