"""What became of each replica of the simulated world: one row a replica ever started."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controller.cluster_view import NodeName, ReplicaName
from models.forecast import WorkloadName


class RecordKind(StrEnum):
    """How a replica came to be."""

    INITIAL = "initial"
    RESTORE = "restore"
    COLD = "cold"


class Outcome(StrEnum):
    """What became of a replica, or of a worker that never became one.

    ``RESTORING``, ``SERVING``, ``PARKING`` and ``PARKED`` are those that still exist; ``UNPARKED``
    was parked, and dropped before it had a GPU.
    """

    RESTORING = "restoring"
    SERVING = "serving"
    RELEASED = "released"
    FAILED = "failed"
    HUNG = "hung"
    CANCELLED = "cancelled"
    LOST = "lost"
    PARKING = "parking"
    PARKED = "parked"
    UNPARKED = "unparked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRecord:
    """One replica's life; times in seconds since the epoch, None if they never came.

    Its GPUs are held from ``started_at`` to ``released_at``, to the end if that is None.
    A replica that drains is SERVING until it has gone. Where restores have two stages the first
    begins as it is decided and is over at ``parked_at``; a worker that was never promoted never
    held a GPU, so its ``started_at`` is None.
    """

    replica: ReplicaName
    workload: WorkloadName
    node: NodeName
    kind: RecordKind
    decided_at: float
    started_at: float | None
    gpus: int = 1
    ready_at: float | None = None
    released_at: float | None = None
    parked_at: float | None = None
    outcome: Outcome = Outcome.RESTORING
