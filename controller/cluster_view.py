"""What is known of the cluster at one instant: nodes, replicas, and workers without a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from models.forecast import WorkloadName

NodeName = NewType("NodeName", str)
ReplicaName = NewType("ReplicaName", str)


class Phase(StrEnum):
    """Where a replica is in its life."""

    RESTORING = "restoring"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


#: Each tick asks for the phase of every replica several times, and Python 3.11 takes eight times
#: as long to find a member of an enumeration as a plain name.
RESTORING, READY = Phase.RESTORING, Phase.READY
DRAINING, FAILED = Phase.DRAINING, Phase.FAILED


class StartKind(StrEnum):
    """How a replica is started."""

    RESTORE = "restore"
    COLD = "cold"


class NodeState(StrEnum):
    """Where a node of the standby pool is in its round."""

    STANDBY = "standby"
    RESTORING = "restoring"
    SERVING = "serving"
    DRAINING = "draining"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of the standby pool. ``unfit_reason`` is empty for a node that may be used.

    ``unfit_for`` names workloads that must not use it all the same, each with the reason.
    """

    name: NodeName
    gpus: int
    state: NodeState = NodeState.STANDBY
    unfit_reason: str = ""
    node_class: str = ""
    unfit_for: tuple[tuple[WorkloadName, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica that exists in the cluster; times in seconds since the epoch.

    ``phases`` says when its start reached what lies between deciding and ready, as far as the
    cluster tells: created, scheduled, started, restored, in this order. ``deadline_at`` is when a
    replica still restoring counts as hung. A failed one stays in the view, with its ``failure``,
    until it is cancelled.
    """

    name: ReplicaName
    workload: WorkloadName
    node: NodeName
    kind: StartKind
    phase: Phase
    decided_at: float
    started_at: float
    deadline_at: float
    gpus: int = 1
    attempt: int = 1
    ready_at: float | None = None
    failure: str = ""
    phases: tuple[tuple[str, float], ...] = ()


class WorkerPhase(StrEnum):
    """Where a worker is before it has a GPU."""

    PARKING = "parking"
    PARKED = "parked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker whose restore has two stages, before the second: it holds memory, and no GPU.

    While it is parking the host part runs; parked, it waits in its node's memory. Promoted, it
    becomes the replica of its name, on its node, and takes ``gpus`` there. ``deadline_at`` is when
    one still parking counts as hung. A failed one keeps its place until it is unparked.
    """

    name: ReplicaName
    workload: WorkloadName
    node: NodeName
    phase: WorkerPhase
    decided_at: float
    deadline_at: float
    gpus: int = 1
    attempt: int = 1
    parked_at: float | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingLot:
    """Where restores have two stages: what each node's memory holds, and who is there."""

    per_node: int
    workers: tuple[Worker, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Everything of ours that exists in the cluster, as seen at ``seen_at``.

    ``parking`` is None where restores have one stage. ``ending_gpus`` are those that workloads
    still hold by what is no replica any more: a start given up that is slow to go.
    """

    seen_at: float
    nodes: tuple[Node, ...]
    replicas: tuple[Replica, ...]
    parking: ParkingLot | None = None
    ending_gpus: tuple[tuple[WorkloadName, int], ...] = ()

    def free_gpus(self) -> dict[NodeName, int]:
        """Return the unused GPUs of every fit node."""
        free = {node.name: node.gpus for node in self.nodes if not node.unfit_reason}
        for replica in self.replicas:
            if replica.node in free:
                free[replica.node] -= replica.gpus
        return free
