"""Which standby node takes which start.

Pure, and asked at every tick. Between workloads that share the pool, GPUs go first to whoever is
below its smallest number of replicas, then to where a GPU avoids the most missed demand, weighted
by priority. Starts are spread over nodes, since restores on one node share its disk and network.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from controller.cluster_view import RESTORING, Fleet, NodeName, ReplicaName, StartKind, Worker
from controller.free_nodes import FreeNodes
from controller.pair_memory import PairMemory
from models.forecast import WorkloadName

#: Priorities beyond this weigh no more; two to this power is still exact.
_HIGHEST_PRIORITY = 64

#: After so many failed restores of one replica it is started cold, if that may be.
RESTORE_ATTEMPTS = 3

#: How often a workload failed on a node, and until when the last time is remembered.
NEVER_FAILED = (0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementRequest:
    """What one workload asks of the pool at this tick.

    ``count`` replicas of ``gpus`` each, of which the first ``guaranteed`` are needed to reach its
    smallest number of replicas. ``worth`` is the demand per second that one of them saves from
    being missed; each step of ``priority`` doubles its weight. ``max_concurrent`` bounds the
    workload's starts under way (None: no bound), ``max_concurrent_per_node`` all of a node's.
    After ``restore_attempts`` failed restores of one replica, or twice as many of the workload
    without a success, the start is cold if ``cold_fallback``; now and then one is a trial restore.
    """

    workload: WorkloadName
    count: int
    gpus: int = 1
    priority: int = 0
    worth: float = 1.0
    guaranteed: int = 0
    max_concurrent: int | None = None
    max_concurrent_per_node: int = 1
    cold_fallback: bool = True
    restore_attempts: int = RESTORE_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One start: where, how, and the how-manieth attempt it is; of a parked ``worker``, if any."""

    workload: WorkloadName
    node: NodeName
    kind: StartKind
    gpus: int = 1
    attempt: int = 1
    worker: ReplicaName | None = None


#: What finds room for one replica of a request, None if there is none.
Place = Callable[[PlacementRequest], Placement | None]


def assign(
    requests: tuple[PlacementRequest, ...], fleet: Fleet, memory: PairMemory
) -> tuple[Placement, ...]:
    """Return the starts that the pool can take now, in the order in which they were granted.

    What does not fit is left out; the next tick asks again. Equal claims are granted in turn,
    then by name, so that one input has one answer.
    """
    if not any(request.count > 0 for request in requests):
        return ()
    return in_turn(requests, Room(requests, fleet, memory).place)


def in_turn(requests: Sequence[PlacementRequest], place: Place) -> tuple[Placement, ...]:
    """Return what ``place`` grants while requests ask for their replicas in turn."""
    # One entry a request, ordered by claim; granting one replica weakens the claim by a turn.
    claims = [
        (_claim(request, 0), index) for index, request in enumerate(requests) if request.count > 0
    ]
    heapq.heapify(claims)
    granted: Counter[int] = Counter()
    placements: list[Placement] = []
    while claims:
        _, index = heapq.heappop(claims)
        request = requests[index]
        placement = place(request)
        if placement is None:
            # The pool only gets fuller: what does not fit now won't fit later in this tick.
            continue
        placements.append(placement)
        granted[index] += 1
        if granted[index] < request.count:
            heapq.heappush(claims, (_claim(request, granted[index]), index))
    return tuple(placements)


def after_placement(memory: PairMemory, placements: tuple[Placement, ...]) -> PairMemory:
    """Return the memory once these starts have been made: their retries are not owed again."""
    for workload, count in Counter(one.workload for one in placements if one.attempt > 1).items():
        memory = memory.after_retries(workload, count)
    return memory


def is_broken(workload: WorkloadName, memory: PairMemory, restore_attempts: int) -> bool:
    """Say whether failures of many replicas in a row show that it is the snapshot, not bad luck."""
    return memory.streak(workload) >= 2 * restore_attempts


def _claim(request: PlacementRequest, granted: int) -> tuple[bool, float, int, WorkloadName]:
    """Return the sort key of a request's next replica; the smallest is granted first."""
    priority = max(-_HIGHEST_PRIORITY, min(_HIGHEST_PRIORITY, request.priority))
    value = 2.0**priority * request.worth / request.gpus
    return (granted >= request.guaranteed, -value, granted, request.workload)


class Room:
    """The room that is left while one tick's starts are handed out."""

    def __init__(
        self, requests: Sequence[PlacementRequest], fleet: Fleet, memory: PairMemory
    ) -> None:
        """Take stock of a fleet for those who ask."""
        asking = frozenset(request.workload for request in requests)
        self._memory, self._now = memory.at(fleet.seen_at), fleet.seen_at
        self._barred: dict[WorkloadName, set[NodeName]] = defaultdict(set)
        for node in fleet.nodes:
            for who, _ in node.unfit_for:
                if who in asking:
                    self._barred[who].add(node.name)
        starting: Counter[NodeName] = Counter()
        self._starting_of: Counter[WorkloadName] = Counter()
        self._own: dict[WorkloadName, Counter[NodeName]] = defaultdict(Counter)
        self._retried: Counter[WorkloadName] = Counter()
        self._restoring: set[WorkloadName] = set()
        for replica in fleet.replicas:
            if replica.workload in asking:
                self._own[replica.workload][replica.node] += 1
            if replica.phase is RESTORING:
                starting[replica.node] += 1
                self._starting_of[replica.workload] += 1
                if replica.kind is StartKind.RESTORE:
                    self._restoring.add(replica.workload)
        free = {name: gpus for name, gpus in fleet.free_gpus().items() if gpus > 0}
        self._nodes = FreeNodes(free, starting)

    def place(self, request: PlacementRequest) -> Placement | None:
        """Take room for one replica, None if there is none."""
        node = None if self._is_at_limit(request) else self._node_for(request)
        if node is None:
            return None
        self._take(request.workload, node, request.gpus)
        attempt = self._next_attempt(request.workload)
        return Placement(
            workload=request.workload,
            node=node,
            kind=self._kind(request, attempt),
            gpus=request.gpus,
            attempt=attempt,
        )

    def place_worker(
        self, request: PlacementRequest, workers: Iterable[Worker]
    ) -> Placement | None:
        """Take the GPUs of the first worker whose node has room for its start, None if none has."""
        if self._is_at_limit(request):
            return None
        barred, most = self._barred[request.workload], request.max_concurrent_per_node
        for worker in workers:
            if worker.node not in barred and self._nodes.fits(worker.node, worker.gpus, most):
                self._take(request.workload, worker.node, worker.gpus)
                return Placement(
                    workload=request.workload,
                    node=worker.node,
                    kind=StartKind.RESTORE,
                    gpus=worker.gpus,
                    worker=worker.name,
                )
        return None

    def _is_at_limit(self, request: PlacementRequest) -> bool:
        limit = request.max_concurrent
        return limit is not None and self._starting_of[request.workload] >= limit

    def _take(self, workload: WorkloadName, node: NodeName, gpus: int) -> None:
        self._nodes.take(node, gpus)
        self._starting_of[workload] += 1
        self._own[workload][node] += 1

    def _node_for(self, request: PlacementRequest) -> NodeName | None:
        nodes, own = self._nodes, self._own[request.workload]
        barred = self._barred[request.workload]
        failed = self._memory.failed_nodes(request.workload)
        # To this workload all other nodes are alike, and the first in line is the best of them.
        known = own.keys() | failed.keys()
        most = request.max_concurrent_per_node
        other = nodes.first(request.gpus, most, known | barred)
        fit = [
            name for name in known if name not in barred and nodes.fits(name, request.gpus, most)
        ]
        # Where it failed oftest and last comes last, but is better than nowhere. Then the nodes
        # with the fewest starts and the fewest of its own replicas, as one loss shall not take
        # many; then the tightest fit, which leaves whole nodes to those who need them.
        return min(
            fit if other is None else [*fit, other],
            key=lambda name: (
                failed.get(name, NEVER_FAILED),
                nodes.starting[name],
                own[name],
                nodes.free[name],
                name,
            ),
            default=None,
        )

    def _next_attempt(self, workload: WorkloadName) -> int:
        owed = self._memory.owed_attempts(workload)
        turn = self._retried[workload]
        self._retried[workload] += 1
        return owed[turn] if turn < len(owed) else 1

    def _kind(self, request: PlacementRequest, attempt: int) -> StartKind:
        if not request.cold_fallback:
            return StartKind.RESTORE
        if is_broken(request.workload, self._memory, request.restore_attempts):
            return StartKind.RESTORE if self._begins_trial(request.workload) else StartKind.COLD
        return StartKind.COLD if attempt > request.restore_attempts else StartKind.RESTORE

    def _begins_trial(self, workload: WorkloadName) -> bool:
        """Say whether a start is restored though restores fail: one at a time, now and then."""
        due = self._memory.streak_of(workload).is_trial_due(self._now)
        if not due or workload in self._restoring:
            return False
        self._restoring.add(workload)
        return True
