"""Which standby node takes which start.

Pure, and asked at every tick. Between workloads that share the pool, GPUs go first to whoever is
below its smallest number of replicas, then to where a GPU avoids the most missed demand, weighted
by priority. Starts are spread over nodes, since restores on one node share its disk and network.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass

from controller.cluster_view import RESTORING, Fleet, NodeName, StartKind
from controller.free_nodes import FreeNodes
from controller.pair_memory import PairMemory
from models.forecast import WorkloadName

#: Priorities beyond this weigh no more; two to this power is still exact.
_HIGHEST_PRIORITY = 64

#: How often a workload failed on a node, and until when the last time is remembered.
_NEVER_FAILED = (0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementRequest:
    """What one workload asks of the pool at this tick.

    ``count`` replicas of ``gpus`` each, of which the first ``guaranteed`` are needed to reach its
    smallest number of replicas. ``worth`` is the demand per second that one of them saves from
    being missed; each step of ``priority`` doubles its weight. ``max_concurrent`` bounds the
    workload's starts under way (None: no bound), ``max_concurrent_per_node`` all of a node's.
    After ``restore_attempts`` failed restores of one replica, or twice as many of the workload
    without a success, the start is cold if ``cold_fallback``.
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
    restore_attempts: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One start: where, how, and the how-manieth attempt it is."""

    workload: WorkloadName
    node: NodeName
    kind: StartKind
    gpus: int = 1
    attempt: int = 1


def assign(
    requests: tuple[PlacementRequest, ...], fleet: Fleet, memory: PairMemory
) -> tuple[Placement, ...]:
    """Return the starts that the pool can take now, in the order in which they were granted.

    What does not fit is left out; the next tick asks again. Equal claims are granted in turn,
    then by name, so that one input has one answer.
    """
    if not any(request.count > 0 for request in requests):
        return ()
    asking = frozenset(request.workload for request in requests)
    pool = _Pool(fleet, memory.at(fleet.seen_at), asking)
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
        placement = pool.place(request)
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


def _claim(request: PlacementRequest, granted: int) -> tuple[bool, float, int, WorkloadName]:
    """Return the sort key of a request's next replica; the smallest is granted first."""
    priority = max(-_HIGHEST_PRIORITY, min(_HIGHEST_PRIORITY, request.priority))
    value = 2.0**priority * request.worth / request.gpus
    return (granted >= request.guaranteed, -value, granted, request.workload)


class _Pool:
    """The room that is left while one tick's starts are handed out."""

    def __init__(self, fleet: Fleet, memory: PairMemory, asking: frozenset[WorkloadName]) -> None:
        self._memory = memory
        self._barred: dict[WorkloadName, set[NodeName]] = defaultdict(set)
        for node in fleet.nodes:
            for who, _ in node.unfit_for:
                if who in asking:
                    self._barred[who].add(node.name)
        starting: Counter[NodeName] = Counter()
        self._starting_of: Counter[WorkloadName] = Counter()
        self._own: dict[WorkloadName, Counter[NodeName]] = defaultdict(Counter)
        self._retried: Counter[WorkloadName] = Counter()
        for replica in fleet.replicas:
            if replica.workload in asking:
                self._own[replica.workload][replica.node] += 1
            if replica.phase is RESTORING:
                starting[replica.node] += 1
                self._starting_of[replica.workload] += 1
        free = {name: gpus for name, gpus in fleet.free_gpus().items() if gpus > 0}
        self._nodes = FreeNodes(free, starting)

    def place(self, request: PlacementRequest) -> Placement | None:
        """Take room for one replica, None if there is none."""
        limit = request.max_concurrent
        if limit is not None and self._starting_of[request.workload] >= limit:
            return None
        node = self._node_for(request)
        if node is None:
            return None
        self._nodes.take(node, request.gpus)
        self._starting_of[request.workload] += 1
        self._own[request.workload][node] += 1
        attempt = self._next_attempt(request.workload)
        return Placement(
            workload=request.workload,
            node=node,
            kind=self._kind(request, attempt),
            gpus=request.gpus,
            attempt=attempt,
        )

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
                failed.get(name, _NEVER_FAILED),
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
        is_tried = attempt > request.restore_attempts
        # Failures of many replicas in a row: it is the snapshot, not bad luck.
        is_broken = self._memory.streak(request.workload) >= 2 * request.restore_attempts
        return StartKind.COLD if is_tried or is_broken else StartKind.RESTORE
