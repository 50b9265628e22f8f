"""Which node's memory takes which worker that is to be parked.

A worker is promoted where it is parked, so it is parked where a GPU is free for it: no workload
has more workers on a node than it could promote there. Workers of several may wait for one GPU, as
their peaks rarely fall together; but first each is given one that nobody else waits for. Where no
GPU is free, a worker is parked beside another workload's replica: when GPUs change hands, who gets
one must not have to be parked first.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from controller.cluster_view import Fleet, NodeName, ReplicaName, StartKind, Worker, WorkerPhase
from controller.pair_memory import PairMemory
from controller.placement import NEVER_FAILED, Placement
from controller.policy import WorkloadPolicy
from models.forecast import WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkRequest:
    """How many workers of a workload shall begin to be parked.

    Starts of now lack the first ``needed``, of which the first ``guaranteed`` are below its
    smallest number of replicas. ``attempts`` are those of the failed starts that they take the
    place of, the others are first. ``blocked`` others wait already for GPUs that are in use.
    ``spare`` are parked workers that no start of now needs: who is dropped first comes first.
    ``closed`` are nodes where none of its starts can go for long.
    """

    policy: WorkloadPolicy
    count: int
    needed: int = 0
    guaranteed: int = 0
    attempts: tuple[int, ...] = ()
    blocked: int = 0
    spare: tuple[Worker, ...] = ()
    closed: Collection[NodeName] = ()

    def claim(self, turn: int) -> tuple[int, int, int, WorkloadName]:
        """Return the sort key of the next worker after so many; the smallest is parked first."""
        rank = 0 if turn < self.guaranteed else 1 if turn < self.needed else 2
        lacking = self.count - turn
        return rank, -self.policy.limits.priority, -lacking, self.policy.workload


def places_for(
    requests: Sequence[ParkRequest],
    fleet: Fleet,
    gone: Collection[ReplicaName],
    starts: Sequence[Placement],
    failures: Collection[PairMemory],
) -> tuple[tuple[Placement, ...], tuple[Worker, ...]]:
    """Return where workers are parked, and which spare ones make room for what starts of now lack.

    First come those that starts of now lack; then it goes by priority, then to whoever still lacks
    most. ``fleet`` is as it will be when this tick's cancels are done, ``starts`` take GPUs there,
    and the workers that are ``gone`` leave their places. ``failures`` are those of both parts.
    """
    memory_of_nodes = _Memory(fleet, gone, starts, failures)
    spare = _least_first(requests)
    waiting = [(one.claim(0), index) for index, one in enumerate(requests) if one.count > 0]
    heapq.heapify(waiting)
    parked: Counter[int] = Counter()
    places: list[Placement] = []
    evicted: list[Worker] = []
    while waiting:
        _, index = heapq.heappop(waiting)
        request, turn = requests[index], parked[index]
        node = memory_of_nodes.take(request)
        if node is None and turn < request.needed:
            worker = memory_of_nodes.take_from(spare, request)
            if worker is not None:
                node = worker.node
                evicted.append(worker)
        # Who is blocked already waits for all but so many of those that are missing.
        if node is None and request.count - turn > request.blocked:
            node = memory_of_nodes.take(request, beside_others=True)
        if node is None:
            continue
        places.append(_placement(request, turn, node))
        parked[index] += 1
        if turn + 1 < request.count:
            heapq.heappush(waiting, (request.claim(turn + 1), index))
    return tuple(places), tuple(evicted)


def _least_first(requests: Sequence[ParkRequest]) -> list[Worker]:
    """Return all spare workers, those of the lowest claim first: by priority, then by need."""
    ordered = sorted(requests, key=lambda one: (one.policy.limits.priority, one.count))
    return [worker for request in ordered for worker in request.spare]


def _placement(request: ParkRequest, turn: int, node: NodeName) -> Placement:
    return Placement(
        workload=request.policy.workload,
        node=node,
        kind=StartKind.RESTORE,
        gpus=request.policy.standby.gpus_per_replica,
        attempt=request.attempts[turn] if turn < len(request.attempts) else 1,
    )


class _Memory:
    """The places that are left while one tick's workers are parked."""

    def __init__(
        self,
        fleet: Fleet,
        gone: Collection[ReplicaName],
        starts: Sequence[Placement],
        failures: Collection[PairMemory],
    ) -> None:
        lot = fleet.parking
        assert lot is not None
        self._per_node = lot.per_node
        self._failures = failures
        self._failed: dict[WorkloadName, dict[NodeName, tuple[int, float]]] = {}
        self._free = fleet.free_gpus()
        self._room: Counter[NodeName] = Counter(self._free)
        self._there: Counter[NodeName] = Counter()
        self._parking: Counter[NodeName] = Counter()
        self._parking_of: Counter[WorkloadName] = Counter()
        self._own: dict[WorkloadName, Counter[NodeName]] = defaultdict(Counter)
        self._held: Counter[NodeName] = Counter()
        self._held_by: dict[WorkloadName, Counter[NodeName]] = defaultdict(Counter)
        for replica in fleet.replicas:
            self._held[replica.node] += replica.gpus
            self._held_by[replica.workload][replica.node] += replica.gpus
        self._barred = {(who, node.name) for node in fleet.nodes for who, _ in node.unfit_for}
        for placed in starts:
            self._free[placed.node] -= placed.gpus
            self._room[placed.node] -= placed.gpus
        for worker in lot.workers:
            if worker.name not in gone:
                self._add(worker)

    def take(self, request: ParkRequest, *, beside_others: bool = False) -> NodeName | None:
        """Take the best place for one more worker of a workload, None if there is none.

        ``beside_others``, that may be where others hold the GPUs, or starts that may hang the node.
        """
        policy = request.policy
        fit = [
            node
            for node in self._fit(request, beside_others=beside_others)
            if self._there[node] < self._per_node
        ]
        name = policy.workload
        if fit and name not in self._failed:
            self._failed[name] = _failed_nodes(self._failures, name)
        # Where it failed comes last; else where most GPUs are free that nobody waits for.
        best = min(
            fit,
            key=lambda node: (
                self._failed[name].get(node, NEVER_FAILED),
                -self._room[node],
                self._parking[node],
                node,
            ),
            default=None,
        )
        if best is not None:
            self._note(name, best, policy.standby.gpus_per_replica, is_parking=True)
        return best

    def take_from(self, spare: list[Worker], request: ParkRequest) -> Worker | None:
        """Take the place of the first of others' ``spare`` workers beside which a GPU is free."""
        policy, fit = request.policy, frozenset(self._fit(request))
        name = policy.workload
        for worker in spare:
            if worker.workload != name and worker.node in fit:
                spare.remove(worker)
                self._there[worker.node] -= 1
                self._room[worker.node] += worker.gpus
                self._own[worker.workload][worker.node] -= worker.gpus
                gpus = policy.standby.gpus_per_replica
                self._note(name, worker.node, gpus, is_parking=True)
                return worker
        return None

    def _fit(self, request: ParkRequest, *, beside_others: bool = False) -> Iterator[NodeName]:
        """Yield the nodes where a worker could be parked and promoted, if there is a place left."""
        policy = request.policy
        name, gpus = policy.workload, policy.standby.gpus_per_replica
        limit, most = policy.restore.max_concurrent, policy.restore.max_concurrent_per_node
        if limit is not None and self._parking_of[name] >= limit:
            return
        own = self._own[name]
        nobody: Counter[NodeName] = Counter()
        held, ours = (self._held, self._held_by[name]) if beside_others else (nobody, nobody)
        closed = () if beside_others else request.closed
        for node, free in self._free.items():
            is_free = free + held[node] - ours[node] - own[node] >= gpus
            is_open = node not in closed and (name, node) not in self._barred
            if is_free and is_open and self._parking[node] < most:
                yield node

    def _add(self, worker: Worker) -> None:
        is_parking = worker.phase is WorkerPhase.PARKING
        self._note(worker.workload, worker.node, worker.gpus, is_parking=is_parking)

    def _note(self, name: WorkloadName, node: NodeName, gpus: int, *, is_parking: bool) -> None:
        self._there[node] += 1
        self._room[node] -= gpus
        self._own[name][node] += gpus
        if is_parking:
            self._parking[node] += 1
            self._parking_of[name] += 1


def _failed_nodes(
    failures: Collection[PairMemory], name: WorkloadName
) -> dict[NodeName, tuple[int, float]]:
    """Return on which nodes either part failed: how often, and when the last is forgotten."""
    failed: dict[NodeName, tuple[int, float]] = {}
    for each in failures:
        for node, (count, last) in each.failed_nodes(name).items():
            others, latest = failed.get(node, NEVER_FAILED)
            failed[node] = (others + count, max(last, latest))
    return failed
