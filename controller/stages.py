"""A tick's decisions where restores have two stages: who is parked, promoted and dropped. Pure.

GPUs are planned for as ever, with the lead time of the device part alone; each plan's starts are
then parked workers that are promoted. Workers are parked one whole lead time ahead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.cluster_view import Fleet, StartKind, Worker
from controller.parking_memory import ParkingMemory
from controller.parking_places import ParkRequest, places_for
from controller.parking_plan import Dropped, Promotion
from controller.placement import Placement
from controller.plan import Plan
from controller.plan_actions import is_placed
from controller.policy import WorkloadPolicy
from controller.staged_starts import of_host_parts, staged_starts
from controller.staged_workloads import (
    StagedWorkload,
    completed,
    dropped,
    evictions,
    park_request,
    spare_workers,
    staged_workloads,
)
from controller.start_requests import placement_requests, without_cancelled
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The plans with what they do about workers, and where.

    ``starts`` take GPUs now, parked workers or not; ``parks`` are host parts that begin. Where
    restores have one stage there are only starts. ``of_host_parts`` are the cold starts that take
    the place of host parts that failed.
    """

    plans: Sequence[Plan]
    starts: tuple[Placement, ...]
    parks: tuple[Placement, ...] = ()
    of_host_parts: tuple[Placement, ...] = ()
    memories: Mapping[WorkloadName, ParkingMemory] = field(default_factory=dict)

    @property
    def unparked_starts(self) -> tuple[Placement, ...]:
        """The starts that are no promotions."""
        return tuple(one for one in self.starts if one.worker is None)

    @property
    def of_device_parts(self) -> tuple[Placement, ...]:
        """What takes the place of device parts, or of restores of one stage, that failed."""
        others = {id(one) for one in self.of_host_parts}
        return tuple(one for one in self.starts if id(one) not in others)


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
    members = staged_workloads(left, plans, policies, requests, state, settings)
    stocks = {one.name: one.stock for one in members}
    due = {one.name: one.cold for one in members}
    starts = staged_starts(requests, left, stocks, due, state.memory, state.park_failures)
    of_hosts = of_host_parts(starts, due)
    promoted = _promotions(starts)
    drops = {one.name: dropped(one, promoted.get(one.name, ())) for one in members}
    cold = Counter(placed.workload for placed in of_hosts)
    gone = {one.name for part in (drops, promoted) for each in part.values() for one in each}
    placed = Counter(one.workload for one in starts)
    spare = {one.name: spare_workers(one, placed[one.name], gone) for one in members}
    asked = {one.name: park_request(one, cold[one.name], state, spare[one.name]) for one in members}
    acting = [asked[one.name] for one in members if one.is_acting]
    parks, evicted = places_for(acting, left, gone, starts, (state.memory, state.park_failures))
    return Stages(
        plans=_completed(members, asked, (*starts, *parks), promoted, drops, evicted),
        starts=starts,
        parks=parks,
        of_host_parts=of_hosts,
        memories={one.name: one.memory for one in members},
    )


def _completed(
    members: Sequence[StagedWorkload],
    asked: Mapping[WorkloadName, ParkRequest],
    placed: Sequence[Placement],
    promoted: Mapping[WorkloadName, tuple[Promotion, ...]],
    drops: Mapping[WorkloadName, tuple[Dropped, ...]],
    evicted: Sequence[Worker],
) -> tuple[Plan, ...]:
    others = [one for one in placed if one.worker is None]
    cold = Counter(one.workload for one in others if one.kind is StartKind.COLD)
    parked = Counter(one.workload for one in others if one.kind is StartKind.RESTORE)
    return tuple(
        completed(
            one,
            parks=parked[one.name],
            cold=cold[one.name],
            missing=asked[one.name].count,
            promotions=promoted.get(one.name, ()),
            unparks=(*drops[one.name], *evictions(one.name, evicted)),
        )
        for one in members
    )


def _promotions(starts: Sequence[Placement]) -> dict[WorkloadName, tuple[Promotion, ...]]:
    """Return the starts that are promotions, by workload."""
    promotions: dict[WorkloadName, tuple[Promotion, ...]] = {}
    for placed in starts:
        if placed.worker is not None:
            one = Promotion(name=placed.worker, node=placed.node, attempt=placed.attempt)
            promotions[placed.workload] = (*promotions.get(placed.workload, ()), one)
    return promotions
