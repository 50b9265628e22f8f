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
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from controller.cluster_view import Fleet, NodeName, ReplicaName, StartKind, Worker, WorkerPhase
from controller.pair_memory import PairMemory
from controller.placement import Placement
from controller.policy import WorkloadPolicy
from models.forecast import WorkloadName

_NEVER_FAILED = (0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkRequest:
    """How many workers of a workload shall begin to be parked.

    ``attempts`` are those of the failed starts that they take the place of, the others are first.
    ``blocked`` others wait already for GPUs that are in use.
    """

    policy: WorkloadPolicy
    count: int
    attempts: tuple[int, ...] = ()
    blocked: int = 0


def places_for(
    requests: Sequence[ParkRequest],
    fleet: Fleet,
    gone: Collection[ReplicaName],
    starts: Sequence[Placement],
    failures: Collection[PairMemory],
) -> tuple[Placement, ...]:
    """Return where workers are parked: by priority, then to whoever still lacks most.

    ``fleet`` is as it will be when this tick's cancels are done, ``starts`` take GPUs there, and
    the workers that are ``gone`` leave their places. ``failures`` are those of both parts.
    """
    memory_of_nodes = _Memory(fleet, gone, starts, failures)
    waiting = [
        (-one.policy.limits.priority, -one.count, one.policy.workload, index)
        for index, one in enumerate(requests)
        if one.count > 0
    ]
    heapq.heapify(waiting)
    parked: Counter[int] = Counter()
    places: list[Placement] = []
    while waiting:
        priority, lacking, name, index = heapq.heappop(waiting)
        request = requests[index]
        # Who is blocked already waits for all but so many of those that are missing.
        node = memory_of_nodes.take(request.policy, may_wait=-lacking > request.blocked)
        if node is None:
            continue
        turn = parked[index]
        attempt = request.attempts[turn] if turn < len(request.attempts) else 1
        gpus = request.policy.standby.gpus_per_replica
        kind = StartKind.RESTORE
        places.append(Placement(workload=name, node=node, kind=kind, gpus=gpus, attempt=attempt))
        parked[index] += 1
        if lacking < -1:
            heapq.heappush(waiting, (priority, lacking + 1, name, index))
    return tuple(places)


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

    def take(self, policy: WorkloadPolicy, *, may_wait: bool) -> NodeName | None:
        """Take the best place for one more worker of a workload, None if there is none.

        If it ``may_wait``, that may be where others hold the GPUs.
        """
        name, limit = policy.workload, policy.restore.max_concurrent
        if limit is not None and self._parking_of[name] >= limit:
            return None
        best = self._best(policy)
        if best is None and may_wait:
            best = self._best(policy, beside_others=True)
        if best is not None:
            self._note(name, best, policy.standby.gpus_per_replica, is_parking=True)
        return best

    def _best(self, policy: WorkloadPolicy, *, beside_others: bool = False) -> NodeName | None:
        name, gpus = policy.workload, policy.standby.gpus_per_replica
        own, most = self._own[name], policy.restore.max_concurrent_per_node
        nobody: Counter[NodeName] = Counter()
        held, ours = (self._held, self._held_by[name]) if beside_others else (nobody, nobody)
        fit = [
            node
            for node, free in self._free.items()
            if free + held[node] - ours[node] - own[node] >= gpus
            and self._there[node] < self._per_node
            and self._parking[node] < most
            and (name, node) not in self._barred
        ]
        if name not in self._failed:
            self._failed[name] = _failed_nodes(self._failures, name)
        failed = self._failed[name]
        # Where it failed comes last; else where most GPUs are free that nobody waits for.
        return min(
            fit,
            key=lambda node: (
                failed.get(node, _NEVER_FAILED),
                -self._room[node],
                self._parking[node],
                node,
            ),
            default=None,
        )

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
            others, latest = failed.get(node, _NEVER_FAILED)
            failed[node] = (others + count, max(last, latest))
    return failed
