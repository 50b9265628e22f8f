"""Which parked workers are given GPUs now, and which replicas are started cold instead.

Promotions compete for GPUs as restores of one stage do: the same claims, granted in the same turn.
A worker takes the GPUs of the node where it is parked; a cold start takes any node's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.cluster_view import Fleet, NodeName, StartKind, Worker
from controller.pair_memory import PairMemory
from controller.placement import (
    NEVER_FAILED,
    Placement,
    PlacementRequest,
    Room,
    in_turn,
    is_broken,
)
from controller.worker_stock import Stock, claimed_gpus
from models.forecast import WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStarts:
    """How many starts are cold: ``device`` ones for device parts that fail, ``host`` ones for host.

    Those for device parts come first. Those for host parts come last: they are for what no worker
    stands ready for.
    """

    device: int = 0
    host: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return self.device + self.host


@dataclass(slots=True, kw_only=True)
class _Asking:
    """What is left for one request: its workers, cold starts, and attempts of what failed."""

    ready: list[Worker]
    device: int
    host: int
    device_attempts: Iterator[int]
    host_attempts: Iterator[int]

    def place(self, request: PlacementRequest, room: Room) -> Placement | None:
        """Take room for one start: a worker's, unless its device part has failed too often."""
        if self.device > 0:
            self.device -= 1
            return _cold(room.place(request), self.device_attempts)
        placed = room.place_worker(request, self.ready)
        if placed is not None:
            self.ready = [one for one in self.ready if one.name != placed.worker]
            return replace(placed, attempt=next(self.device_attempts, 1))
        if self.host > 0:
            self.host -= 1
            return _cold(room.place(request), self.host_attempts)
        return None


def staged_starts(
    requests: Sequence[PlacementRequest],
    fleet: Fleet,
    stocks: Mapping[WorkloadName, Stock],
    cold: Mapping[WorkloadName, ColdStarts],
    memory: PairMemory,
    park_failures: PairMemory,
) -> tuple[Placement, ...]:
    """Return the starts that the pool can take now, in the order in which they were granted.

    ``fleet`` is as it will be when this tick's cancels are done; ``cold`` says how many of a
    workload's starts are. ``memory`` has the failures of device parts, whose attempts starts go on
    with, ``park_failures`` those of host parts.
    """
    room = Room(requests, fleet, memory)
    room_of = _unclaimed(fleet)
    asking: dict[WorkloadName, _Asking] = {}
    for request in requests:
        name = request.workload
        asking[name] = _Asking(
            ready=_best_first(stocks[name].ready, room_of, memory.failed_nodes(name)),
            device=cold[name].device,
            host=cold[name].host,
            device_attempts=iter(memory.owed_attempts(name)),
            host_attempts=iter(park_failures.owed_attempts(name)),
        )
    return in_turn(requests, lambda request: asking[request.workload].place(request, room))


def cold_starts_due(
    request: PlacementRequest,
    ready: int,
    memory: PairMemory,
    park_failures: PairMemory,
    *,
    is_trial_due: bool = False,
) -> ColdStarts:
    """Return how many of a request's starts are cold, since restores have failed too often.

    Host parts that fail say nothing against the ``ready`` workers, whose host part is over. Of
    these one is promoted all the same if a trial is due.
    """
    if not request.cold_fallback:
        return ColdStarts()
    device = _failed_for_good(request, request.count, memory)
    if is_trial_due and ready > 0 and is_broken(request.workload, memory, request.restore_attempts):
        device -= 1
    lacking = max(request.count - device - ready, 0)
    return ColdStarts(device=device, host=_failed_for_good(request, lacking, park_failures))


def of_host_parts(
    starts: Iterable[Placement], cold: Mapping[WorkloadName, ColdStarts]
) -> tuple[Placement, ...]:
    """Return those of the starts that are cold for host parts that failed."""
    seen: Counter[WorkloadName] = Counter()
    found = []
    for placed in starts:
        if placed.kind is StartKind.COLD:
            seen[placed.workload] += 1
            if seen[placed.workload] > cold[placed.workload].device:
                found.append(placed)
    return tuple(found)


def _failed_for_good(request: PlacementRequest, count: int, memory: PairMemory) -> int:
    """Return how many of so many starts need not be tried by this part of a restore again."""
    if is_broken(request.workload, memory, request.restore_attempts):
        return count
    owed = memory.owed_attempts(request.workload)
    return min(sum(1 for attempt in owed if attempt > request.restore_attempts), count)


def _cold(placed: Placement | None, attempts: Iterator[int]) -> Placement | None:
    """Return a start as a cold one, if it has found room, with the next attempt that is owed."""
    if placed is None:
        return None
    return replace(placed, kind=StartKind.COLD, attempt=next(attempts, 1))


def _unclaimed(fleet: Fleet) -> Counter[NodeName]:
    """Return the GPUs of each node beyond what all workers there would take."""
    left = Counter(fleet.free_gpus())
    left.subtract(claimed_gpus(fleet.parking.workers if fleet.parking else ()))
    return left


def _best_first(
    workers: Sequence[Worker],
    left: Mapping[NodeName, int],
    failed: Mapping[NodeName, tuple[int, float]],
) -> list[Worker]:
    """Order workers: where none failed, then where fewest others wait, then the oldest first."""

    def rank(worker: Worker) -> tuple[tuple[int, float], int, float, str]:
        failures = failed.get(worker.node, NEVER_FAILED)
        return failures, -left.get(worker.node, 0), worker.decided_at, worker.name

    return sorted(workers, key=rank)
