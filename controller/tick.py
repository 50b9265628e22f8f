"""One pass of the loop as a pure function: what exists and what is coming in, what to do out.

The live reconciler, the replay and the tests all call this; only what surrounds it differs.
Feedback goes in and out as state: lead times measured, calibration, holds, failures remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from controller.actions import Action
from controller.clock_steps import set_right
from controller.cluster_view import Fleet, Replica, ReplicaName
from controller.ended_starts import all_starts_judged, measured_since
from controller.feedback import begun
from controller.forecast_trust import trusted
from controller.parking_actions import parking_actions
from controller.parking_feedback import host_parts_judged, workers_by_workload
from controller.placement import after_placement, assign
from controller.plan import Plan
from controller.plan_actions import actions_of, is_placed
from controller.planning import all_planned, found
from controller.policy import ACT, WorkloadPolicy
from controller.pool_shares import within_pools
from controller.stages import Stages, staged
from controller.start_requests import placement_requests, without_cancelled
from controller.tick_state import TickSettings, TickState, WorkloadState
from models.forecast import WorkloadName
from models.outlook import Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    """Plans, the actions that carry them out, the state for the next tick, and lines to log.

    ``measured`` are the replicas whose start was found to have ended.
    """

    plans: tuple[Plan, ...]
    actions: tuple[Action, ...]
    state: TickState
    measured: frozenset[ReplicaName] = frozenset()
    events: tuple[str, ...] = ()


def tick(
    fleet: Fleet,
    outlooks: Mapping[WorkloadName, Outlook],
    state: TickState,
    now: float,
    *,
    policies: Sequence[WorkloadPolicy],
    settings: TickSettings,
) -> TickResult:
    """Judge what came of earlier plans, plan every workload anew, and place what must start."""
    owned = _by_workload(fleet.replicas, policies)
    before = _begun(state, policies, now)
    state, lines = all_starts_judged(owned, before, now, policies)
    measured = measured_since(owned, before, state, now=now)
    workers = None if fleet.parking is None else workers_by_workload(fleet.parking)
    if workers is not None:
        state, more = host_parts_judged(workers, state, now, policies)
        lines += more
    plans, workloads, more = all_planned(
        found(fleet, owned, outlooks, workers, policies), state, now, policies, settings
    )
    lines += more
    plans = within_pools(plans, policies, fleet, partial(_believed, outlooks, workloads))
    done = _placed(fleet, plans, policies, state, settings)
    state = _state_after(state, workloads, done)
    plans = _as_placed(done, policies, settings)
    return TickResult(
        plans=tuple(plans),
        actions=_actions(plans, policies, owned, done, state, settings),
        state=state,
        measured=measured,
        events=tuple(lines),
    )


def _begun(state: TickState, policies: Sequence[WorkloadPolicy], now: float) -> TickState:
    """Return the state with something known of each workload, none of it from after ``now``."""
    workloads = {
        policy.workload: set_right(state.workloads.get(policy.workload) or begun(policy), now=now)
        for policy in policies
    }
    return replace(state, workloads=workloads)


def _believed(
    outlooks: Mapping[WorkloadName, Outlook],
    workloads: Mapping[WorkloadName, WorkloadState],
    name: WorkloadName,
) -> Outlook | None:
    """Return a workload's outlook, without its forecast if that is not trusted."""
    return trusted(outlooks.get(name), workloads[name].trust)


def _placed(
    fleet: Fleet,
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    state: TickState,
    settings: TickSettings,
) -> Stages:
    """Return which node takes which start, of the workloads whose replicas we place."""
    if fleet.parking is not None:
        return staged(fleet, plans, policies, state, settings)
    pairs = [pair for pair in zip(plans, policies, strict=True) if is_placed(pair[1], settings)]
    planned, rules = [plan for plan, _ in pairs], [policy for _, policy in pairs]
    left = without_cancelled(fleet, planned, rules)
    starts = assign(placement_requests(planned, rules, state.memory), left, state.memory)
    return Stages(plans=plans, starts=starts)


def _state_after(
    state: TickState, workloads: Mapping[WorkloadName, WorkloadState], done: Stages
) -> TickState:
    """Return the state once starts and parks have been made: their retries are not owed again."""
    return TickState(
        workloads=workloads,
        lead_times=state.lead_times,
        memory=after_placement(state.memory, done.of_device_parts),
        parking=done.memories,
        park_failures=after_placement(state.park_failures, (*done.of_host_parts, *done.parks)),
    )


def _as_placed(
    done: Stages, policies: Sequence[WorkloadPolicy], settings: TickSettings
) -> list[Plan]:
    """Return the plans with the starts that found room; the rest waits for the next tick."""
    placed = Counter(one.workload for one in done.starts)
    plans = []
    for planned, policy in zip(done.plans, policies, strict=True):
        if not planned.starts or policy.mode is not ACT or not is_placed(policy, settings):
            plans.append(planned)
            continue
        starts = placed[planned.workload]
        waiting = planned.waiting + planned.starts - starts
        plans.append(planned._replace(starts=starts, waiting=waiting))
    return plans


def _actions(
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    owned: Mapping[WorkloadName, Sequence[Replica]],
    done: Stages,
    state: TickState,
    settings: TickSettings,
) -> tuple[Action, ...]:
    """Return what plans ask of the cluster, of replicas first: what goes makes room."""
    starts = done.unparked_starts
    actions = actions_of(plans, policies, owned, starts, state, settings=settings)
    if not done.memories:
        return actions
    return actions + parking_actions(plans, policies, done.parks, state, first_number=len(starts))


def _by_workload(
    replicas: Sequence[Replica], policies: Sequence[WorkloadPolicy]
) -> dict[WorkloadName, Sequence[Replica]]:
    if len(policies) == 1 and all(r.workload == policies[0].workload for r in replicas):
        return {policies[0].workload: replicas}
    owned: dict[WorkloadName, list[Replica]] = {policy.workload: [] for policy in policies}
    for replica in replicas:
        if replica.workload in owned:
            owned[replica.workload].append(replica)
    return dict(owned)
