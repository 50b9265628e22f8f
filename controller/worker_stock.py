"""One workload's workers, told apart by what can be done with them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.cluster_view import NodeName, ReplicaName, Worker, WorkerPhase
from controller.pair_memory import PairMemory
from controller.parking_feedback import HostTimes
from controller.parking_plan import Dropped, ParkingPlan
from controller.placement import RESTORE_ATTEMPTS, is_broken
from controller.plan import Plan

_PARKING, _PARKED = WorkerPhase.PARKING, WorkerPhase.PARKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """``ready`` to be promoted, ``coming`` soon; each with GPUs free for it on its node.

    ``blocked`` ones wait, or are parked, where no GPU is free for them, or where nothing can start
    for long: they are not counted on, and others take their place elsewhere. ``overdue`` ones may
    hang. ``over`` are those that failed or hung.
    """

    ready: tuple[Worker, ...] = ()
    coming: tuple[Worker, ...] = ()
    blocked: tuple[Worker, ...] = ()
    overdue: tuple[Worker, ...] = ()
    over: tuple[Dropped, ...] = ()

    @property
    def usable(self) -> int:
        """How many can be counted on."""
        return len(self.ready) + len(self.coming)

    @property
    def alive(self) -> int:
        """How many there are, those not counted on included."""
        return self.usable + len(self.blocked) + len(self.overdue)


def stock_of(
    workers: Sequence[Worker],
    free_gpus: Mapping[NodeName, int],
    times: HostTimes,
    closed: Collection[NodeName] = (),
    *,
    now: float,
) -> Stock:
    """Tell a workload's workers apart; ``free_gpus`` are those of fit nodes, of which
    none starts anything of it that is ``closed``.

    Those of one node share its free GPUs: first who is parked, then who has been parking longest.
    """
    left = dict(free_gpus)
    parts: dict[str, list[Worker]] = {"ready": [], "coming": [], "blocked": [], "overdue": []}
    over: list[Dropped] = []
    for worker in sorted(workers, key=lambda one: (one.phase is not _PARKED, one.decided_at)):
        if (reason := _why_over(worker, now)) is not None:
            over.append(_dropped(worker, reason))
        elif worker.phase is _PARKING and now - worker.decided_at > times.overdue_seconds:
            parts["overdue"].append(worker)
        elif worker.node in closed or left.get(worker.node, 0) < worker.gpus:
            parts["blocked"].append(worker)
        else:
            left[worker.node] -= worker.gpus
            parts["ready" if worker.phase is _PARKED else "coming"].append(worker)
    return Stock(**{name: tuple(part) for name, part in parts.items()}, over=tuple(over))


def _dropped(worker: Worker, reason: str) -> Dropped:
    return Dropped(name=worker.name, node=worker.node, reason=reason)


def _why_over(worker: Worker, now: float) -> str | None:
    if worker.phase is WorkerPhase.FAILED:
        return f"failed: {worker.failure}"
    if worker.phase is _PARKING and worker.deadline_at <= now:
        return f"not parked after {now - worker.decided_at:.0f} s"
    return None


def parks_missing(planned: Plan, wanted: ParkingPlan, stock: Stock, *, cold: int) -> int:
    """Return how many workers to begin parking: what the target lacks, or what starts now lack.

    The second is more where replicas under way are overdue, beside which others start; ``cold``
    of the plan's starts need no worker.
    """
    lacking = wanted.target - planned.ready - planned.restoring - cold
    return max(max(lacking, planned.starts - cold) - stock.usable, 0)


def parks_tried(
    planned: Plan,
    wanted: ParkingPlan,
    stock: Stock,
    failures: Sequence[PairMemory],
    *,
    cold: int,
    cold_fallback: bool,
) -> int:
    """Return how many workers to begin parking, of those that are missing, though restores fail.

    ``failures`` are those of either part. While restores don't work and cold starts may take their
    place, none is parked, but for one now and then as a trial.
    """
    name, now = planned.workload, planned.at
    broken = [each for each in failures if is_broken(name, each, RESTORE_ATTEMPTS)]
    if broken and cold_fallback:
        is_due = all(each.streak_of(name).is_trial_due(now) for each in broken)
        # Cold starts under way may hang, and hold no worker's place.
        is_missing = stock.alive == 0 and wanted.target > planned.ready
        count = int(is_due and is_missing)
    else:
        count = parks_missing(planned, wanted, stock, cold=cold)
    for each in failures:
        count = each.streak_of(name).allowed(count, stock.alive + planned.restoring, now)
    return count


def surplus(
    planned: Plan,
    stock: Stock,
    promoted: Iterable[ReplicaName],
    keep: int,
    *,
    keep_usable: bool = False,
) -> Iterator[Dropped]:
    """Yield the workers beyond those to ``keep``: who helps least goes first, then the youngest.

    Those that this plan promotes stay, and those overdue: they come, or are measured at their
    deadline. With ``keep_usable`` those that can be counted on stay, too: who starts cold may be
    beaten by them, or hang.
    """
    taken = frozenset(promoted)
    count = planned.ready + planned.restoring + stock.usable + len(stock.blocked) - keep
    for part in (stock.blocked,) if keep_usable else (stock.blocked, stock.coming, stock.ready):
        for worker in sorted(part, key=lambda one: (-one.decided_at, one.name)):
            if count > 0 and worker.name not in taken:
                count -= 1
                yield _dropped(worker, "not needed any more")


def claimed_gpus(workers: Iterable[Worker]) -> Counter[NodeName]:
    """Count the GPUs of each node that workers parked there, or parking, will take."""
    claimed: Counter[NodeName] = Counter()
    for worker in workers:
        if worker.phase is not WorkerPhase.FAILED:
            claimed[worker.node] += worker.gpus
    return claimed
