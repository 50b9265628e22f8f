"""One workload where restores have two stages: its workers, and what becomes of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.cluster_view import (
    RESTORING,
    Fleet,
    NodeName,
    Replica,
    ReplicaName,
    StartKind,
    Worker,
    WorkerPhase,
)
from controller.hold import Hold, hold_seconds
from controller.needs import most_replicas
from controller.observing import late_starts
from controller.parking_feedback import host_times, workers_by_workload
from controller.parking_memory import ParkingMemory
from controller.parking_places import ParkRequest
from controller.parking_plan import Dropped, ParkingPlan, Promotion
from controller.placement import PlacementRequest
from controller.plan import Plan
from controller.plan_actions import is_placed
from controller.policy import Mode, WorkloadPolicy
from controller.staged_starts import ColdStarts, cold_starts_due
from controller.tick_state import TickSettings, TickState
from controller.worker_stock import Stock, parks_tried, stock_of, surplus
from models.forecast import WorkloadName

#: A surplus worker costs no GPU, and parking it anew reads a snapshot: it is held for so long at
#: the least, and as long as a replica would be at such a lead time.
WORKER_HOLD_SECONDS = 600.0
_RESTORE, _COLD = StartKind.RESTORE, StartKind.COLD


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedWorkload:
    """One workload as it is staged; ``is_acting`` if what is planned for it is done here.

    ``cold`` of its starts are to be cold; ``has_cold`` says that others are under way. No start
    can go to the nodes that are ``closed`` to it.
    """

    planned: Plan
    policy: WorkloadPolicy
    wanted: ParkingPlan
    stock: Stock
    closed: frozenset[NodeName]
    memory: ParkingMemory
    cold: ColdStarts
    has_cold: bool
    is_acting: bool

    @property
    def name(self) -> WorkloadName:
        """The workload's name."""
        return self.policy.workload


def staged_workloads(
    left: Fleet,
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    requests: Sequence[PlacementRequest],
    state: TickState,
    settings: TickSettings,
) -> list[StagedWorkload]:
    """Return the workloads of these plans, in their order.

    ``left`` is the fleet as it will be when this tick's cancels are done.
    """
    assert left.parking is not None
    owned, free = workers_by_workload(left.parking), left.free_gpus()
    asking = {request.workload: request for request in requests}
    under_way = {(one.workload, one.kind) for one in left.replicas if one.phase is RESTORING}
    late = _late_starts(left, policies, state, settings)
    members = []
    for planned, policy in zip(plans, policies, strict=True):
        name, now, wanted = policy.workload, planned.at, planned.parking
        assert wanted is not None
        workers = owned.get(name, ())
        times = host_times(workers, state, policy, settings, now=now)
        closed = _closed(left, late, policy)
        stock = stock_of(workers, free, times, closed, now=now)
        memory = state.parking.get(name, ParkingMemory())
        members.append(
            StagedWorkload(
                planned=planned,
                policy=policy,
                wanted=wanted,
                stock=stock,
                closed=closed,
                memory=replace(memory, hold=_hold(memory, planned, policy, stock)),
                cold=_cold_of(
                    asking.get(name), stock, state, now, is_tried=(name, _RESTORE) in under_way
                ),
                has_cold=(name, _COLD) in under_way,
                is_acting=policy.mode is Mode.ACT and is_placed(policy, settings),
            )
        )
    return members


def _late_starts(
    left: Fleet, policies: Sequence[WorkloadPolicy], state: TickState, settings: TickSettings
) -> Counter[NodeName]:
    owned: dict[WorkloadName, list[Replica]] = {}
    for replica in left.replicas:
        owned.setdefault(replica.workload, []).append(replica)
    return late_starts(owned, state, policies, settings, now=left.seen_at)


def _closed(
    left: Fleet, late: Mapping[NodeName, int], policy: WorkloadPolicy
) -> frozenset[NodeName]:
    """Return the nodes that are barred to a workload, or held by starts that may hang.

    Other starts leave a node soon; until those do, none of the workers there can be promoted.
    """
    most = policy.restore.max_concurrent_per_node
    barred = (n.name for n in left.nodes if any(w == policy.workload for w, _ in n.unfit_for))
    return frozenset(barred) | {node for node, count in late.items() if count >= most}


def _hold(memory: ParkingMemory, planned: Plan, policy: WorkloadPolicy, stock: Stock) -> Hold:
    wanted = planned.parking
    assert wanted is not None
    # Who comes up holds what it finds: others wanted it, and nobody says for how long.
    found = Hold(((planned.at, planned.ready + planned.restoring + stock.alive),))
    held = max(hold_seconds(wanted.lead_time_seconds, policy), WORKER_HOLD_SECONDS)
    hold = memory.hold if memory.hold.entries else found
    return hold.with_target(wanted.target, now=planned.at, hold_seconds=held)


def _cold_of(
    request: PlacementRequest | None, stock: Stock, state: TickState, now: float, *, is_tried: bool
) -> ColdStarts:
    """Return how many starts are cold; ``is_tried`` while a restore is under way."""
    if request is None:
        return ColdStarts()
    is_due = not is_tried and state.memory.streak_of(request.workload).is_trial_due(now)
    ready, memory, parks = len(stock.ready), state.memory, state.park_failures
    return cold_starts_due(request, ready, memory, parks, is_trial_due=is_due)


def dropped(one: StagedWorkload, promotions: Sequence[Promotion]) -> tuple[Dropped, ...]:
    """Return the workers to drop; of who may not act there are none."""
    if not one.is_acting:
        return ()
    most = most_replicas(one.policy)
    keep = one.memory.hold.highest if most is None else min(one.memory.hold.highest, most)
    promoted = [promotion.name for promotion in promotions]
    is_cold = one.has_cold or one.cold.count > 0
    return (
        *one.stock.over,
        *surplus(one.planned, one.stock, promoted, keep, keep_usable=is_cold),
    )


def spare_workers(
    one: StagedWorkload, placed: int, gone: Collection[ReplicaName]
) -> tuple[Worker, ...]:
    """Return the parked workers that no start of now needs; ``placed`` starts have room already.

    Those that wait where no GPU is free come first, then the youngest.
    """
    ready = [worker for worker in one.stock.ready if worker.name not in gone]
    ready.sort(key=lambda worker: (-worker.decided_at, worker.name))
    blocked = [
        worker
        for worker in one.stock.blocked
        if worker.phase is WorkerPhase.PARKED and worker.name not in gone
    ]
    return (*blocked, *ready[: max(len(ready) - (one.planned.starts - placed), 0)])


def evictions(name: WorkloadName, evicted: Sequence[Worker]) -> list[Dropped]:
    """Return which of a workload's workers make room for others'."""
    return [
        Dropped(name=one.name, node=one.node, reason="another worker is needed more")
        for one in evicted
        if one.workload == name
    ]


def park_request(
    one: StagedWorkload, cold_of_hosts: int, state: TickState, spare: tuple[Worker, ...]
) -> ParkRequest:
    """Return how many workers to park.

    ``cold_of_hosts`` are the cold starts that are made now in place of host parts that failed.
    """
    policy, name, planned = one.policy, one.name, one.planned
    count = parks_tried(
        planned,
        one.wanted,
        one.stock,
        (state.memory, state.park_failures),
        cold=one.cold.count,
        cold_fallback=policy.restore.cold_fallback,
    )
    # Where no cold start has taken the place of a host part, it is tried once more.
    owed = state.park_failures.owed_attempts(name)[cold_of_hosts:]
    at_hand = one.cold.count + one.stock.usable
    needed = min(count, max(planned.starts - at_hand, 0))
    below = policy.limits.min_replicas - planned.ready - planned.restoring - at_hand
    return ParkRequest(
        policy=policy,
        count=count,
        needed=needed,
        guaranteed=min(needed, max(below, 0)),
        attempts=owed,
        blocked=len(one.stock.blocked),
        spare=spare,
        closed=one.closed,
    )


def completed(
    one: StagedWorkload,
    *,
    parks: int,
    cold: int,
    missing: int,
    promotions: tuple[Promotion, ...],
    unparks: Sequence[Dropped],
) -> Plan:
    """Return the plan with all that is done about workers; who may not act says what it would."""
    stock = one.stock
    alive = (*stock.ready, *stock.coming, *stock.blocked, *stock.overdue)
    parked = sum(1 for worker in alive if worker.phase is WorkerPhase.PARKED)
    parking = replace(
        one.wanted,
        parking=len(alive) - parked,
        parked=parked,
        parks=parks if one.is_acting else missing,
        waiting=missing - parks if one.is_acting else 0,
        cold=cold,
        promotions=promotions,
        unparks=tuple(unparks),
    )
    return one.planned._replace(parking=parking)
