"""A simulated cluster in virtual time: standby nodes, restores that take time, fail and hang.

No I/O and no clock: whoever owns the world moves its time. The same seed and the same actions
give the same world, and nothing in it depends on what comes later.
"""

from __future__ import annotations

import heapq
import math
from functools import partial

from controller.actions import Action, Cancel, Release, Resize, StageAction, Start
from controller.cluster_view import (
    Fleet,
    NodeName,
    Phase,
    Replica,
    ReplicaName,
    StartKind,
)
from controller.environment import Environment, StartLatency
from controller.errors import ActionRefusedError
from controller.simulation_latency import StartEnd, draw_start, latency_in_force
from controller.simulation_parking import Happening, SimulatedParking
from controller.simulation_pool import SimulatedPool, node_names
from controller.simulation_records import ReplicaRecord
from models.forecast import WorkloadName

#: A start is never over at the very instant at which it began.
_SHORTEST_START_SECONDS = 1e-3


class SimulatedWorld:
    """Nodes and replicas whose time is moved by hand; times in seconds since the epoch.

    The environment's own times count from ``origin``. ``advance`` and ``fleet`` cost O(1) while
    nothing happens: what is to come waits in a heap, and the view is rebuilt only after a change.
    """

    def __init__(self, environment: Environment, origin: float) -> None:
        """Make a world with every node empty at ``origin``."""
        self.now = origin
        self._environment = environment
        self._origin = origin
        self._pool = SimulatedPool()
        self._parking = SimulatedParking.of(environment, origin, self._pool, self._begin)
        self._starts = 0
        # The sequence number keeps events of one instant in the order in which they were made.
        self._events: list[tuple[float, int, Happening]] = []
        self._sequence = 0
        self._view: Fleet | None = None
        names = node_names(environment.standby.nodes)
        for name in names:
            self._pool.add_node(name, gpus=environment.standby.gpus_per_node)
        for loss in environment.node_losses:
            if not 0 <= loss.node < len(names):
                raise ValueError(f"node_losses.node: {loss.node} is not in 0 … {len(names) - 1}")
            self._later(origin + loss.at_seconds, partial(self._lose_node, names[loss.node]))
            if loss.back_at_seconds is not None:
                back = partial(self._bring_back_node, names[loss.node])
                self._later(origin + loss.back_at_seconds, back)

    def advance(self, to: float) -> None:
        """Move time forward and let happen what is due.

        Raises:
            ValueError: if ``to`` lies in the past.
        """
        if to < self.now:
            raise ValueError(f"to: {to} lies before the world's now, {self.now}")
        events = self._events
        while events and events[0][0] <= to:
            at, _, happen = heapq.heappop(events)
            self.now = max(self.now, at)
            happen(self.now)
        self.now = to

    def fleet(self) -> Fleet:
        """Return everything that exists now."""
        view = self._view
        lot = self._parking
        is_changed = self._pool.is_changed or (lot is not None and lot.is_changed)
        if view is None or view.seen_at != self.now or is_changed:
            view = Fleet(
                seen_at=self.now,
                nodes=self._pool.node_view(),
                replicas=self._pool.replica_view(),
                parking=None if lot is None else lot.view(),
            )
            self._view = view
        return view

    def records(self) -> tuple[ReplicaRecord, ...]:
        """Return one row for every replica ever started, in the order of their starts."""
        return self._pool.records()

    def apply(self, action: Action) -> None:
        """Carry out one action at the present time.

        Raises:
            ActionRefusedError: if it can't be done: the node is gone, unfit or full, the replica
                unknown, or in a phase that the action does not fit.
        """
        if isinstance(action, Start):
            self._start(action)
        elif isinstance(action, Release):
            self._release(action)
        elif isinstance(action, Resize):
            raise ActionRefusedError(f"{action.workload}: nothing scales itself in this world")
        elif isinstance(action, StageAction):
            if self._parking is None:
                raise ActionRefusedError(f"{action.name}: restores have one stage in this world")
            self._parking.apply(action, self.now)
        else:
            self._cancel(action)

    def begin_ready(
        self, workload: WorkloadName, count: int, now: float, gpus: int = 1
    ) -> tuple[ReplicaName, ...]:
        """Make replicas that are ready at ``now``, spread over the nodes; as many as fit.

        They have taken no time to start, so nothing can be learned from them.
        """
        self.advance(now)
        names: list[ReplicaName] = []
        for number in range(1, count + 1):
            node = self._pool.emptiest_node(gpus)
            if node is None:
                break
            replica = Replica(
                name=ReplicaName(f"{workload}-initial-{number}"),
                workload=workload,
                node=node,
                kind=StartKind.RESTORE,
                phase=Phase.READY,
                decided_at=now,
                started_at=now,
                ready_at=now,
                deadline_at=now,
                gpus=gpus,
            )
            self._pool.add_replica(replica, is_initial=True)
            names.append(replica.name)
        return tuple(names)

    def begin_parked(self, workload: WorkloadName, count: int, now: float, gpus: int = 1) -> None:
        """Make workers that are parked at ``now``, if restores have two stages; as many as fit."""
        self.advance(now)
        if self._parking is not None:
            self._parking.begin_parked(workload, count, now, gpus)

    def lose_node(self, node: NodeName) -> None:
        """Have a node vanish now, with everything on it; one that is not there stays away."""
        self._lose_node(node, self.now)

    def bring_back_node(self, node: NodeName) -> None:
        """Have a node come back now, empty and fit; one that is there is left alone."""
        self._bring_back_node(node, self.now)

    def mark_unfit(self, node: NodeName, reason: str) -> None:
        """Let nothing more be started on a node; an empty reason makes it fit again."""
        self._pool.mark_unfit(node, reason)

    def _later(self, at: float, happen: Happening) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (at, self._sequence, happen))

    def _start(self, action: Start) -> None:
        known = self._pool.replica(action.name)
        if known is not None:
            return
        if (refusal := self._pool.refusal(action)) is not None:
            raise ActionRefusedError(refusal)
        latency = latency_in_force(
            self._environment, action.kind, at_seconds=action.decided_at - self._origin
        )
        if self._parking is not None and action.kind is StartKind.RESTORE:
            raise ActionRefusedError(f"{action.name}: park it first, restores have two stages here")
        self._pool.add_replica(
            Replica(
                name=action.name,
                workload=action.workload,
                node=action.node,
                kind=action.kind,
                phase=Phase.RESTORING,
                decided_at=action.decided_at,
                started_at=self.now,
                deadline_at=action.deadline_at,
                gpus=action.gpus,
                attempt=action.attempt,
            )
        )
        self._begin(
            latency,
            partial(self._pool.make_ready, action.name),
            partial(self._pool.make_failed, action.name),
        )

    def _begin(self, latency: StartLatency, when_ready: Happening, when_failed: Happening) -> None:
        """Draw how a start, or a stage of one, ends, and let that happen in its time."""
        self._starts += 1
        draw = draw_start(latency, seed=self._environment.seed, ordinal=self._starts)
        if math.isfinite(draw.seconds):
            at = self.now + max(draw.seconds, _SHORTEST_START_SECONDS)
            self._later(at, when_ready if draw.end is StartEnd.READY else when_failed)

    def _release(self, action: Release) -> None:
        replica = self._known(action.name)
        if replica is None or replica.phase is Phase.DRAINING:
            return
        if replica.phase is not Phase.READY:
            raise ActionRefusedError(f"{action.name} is {replica.phase}, not ready")
        self._pool.drain(action.name)
        if action.drain_seconds > 0:
            gone = partial(self._pool.remove_drained, action.name)
            self._later(self.now + action.drain_seconds, gone)
        else:
            self._pool.remove_drained(action.name, self.now)

    def _cancel(self, action: Cancel) -> None:
        replica = self._known(action.name)
        if replica is None:
            return
        if replica.phase not in (Phase.RESTORING, Phase.FAILED):
            raise ActionRefusedError(f"{action.name} is {replica.phase}: release it instead")
        self._pool.remove_unready(action.name, self.now)

    def _known(self, name: ReplicaName) -> Replica | None:
        """Return the replica, None if it has gone: ending it again changes nothing."""
        replica = self._pool.replica(name)
        if replica is None and not self._pool.has_record(name):
            raise ActionRefusedError(f"{name} is not known")
        return replica

    def _lose_node(self, node: NodeName, now: float) -> None:
        self._pool.remove_node(node, now)
        if self._parking is not None:
            self._parking.lose_node(node, now)

    def _bring_back_node(self, node: NodeName, _now: float) -> None:
        self._pool.add_node(node, gpus=self._environment.standby.gpus_per_node)
