"""Restores of two stages in the simulated world: workers that are parked, promoted and dropped.

The host part needs no GPU and leaves a worker in its node's memory; the device part begins when
the worker is promoted, and is a restore like any other from then on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from controller.actions import Park, Promote, StageAction, Unpark
from controller.cluster_view import (
    NodeName,
    ParkingLot,
    Phase,
    Replica,
    ReplicaName,
    StartKind,
    Worker,
    WorkerPhase,
)
from controller.environment import Environment, Parking, StartLatency
from controller.errors import ActionRefusedError
from controller.simulation_latency import host_latency_in_force, latency_in_force
from controller.simulation_pool import SimulatedPool
from controller.simulation_records import Outcome, RecordKind, ReplicaRecord
from models.forecast import WorkloadName

#: What happens at an instant, which it is told.
Happening = Callable[[float], None]
Begin = Callable[[StartLatency, Happening, Happening], None]


@dataclass(slots=True, kw_only=True)
class SimulatedParking:
    """The memory of the nodes of ``pool``, and the workers in it.

    ``begin`` draws how a stage of that latency ends, and has one or the other happen then. The
    environment's times count from ``origin``.
    """

    parking: Parking
    environment: Environment
    origin: float
    pool: SimulatedPool
    begin: Begin
    is_changed: bool = True
    _workers: dict[ReplicaName, Worker] = field(default_factory=dict)

    @classmethod
    def of(
        cls, environment: Environment, origin: float, pool: SimulatedPool, begin: Begin
    ) -> SimulatedParking | None:
        """Return a world's parking, None if its restores have one stage."""
        if environment.parking is None:
            return None
        return cls(
            parking=environment.parking,
            environment=environment,
            origin=origin,
            pool=pool,
            begin=begin,
        )

    def view(self) -> ParkingLot:
        """Return the workers that exist, in the order in which they were parked."""
        self.is_changed = False
        return ParkingLot(per_node=self.parking.per_node, workers=tuple(self._workers.values()))

    def apply(self, action: StageAction, now: float) -> None:
        """Carry out one action.

        Raises:
            ActionRefusedError: if it can't be done.
        """
        if isinstance(action, Park):
            self._park(action)
        elif isinstance(action, Promote):
            self._promote(action, now)
        else:
            self._unpark(action, now)

    def begin_parked(self, workload: WorkloadName, count: int, now: float, gpus: int) -> None:
        """Have workers parked at ``now``, where GPUs are free for them; as many as fit."""
        for number in range(1, count + 1):
            node = self._roomiest_node(gpus)
            if node is None:
                break
            worker = Worker(
                name=ReplicaName(f"{workload}-parked-{number}"),
                workload=workload,
                node=node,
                phase=WorkerPhase.PARKED,
                decided_at=now,
                deadline_at=now,
                gpus=gpus,
                parked_at=now,
            )
            self._add(worker)

    def lose_node(self, node: NodeName, now: float) -> None:
        """Let all workers of a node that vanishes go with it."""
        for worker in [one for one in self._workers.values() if one.node == node]:
            has_failed = worker.phase is WorkerPhase.FAILED
            self._end(worker, now, Outcome.FAILED if has_failed else Outcome.LOST)

    def _park(self, action: Park) -> None:
        if action.name in self._workers:
            return
        if self.pool.has_record(action.name):
            raise ActionRefusedError(f"{action.name} has been used: a new attempt needs a new name")
        if (refusal := self.pool.room_refusal(action.node, gpus=0)) is not None:
            raise ActionRefusedError(refusal)
        there = sum(1 for worker in self._workers.values() if worker.node == action.node)
        if there >= self.parking.per_node:
            raise ActionRefusedError(f"{action.node} has room for no more than {there} workers")
        self._add(
            Worker(
                name=action.name,
                workload=action.workload,
                node=action.node,
                phase=WorkerPhase.PARKING,
                decided_at=action.decided_at,
                deadline_at=action.deadline_at,
                gpus=action.gpus,
                attempt=action.attempt,
            )
        )
        since = action.decided_at - self.origin
        self.begin(
            host_latency_in_force(self.environment, self.parking, at_seconds=since),
            partial(self._make_parked, action.name),
            partial(self._make_failed, action.name),
        )

    def _promote(self, action: Promote, now: float) -> None:
        if self.pool.replica(action.name) is not None:
            return
        worker = self._workers.get(action.name)
        if worker is None:
            raise ActionRefusedError(f"{action.name} is not there to be promoted")
        if worker.phase is not WorkerPhase.PARKED:
            raise ActionRefusedError(f"{action.name} is {worker.phase}, not parked")
        if (refusal := self.pool.room_refusal(worker.node, worker.gpus)) is not None:
            raise ActionRefusedError(refusal)
        del self._workers[action.name]
        self.is_changed = True
        self.pool.add_replica(_promoted(worker, action, now))
        since = action.decided_at - self.origin
        self.begin(
            latency_in_force(self.environment, StartKind.RESTORE, at_seconds=since),
            partial(self.pool.make_ready, action.name),
            partial(self.pool.make_failed, action.name),
        )

    def _unpark(self, action: Unpark, now: float) -> None:
        worker = self._workers.get(action.name)
        if worker is None:
            if self.pool.replica(action.name) is not None:
                raise ActionRefusedError(f"{action.name} has a GPU: cancel or release it instead")
            if not self.pool.has_record(action.name):
                raise ActionRefusedError(f"{action.name} is not known")
            return
        if worker.phase is WorkerPhase.FAILED:
            outcome = Outcome.FAILED
        elif worker.phase is WorkerPhase.PARKED:
            outcome = Outcome.UNPARKED
        else:
            outcome = Outcome.HUNG if now >= worker.deadline_at else Outcome.CANCELLED
        self._end(worker, now, outcome)

    def _roomiest_node(self, gpus: int) -> NodeName | None:
        """Return the node with most GPUs that no worker there waits for, if it has enough."""
        there = Counter(worker.node for worker in self._workers.values())
        free = Counter(self.pool.free_gpus())
        free.subtract({name: gpus * count for name, count in there.items()})
        fit = [name for name in free if free[name] >= gpus and there[name] < self.parking.per_node]
        return min(fit, key=lambda name: (-free[name], name), default=None)

    def _add(self, worker: Worker) -> None:
        self._workers[worker.name] = worker
        self.is_changed = True
        is_parked = worker.phase is WorkerPhase.PARKED
        self.pool.note(
            ReplicaRecord(
                replica=worker.name,
                workload=worker.workload,
                node=worker.node,
                kind=RecordKind.RESTORE,
                decided_at=worker.decided_at,
                started_at=None,
                gpus=worker.gpus,
                parked_at=worker.parked_at,
                outcome=Outcome.PARKED if is_parked else Outcome.PARKING,
            )
        )

    def _make_parked(self, name: ReplicaName, now: float) -> None:
        if (worker := self._workers.get(name)) is not None:
            self._put(replace(worker, phase=WorkerPhase.PARKED, parked_at=now))
            record = self.pool.record(name)
            self.pool.note(replace(record, parked_at=now, outcome=Outcome.PARKED))

    def _make_failed(self, name: ReplicaName, now: float) -> None:
        if (worker := self._workers.get(name)) is not None:
            seconds = now - worker.decided_at
            failure = f"parking on {worker.node} failed after {seconds:.1f} s"
            self._put(replace(worker, phase=WorkerPhase.FAILED, failure=failure))
            self.pool.note(replace(self.pool.record(name), outcome=Outcome.FAILED))

    def _put(self, worker: Worker) -> None:
        self._workers[worker.name] = worker
        self.is_changed = True

    def _end(self, worker: Worker, now: float, outcome: Outcome) -> None:
        del self._workers[worker.name]
        self.is_changed = True
        record = self.pool.record(worker.name)
        self.pool.note(replace(record, released_at=now, outcome=outcome))


def _promoted(worker: Worker, action: Promote, now: float) -> Replica:
    """Return the replica that a worker becomes: its start is the device part alone."""
    return Replica(
        name=worker.name,
        workload=worker.workload,
        node=worker.node,
        kind=StartKind.RESTORE,
        phase=Phase.RESTORING,
        decided_at=action.decided_at,
        started_at=now,
        deadline_at=action.deadline_at,
        gpus=worker.gpus,
        attempt=action.attempt,
    )
