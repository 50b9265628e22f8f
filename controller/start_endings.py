"""What became of the starts under way, read off two successive views of the cluster.

Pure. Used for metrics and journals; the planner learns from the views themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from controller.actions import Action, Cancel
from controller.cluster_view import Fleet, Phase, Replica, StartKind
from models.forecast import WorkloadName


class Ending(StrEnum):
    """How a start ended."""

    READY = "ready"
    FAILED = "failed"
    HUNG = "hung"
    CANCELLED = "cancelled"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedStart:
    """A start that is over. ``seconds`` from start to ready, None if it never was."""

    workload: WorkloadName
    kind: StartKind
    ending: Ending
    seconds: float | None = None


def ended_starts(
    before: Fleet, after: Fleet, acted: Iterable[Action] = ()
) -> tuple[EndedStart, ...]:
    """Return the starts that were under way in ``before`` and no longer are in ``after``.

    ``acted`` is what was asked of the cluster upon ``before``: a start that vanished without
    being cancelled was lost with its node.
    """
    cancelled = {action.name for action in acted if isinstance(action, Cancel)}
    now_by_name = {replica.name: replica for replica in after.replicas}
    ended = []
    for replica in before.replicas:
        if replica.phase is not Phase.RESTORING:
            continue
        successor = now_by_name.get(replica.name)
        if successor is not None and successor.phase is Phase.RESTORING:
            continue
        is_cancelled = replica.name in cancelled
        ended.append(
            _ended(replica, successor, was_cancelled_at=before.seen_at, is_cancelled=is_cancelled)
        )
    return tuple(ended)


def _ended(
    replica: Replica, successor: Replica | None, *, was_cancelled_at: float, is_cancelled: bool
) -> EndedStart:
    seconds = None
    if successor is None:
        is_hung = was_cancelled_at >= replica.deadline_at
        cancelled = Ending.HUNG if is_hung else Ending.CANCELLED
        ending = cancelled if is_cancelled else Ending.LOST
    elif successor.phase is Phase.FAILED:
        ending = Ending.FAILED
    else:
        ending = Ending.READY
        if successor.ready_at is not None:
            seconds = successor.ready_at - successor.started_at
    return EndedStart(workload=replica.workload, kind=replica.kind, ending=ending, seconds=seconds)
