"""The effects a plan can ask of the cluster; each is idempotent and carries its reason."""

from __future__ import annotations

from dataclasses import dataclass

from controller.cluster_view import NodeName, ReplicaName, StartKind
from models.forecast import WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start one replica on a chosen node. Starting the same name twice changes nothing."""

    name: ReplicaName
    workload: WorkloadName
    node: NodeName
    kind: StartKind
    decided_at: float
    deadline_at: float
    reason: str
    gpus: int = 1
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Drain a ready replica and give its GPU back."""

    name: ReplicaName
    drain_seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Remove a replica that hangs, failed, or is not needed any more while still restoring."""

    name: ReplicaName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """Have a target that scales itself run so many replicas.

    Of those there are, ``retired`` are to go first, and ``retried`` failed or hang: their owner
    is to replace them.
    """

    workload: WorkloadName
    replicas: int
    decided_at: float
    reason: str
    retired: tuple[ReplicaName, ...] = ()
    retried: tuple[ReplicaName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Begin the host part of a restore on a chosen node; it needs no GPU, and will take ``gpus``.

    Parking the same name twice changes nothing.
    """

    name: ReplicaName
    workload: WorkloadName
    node: NodeName
    decided_at: float
    deadline_at: float
    reason: str
    gpus: int = 1
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Give a parked worker its GPUs and begin the device part; it is a replica from then on.

    ``attempt`` is the how-manieth device part of one replica this is.
    """

    name: ReplicaName
    workload: WorkloadName
    node: NodeName
    decided_at: float
    deadline_at: float
    reason: str
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpark:
    """Drop a worker that has no GPU: not needed any more, failed, or hung while parking."""

    name: ReplicaName
    workload: WorkloadName
    node: NodeName
    reason: str


#: What only clusters can do where restores have two stages.
StageAction = Park | Promote | Unpark
Action = Start | Release | Cancel | Resize | StageAction
