"""What became of the starts under way, read off two successive views of the cluster.

Pure. Used for metrics and journals; the planner learns from the views themselves.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from controller.actions import Action, Cancel, Resize
from controller.cluster_view import Fleet, Phase, Replica, ReplicaName, StartKind
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
    """A start that is over. ``seconds`` from deciding to ready, None if it never was.

    ``phases`` has how long each known part of a start took that became ready, by what ended it.
    """

    workload: WorkloadName
    kind: StartKind
    ending: Ending
    seconds: float | None = None
    phases: tuple[tuple[str, float], ...] = ()


def phase_seconds(replica: Replica) -> tuple[tuple[str, float], ...]:
    """Return how long each part of a start took: from the known phase before it to its own.

    Nothing for a replica that is not known to have become ready.
    """
    if replica.ready_at is None:
        return ()
    reached = replica.phases or (("started", replica.started_at),)
    times = (*reached, ("ready", replica.ready_at))
    since = (replica.decided_at, *(at for _, at in reached))
    # Clocks of several machines may disagree by a little.
    return tuple((name, max(at - then, 0.0)) for (name, at), then in zip(times, since, strict=True))


def ended_starts(
    before: Fleet,
    after: Fleet,
    acted: Iterable[Action] = (),
    measured: Container[ReplicaName] = (),
) -> tuple[EndedStart, ...]:
    """Return the starts that were under way in ``before`` and no longer are in ``after``.

    So are those of replicas that came and got ready, or failed, between the two views, and those
    that ``before`` does not have but that were ``measured`` in ``after``: a loop that has just
    begun finds starts of the one before it.
    ``acted`` is what was asked of the cluster upon ``before``: a start that vanished without
    being cancelled was lost with its node.
    """
    cancelled = _cancelled(acted)
    now_by_name = {replica.name: replica for replica in after.replicas}
    ended = []
    for replica in before.replicas:
        if replica.phase is not Phase.RESTORING:
            continue
        successor = now_by_name.get(replica.name)
        if successor is not None and successor.phase is Phase.RESTORING:
            continue
        if successor is None and not replica.node:
            continue  # it was wanted, and had not been created yet
        is_cancelled = replica.name in cancelled
        ended.append(
            _ended(replica, successor, was_cancelled_at=before.seen_at, is_cancelled=is_cancelled)
        )
    return (*ended, *_quick(before, after, measured))


def _quick(before: Fleet, after: Fleet, measured: Container[ReplicaName]) -> Iterable[EndedStart]:
    """Yield the starts that ended between two views and were not seen under way."""
    known = {replica.name for replica in before.replicas}
    for replica in after.replicas:
        is_late = replica.decided_at >= before.seen_at or replica.name in measured
        if replica.name not in known and is_late and replica.phase is not Phase.RESTORING:
            yield _ended(replica, replica, was_cancelled_at=before.seen_at, is_cancelled=False)


def _cancelled(acted: Iterable[Action]) -> frozenset[ReplicaName]:
    names: list[ReplicaName] = []
    for action in acted:
        if isinstance(action, Cancel):
            names.append(action.name)
        elif isinstance(action, Resize):
            names += action.retried
    return frozenset(names)


def _ended(
    replica: Replica, successor: Replica | None, *, was_cancelled_at: float, is_cancelled: bool
) -> EndedStart:
    if successor is None:
        is_hung = was_cancelled_at >= replica.deadline_at
        cancelled = Ending.HUNG if is_hung else Ending.CANCELLED
        ending = cancelled if is_cancelled else Ending.LOST
    else:
        ending = Ending.FAILED if successor.phase is Phase.FAILED else Ending.READY
    ended = EndedStart(workload=replica.workload, kind=replica.kind, ending=ending)
    if successor is None or ending is not Ending.READY or successor.ready_at is None:
        return ended
    taken = successor.ready_at - successor.decided_at
    return replace(ended, seconds=taken, phases=phase_seconds(successor))
