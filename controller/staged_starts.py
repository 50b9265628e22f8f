"""Which parked workers are given GPUs now, and which replicas are started cold instead.

Promotions compete for GPUs as restores of one stage do: the same claims, granted in the same turn.
A worker takes the GPUs of the node where it is parked; a cold start takes any node's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from controller.cluster_view import Fleet, NodeName, Worker
from controller.pair_memory import PairMemory
from controller.placement import Placement, PlacementRequest, Room, in_turn, is_broken
from controller.worker_stock import Stock, claimed_gpus
from models.forecast import WorkloadName

_NEVER_FAILED = (0, 0.0)


def staged_starts(
    requests: Sequence[PlacementRequest],
    fleet: Fleet,
    stocks: Mapping[WorkloadName, Stock],
    memory: PairMemory,
) -> tuple[Placement, ...]:
    """Return the starts that the pool can take now, in the order in which they were granted.

    ``fleet`` is as it will be when this tick's cancels are done.
    """
    room = Room(requests, fleet, memory)
    room_of = _unclaimed(fleet)
    cold = {request.workload: cold_starts_due(request, memory) for request in requests}
    waiting = {
        request.workload: _best_first(
            stocks[request.workload].ready, room_of, memory.failed_nodes(request.workload)
        )
        for request in requests
    }

    def place(request: PlacementRequest) -> Placement | None:
        name = request.workload
        if cold[name] > 0:
            cold[name] -= 1
            return room.place(request)
        placed = room.place_worker(request, waiting[name])
        if placed is not None:
            waiting[name] = [one for one in waiting[name] if one.name != placed.worker]
        return placed

    return in_turn(requests, place)


def cold_starts_due(request: PlacementRequest, memory: PairMemory) -> int:
    """Return how many of a request's starts are cold, since restores have failed too often."""
    if not request.cold_fallback:
        return 0
    if is_broken(request.workload, memory, request.restore_attempts):
        return request.count
    owed = memory.owed_attempts(request.workload)
    tried = sum(1 for attempt in owed if attempt > request.restore_attempts)
    return min(tried, request.count)


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
        failures = failed.get(worker.node, _NEVER_FAILED)
        return failures, -left.get(worker.node, 0), worker.decided_at, worker.name

    return sorted(workers, key=rank)
