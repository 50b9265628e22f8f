"""What became of replicas, read off one view of the cluster and what was told before. Pure.

Only the cluster is looked at, never what was asked of it: whoever looks next, after a kill or in
another process, tells the same under the same ids.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from controller.cloud_event import CloudEvent, EventKind
from controller.cluster_view import Fleet, NodeName, Phase, Replica, ReplicaName
from controller.told import Told, ToldReplica
from models.forecast import WorkloadName

#: Who looks on may see a start last a tick before whoever gives it up for overdue does.
_OVERDUE_SHARE = 0.95
ToldByWorkload = Mapping[WorkloadName, Told]


def replica_events(
    before: ToldByWorkload, fleet: Fleet
) -> tuple[tuple[CloudEvent, ...], ToldByWorkload]:
    """Return what is new of replicas, in the order in which it happened, and what is told then.

    Each start is told once, then that it is ready if it was, then its one end: it failed, or it
    was released. One that drains has not gone: its node may only be out of reach for a while.
    What happened between two looks is told by what is left: a replica that has gone without having
    been ready was cancelled, hung if it was overdue, or lost with its node. What has no node yet
    was asked for, and is not started.
    """
    nodes = frozenset(node.name for node in fleet.nodes)
    present: dict[WorkloadName, dict[ReplicaName, Replica]] = {name: {} for name in before}
    for replica in fleet.replicas:
        if replica.node:
            present.setdefault(replica.workload, {})[replica.name] = replica
    events: list[CloudEvent] = []
    after: dict[WorkloadName, Told] = {}
    for workload, replicas in present.items():
        told = before.get(workload, Told())
        known: dict[ReplicaName, ToldReplica] = {}
        said: list[CloudEvent] = []
        for name, one in told.replicas.items():
            if name not in replicas and not one.is_over:
                said.append(_gone(one, workload, fleet.seen_at, nodes))
        for name, replica in replicas.items():
            new, known[name] = _lived(replica, told.replicas.get(name), fleet.seen_at, nodes)
            said += new
        # Stable: what is of one replica stays in its order.
        events += sorted(said, key=lambda event: event.time)
        after[workload] = replace(told, replicas=known) if known != told.replicas else told
    return tuple(events), after


def _lived(
    replica: Replica, known: ToldReplica | None, now: float, nodes: frozenset[NodeName]
) -> tuple[list[CloudEvent], ToldReplica]:
    """Return what is new of a replica that exists."""
    said = []
    if known is None:
        known = _begun(replica, is_pooled=replica.node in nodes)
        said.append(_event(EventKind.RESTORE_STARTED, known, replica.workload, {}))
    if replica.phase is Phase.RESTORING and not known.is_overdue:
        allowed_seconds = replica.deadline_at - replica.started_at
        is_overdue = now - replica.started_at >= _OVERDUE_SHARE * allowed_seconds
        known = replace(known, is_overdue=is_overdue)
    if replica.ready_at is not None and not known.was_ready and not known.is_over:
        ready_at = max(replica.ready_at, known.latest_at)
        known = replace(known, was_ready=True, latest_at=ready_at)
        facts = {"readyAt": replica.ready_at, "seconds": ready_at - replica.started_at}
        said.append(_event(EventKind.RESTORE_READY, known, replica.workload, facts))
    if replica.phase is Phase.FAILED and not known.is_over:
        known = replace(known, is_over=True, latest_at=max(now, known.latest_at))
        said.append(_failed(known, replica.workload, "failed", replica.failure))
    return said, known


def _begun(replica: Replica, *, is_pooled: bool) -> ToldReplica:
    return ToldReplica(
        name=replica.name,
        node=replica.node,
        kind=replica.kind,
        attempt=replica.attempt,
        gpus=replica.gpus,
        started_at=replica.started_at,
        deadline_at=replica.deadline_at if math.isfinite(replica.deadline_at) else None,
        latest_at=replica.started_at,
        is_pooled=is_pooled,
    )


def _gone(
    known: ToldReplica, workload: WorkloadName, now: float, nodes: frozenset[NodeName]
) -> CloudEvent:
    known = replace(known, latest_at=max(now, known.latest_at))
    is_lost = known.is_pooled and known.node not in nodes
    if known.was_ready:
        return _released(known, workload, "lost" if is_lost else "released")
    if is_lost:
        return _failed(known, workload, "lost", f"{known.node} is gone")
    if known.is_overdue:
        return _failed(known, workload, "hung", "was not ready in time")
    return _released(known, workload, "cancelled")


def _released(known: ToldReplica, workload: WorkloadName, cause: str) -> CloudEvent:
    facts = {"cause": cause, "wasReady": known.was_ready}
    return _event(EventKind.REPLICA_RELEASED, known, workload, facts)


def _failed(known: ToldReplica, workload: WorkloadName, ending: str, failure: str) -> CloudEvent:
    facts = {"ending": ending, "failure": failure}
    return _event(EventKind.RESTORE_FAILED, known, workload, facts)


def _event(
    kind: EventKind, known: ToldReplica, workload: WorkloadName, facts: Mapping[str, object]
) -> CloudEvent:
    return CloudEvent(
        kind=kind,
        workload=workload,
        about=known.name,
        time=known.latest_at,
        data={
            "replica": known.name,
            "node": known.node,
            "kind": known.kind,
            "attempt": known.attempt,
            "gpus": known.gpus,
            "startedAt": known.started_at,
            "deadlineAt": known.deadline_at,
            **facts,
        },
    )
