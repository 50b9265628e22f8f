"""A tick's decisions where restores have two stages: who is parked, promoted and dropped. Pure.

GPUs are planned for as ever, with the lead time of the device part alone; each plan's starts are
then parked workers that are promoted. Workers are parked one whole lead time ahead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller.cluster_view import Fleet, WorkerPhase
from controller.hold import Hold, hold_seconds
from controller.needs import most_replicas
from controller.parking_feedback import host_times, workers_by_workload
from controller.parking_memory import ParkingMemory
from controller.parking_places import ParkRequest, places_for
from controller.parking_plan import Dropped, ParkingPlan, Promotion
from controller.placement import RESTORE_ATTEMPTS, Placement, PlacementRequest, is_broken
from controller.plan import Plan
from controller.plan_actions import is_placed
from controller.policy import ACT, WorkloadPolicy
from controller.staged_starts import cold_starts_due, staged_starts
from controller.start_requests import is_hopeless, placement_requests, without_cancelled
from controller.tick_state import TickSettings, TickState
from controller.worker_stock import Stock, parks_missing, stock_of, surplus
from models.forecast import WorkloadName

#: A surplus worker costs no GPU, and parking it anew reads a snapshot: it is held for so long at
#: the least, and as long as a replica would be at such a lead time.
WORKER_HOLD_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The plans with what they do about workers, and where.

    ``starts`` take GPUs now, parked workers or not; ``parks`` are host parts that begin. Where
    restores have one stage there are only starts.
    """

    plans: Sequence[Plan]
    starts: tuple[Placement, ...]
    parks: tuple[Placement, ...] = ()
    memories: Mapping[WorkloadName, ParkingMemory] = field(default_factory=dict)

    @property
    def unparked_starts(self) -> tuple[Placement, ...]:
        """The starts that are no promotions."""
        return tuple(one for one in self.starts if one.worker is None)

    @property
    def tried(self) -> tuple[Placement, ...]:
        """What begins an attempt: a promotion goes on with its worker's."""
        return self.unparked_starts + self.parks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """One workload as it is staged; ``is_acting`` if what is planned for it is done here."""

    planned: Plan
    policy: WorkloadPolicy
    wanted: ParkingPlan
    stock: Stock
    memory: ParkingMemory
    request: PlacementRequest | None
    is_acting: bool


def staged(
    fleet: Fleet,
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    state: TickState,
    settings: TickSettings,
) -> Stages:
    """Return which workers are promoted, parked and dropped.

    ``plans`` say how many replicas start, and in ``parking`` how many workers there shall be.
    """
    pairs = [pair for pair in zip(plans, policies, strict=True) if is_placed(pair[1], settings)]
    planned, rules = [plan for plan, _ in pairs], [policy for _, policy in pairs]
    left = without_cancelled(fleet, planned, rules)
    requests = placement_requests(planned, rules, state.memory)
    members = _members(left, plans, policies, requests, state, settings)
    stocks = {one.policy.workload: one.stock for one in members}
    starts = staged_starts(requests, left, stocks, state.memory)
    promoted = _promotions(starts)
    dropped = {
        one.policy.workload: _dropped(one, promoted.get(one.policy.workload, ())) for one in members
    }
    gone = {one.name for drops in dropped.values() for one in drops}
    gone |= {one.name for promotions in promoted.values() for one in promotions}
    cold = Counter(placed.workload for placed in starts if placed.worker is None)
    asked = [_park_request(one, cold[one.policy.workload], state) for one in members]
    acting = [request for one, request in zip(members, asked, strict=True) if one.is_acting]
    parks = places_for(acting, left, gone, starts, state.memory)
    parked = Counter(park.workload for park in parks)
    return Stages(
        plans=tuple(
            _completed(
                one,
                parks=parked[one.policy.workload],
                missing=request.count,
                promotions=promoted.get(one.policy.workload, ()),
                unparks=dropped[one.policy.workload],
            )
            for one, request in zip(members, asked, strict=True)
        ),
        starts=starts,
        parks=parks,
        memories={one.policy.workload: one.memory for one in members},
    )


def _members(
    left: Fleet,
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    requests: Sequence[PlacementRequest],
    state: TickState,
    settings: TickSettings,
) -> list[_Member]:
    assert left.parking is not None
    owned, free = workers_by_workload(left.parking), left.free_gpus()
    asking = {request.workload: request for request in requests}
    members = []
    for planned, policy in zip(plans, policies, strict=True):
        name, now, wanted = policy.workload, planned.at, planned.parking
        assert wanted is not None
        workers = owned.get(name, ())
        times = host_times(workers, state, policy, settings, now=now)
        stock = stock_of(workers, free, times, now=now)
        memory = state.parking.get(name, ParkingMemory())
        # Who comes up holds what it finds: others wanted it, and nobody says for how long.
        found = Hold(((now, planned.ready + planned.restoring + stock.alive),))
        held = max(hold_seconds(wanted.lead_time_seconds, policy), WORKER_HOLD_SECONDS)
        hold = (memory.hold if memory.hold.entries else found).with_target(
            wanted.target, now=now, hold_seconds=held
        )
        members.append(
            _Member(
                planned=planned,
                policy=policy,
                wanted=wanted,
                stock=stock,
                memory=replace(memory, hold=hold),
                request=asking.get(name),
                is_acting=policy.mode is ACT and is_placed(policy, settings),
            )
        )
    return members


def _promotions(starts: Sequence[Placement]) -> dict[WorkloadName, tuple[Promotion, ...]]:
    """Return the starts that are promotions, by workload."""
    promotions: dict[WorkloadName, tuple[Promotion, ...]] = {}
    for placed in starts:
        if placed.worker is not None:
            one = Promotion(name=placed.worker, node=placed.node)
            promotions[placed.workload] = (*promotions.get(placed.workload, ()), one)
    return promotions


def _dropped(one: _Member, promotions: Sequence[Promotion]) -> tuple[Dropped, ...]:
    """Return the workers to drop; of who may not act there are none."""
    if not one.is_acting:
        return ()
    most = most_replicas(one.policy)
    keep = one.memory.hold.highest if most is None else min(one.memory.hold.highest, most)
    promoted = [promotion.name for promotion in promotions]
    return (*one.stock.over, *surplus(one.planned, one.stock, promoted, keep))


def _park_request(one: _Member, cold_placed: int, state: TickState) -> ParkRequest:
    """Return how many workers to park: none while restores don't work and cold starts do.

    ``cold_placed`` of the workload's cold starts found room.
    """
    policy, memory = one.policy, state.memory
    may_be_cold = policy.restore.cold_fallback
    if may_be_cold and is_broken(policy.workload, memory, RESTORE_ATTEMPTS):
        return ParkRequest(policy=policy, count=0)
    cold = 0 if one.request is None else cold_starts_due(one.request, memory)
    count = parks_missing(one.planned, one.wanted, one.stock, cold=cold)
    if is_hopeless(policy.workload, memory):
        count = min(count, 1 if one.stock.alive + one.planned.restoring == 0 else 0)
    owed = memory.owed_attempts(policy.workload)
    if may_be_cold:
        owed = tuple(attempt for attempt in owed if attempt <= RESTORE_ATTEMPTS)
    # What is to be retried cold comes first, and is owed for as long as it finds no room.
    return ParkRequest(
        policy=policy,
        count=count,
        attempts=owed if cold_placed == cold else (),
        blocked=len(one.stock.blocked),
    )


def _completed(
    one: _Member,
    *,
    parks: int,
    missing: int,
    promotions: tuple[Promotion, ...],
    unparks: tuple[Dropped, ...],
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
        promotions=promotions,
        unparks=unparks,
    )
    return replace(one.planned, parking=parking)
