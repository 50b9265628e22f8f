"""Values that are valid as they are, so that a test states only what matters to it."""

from __future__ import annotations

from dataclasses import replace

from controller.actions import Start
from controller.cluster_view import (
    Fleet,
    Node,
    NodeName,
    ParkingLot,
    Phase,
    Replica,
    ReplicaName,
    StartKind,
    Worker,
    WorkerPhase,
)
from controller.plan import Plan, Reason
from models.forecast import WorkloadName

CHAT = WorkloadName("chat")


def a_node(name: str = "node-00", *, gpus: int = 1, unfit_reason: str = "") -> Node:
    """Return a node of the standby pool."""
    return Node(name=NodeName(name), gpus=gpus, unfit_reason=unfit_reason)


def a_replica(
    name: str = "chat-1",
    *,
    workload: str = CHAT,
    node: str = "node-00",
    phase: Phase = Phase.READY,
    kind: StartKind = StartKind.RESTORE,
    started_at: float = 0.0,
    deadline_at: float = 600.0,
    attempt: int = 1,
) -> Replica:
    """Return a replica; one past restoring took 60 s to become ready."""
    has_been_ready = phase in (Phase.READY, Phase.DRAINING)
    return Replica(
        name=ReplicaName(name),
        workload=WorkloadName(workload),
        node=NodeName(node),
        kind=kind,
        phase=phase,
        decided_at=started_at,
        started_at=started_at,
        deadline_at=deadline_at,
        ready_at=started_at + 60.0 if has_been_ready else None,
        attempt=attempt,
    )


def a_worker(
    name: str = "chat-1",
    *,
    workload: str = CHAT,
    node: str = "node-00",
    phase: WorkerPhase = WorkerPhase.PARKED,
    decided_at: float = 0.0,
    deadline_at: float = 600.0,
    gpus: int = 1,
    attempt: int = 1,
) -> Worker:
    """Return a worker without a GPU; one that is parked took 10 s to be."""
    is_parked = phase is WorkerPhase.PARKED
    return Worker(
        name=ReplicaName(name),
        workload=WorkloadName(workload),
        node=NodeName(node),
        phase=phase,
        decided_at=decided_at,
        deadline_at=deadline_at,
        gpus=gpus,
        attempt=attempt,
        parked_at=decided_at + 10.0 if is_parked else None,
        failure="no memory" if phase is WorkerPhase.FAILED else "",
    )


def with_parking(fleet: Fleet, *workers: Worker, per_node: int = 4) -> Fleet:
    """Return a fleet whose restores have two stages, with these workers."""
    return replace(fleet, parking=ParkingLot(per_node=per_node, workers=workers))


def a_fleet(*replicas: Replica, nodes: tuple[Node, ...] | int = 3, seen_at: float = 100.0) -> Fleet:
    """Return a fleet on ``nodes``, or on that many of one GPU each."""
    if isinstance(nodes, int):
        nodes = tuple(a_node(f"node-{number:02d}") for number in range(nodes))
    return Fleet(seen_at=seen_at, nodes=nodes, replicas=replicas)


def a_start(
    name: str = "chat-1",
    *,
    workload: str = CHAT,
    node: str = "node-00",
    kind: StartKind = StartKind.RESTORE,
    at: float = 0.0,
    gpus: int = 1,
) -> Start:
    """Return a start decided at ``at``, with ten minutes to become ready."""
    return Start(
        name=ReplicaName(name),
        workload=WorkloadName(workload),
        node=NodeName(node),
        kind=kind,
        decided_at=at,
        deadline_at=at + 600.0,
        reason="forecast: target 1",
        gpus=gpus,
    )


def a_plan(
    *,
    workload: str = CHAT,
    at: float = 100.0,
    target: int = 2,
    reason: Reason = Reason.FORECAST,
    starts: int = 0,
) -> Plan:
    """Return a plan."""
    return Plan(
        workload=WorkloadName(workload),
        at=at,
        target=target,
        floor=target,
        reactive=1,
        ready=1,
        restoring=0,
        demand_per_second=12.5,
        lead_time_seconds=62.0,
        quantile_level=0.95,
        reason=reason,
        starts=starts,
    )
