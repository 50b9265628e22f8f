"""Hits, misses and waste of one workload, counted from tick to tick. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from controller.cluster_view import Fleet, StartKind
from controller.outcomes import Outcomes
from controller.policy import WorkloadPolicy
from controller.start_endings import Ending, ended_starts
from models.forecast import WorkloadName

#: Requests late this long before a restore was ready had waited for it.
WAITED_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """``hits`` are restores that were ready before anybody waited for them.

    ``misses`` is demand that waited longer than the objective allows, ``waste_gpu_seconds`` what
    ready replicas had to spare; ``*_seen`` are the loop's own totals up to which they count.
    """

    hits: int = 0
    misses: float = 0.0
    waste_gpu_seconds: float = 0.0
    late_seen: float | None = None
    idle_seen: float = 0.0
    last_late_at: float = float("-inf")


def restores_ready(before: Fleet | None, after: Fleet) -> Mapping[WorkloadName, int]:
    """Count by workload the restores that became ready since the last tick."""
    if before is None:
        return {}
    return Counter(
        ended.workload
        for ended in ended_starts(before, after)
        if ended.ending is Ending.READY and ended.kind is StartKind.RESTORE
    )


def tallied(
    tally: Tally, policy: WorkloadPolicy, outcomes: Outcomes, *, now: float, ready: int
) -> Tally:
    """Return the tally after one more tick, at which so many restores became ready.

    The first tick only sets the marks.
    """
    late, idle = outcomes.late, outcomes.idle_gpu_seconds
    if tally.late_seen is None:
        more_late = more_idle = 0.0
    else:
        # Totals begin again where a loop does.
        more_late = late - tally.late_seen if late >= tally.late_seen else late
        more_idle = idle - tally.idle_seen if idle >= tally.idle_seen else idle
    last_late_at = now if more_late > 0 else tally.last_late_at
    is_in_time = now - last_late_at > WAITED_SECONDS
    return Tally(
        hits=tally.hits + (ready if is_in_time else 0),
        misses=tally.misses + more_late,
        waste_gpu_seconds=tally.waste_gpu_seconds + more_idle * policy.standby.gpus_per_replica,
        late_seen=late,
        idle_seen=idle,
        last_late_at=last_late_at,
    )
