"""One pass of the loop as a pure function: what exists and what is coming in, what to do out.

The live reconciler, the replay and the tests all call this; only what surrounds it differs.
Feedback goes in and out as state: lead times measured, calibration, holds, failures remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from controller.actions import Action
from controller.cluster_view import Fleet, Replica
from controller.ended_starts import starts_judged
from controller.feedback import begun, carried_out, demand_judged, forecast_judged
from controller.forecast_trust import trusted
from controller.observation import Observation
from controller.observing import observed, with_outcomes
from controller.parking_actions import parking_actions
from controller.parking_feedback import (
    WorkersByWorkload,
    host_parts_judged,
    host_times,
    workers_by_workload,
)
from controller.placement import after_placement, assign
from controller.plan import Plan
from controller.plan_actions import actions_of, is_placed
from controller.planner import plan
from controller.policy import Mode, WorkloadPolicy
from controller.pool_shares import within_pools
from controller.stages import Stages, staged
from controller.start_requests import placement_requests, without_cancelled
from controller.tick_state import TickSettings, TickState, WorkloadState
from controller.worker_needs import workers_wanted
from models.forecast import WorkloadName
from models.outlook import Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    """Plans, the actions that carry them out, the state for the next tick, and lines to log."""

    plans: tuple[Plan, ...]
    actions: tuple[Action, ...]
    state: TickState
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
    state, lines = _starts_judged(owned, state, now, policies)
    workers = None if fleet.parking is None else workers_by_workload(fleet.parking)
    if workers is not None:
        state, more = host_parts_judged(workers, state, now, policies)
        lines += more
    plans: list[Plan] = []
    workloads: dict[WorkloadName, WorkloadState] = {}
    for policy in policies:
        name = policy.workload
        seen = observed(tuple(owned[name]), outlooks.get(name), state, now, policy, settings)
        planned, workloads[name], said = _planned(seen, state, policy, settings, workers)
        plans.append(planned)
        lines += said
    plans = within_pools(plans, policies, fleet, _believed(outlooks, workloads))
    done = _placed(fleet, plans, policies, state, settings)
    memory = after_placement(state.memory, done.tried)
    state = TickState(
        workloads=workloads, lead_times=state.lead_times, memory=memory, parking=done.memories
    )
    placed = Counter(one.workload for one in done.starts)
    pairs = zip(done.plans, policies, strict=True)
    plans = [_as_placed(planned, policy, placed, settings) for planned, policy in pairs]
    return TickResult(
        plans=tuple(plans),
        actions=_actions(plans, policies, owned, done, state, settings),
        state=state,
        events=tuple(lines),
    )


def _starts_judged(
    owned: Mapping[WorkloadName, Sequence[Replica]],
    state: TickState,
    now: float,
    policies: Sequence[WorkloadPolicy],
) -> tuple[TickState, list[str]]:
    """Return the state with what the starts of all workloads have taught, and what to log.

    All are judged before any is planned: one lead time is estimated from what all have learned.
    """
    lead_times, memory = state.lead_times, state.memory.at(now)
    workloads: dict[WorkloadName, WorkloadState] = {}
    lines: list[str] = []
    for policy in policies:
        name = policy.workload
        workloads[name], lead_times, memory, said = starts_judged(
            owned[name],
            state.workloads.get(name) or begun(policy),
            policy,
            lead_times,
            memory,
            now=now,
        )
        lines += said
    judged = TickState(
        workloads=workloads, lead_times=lead_times, memory=memory, parking=state.parking
    )
    return judged, lines


def _planned(
    seen: Observation,
    known: TickState,
    policy: WorkloadPolicy,
    settings: TickSettings,
    workers: WorkersByWorkload | None,
) -> tuple[Plan, WorkloadState, tuple[str, ...]]:
    """Judge what became of one workload's demand and plan it; return state, and what to log.

    ``workers`` is None where restores have one stage.
    """
    state = known.workloads[policy.workload]
    trust, said = forecast_judged(state, seen, settings)
    if trust.is_lost:
        seen = replace(seen, outlook=trusted(seen.outlook, trust))
    judged = demand_judged(state, policy, seen, settings)
    seen = with_outcomes(seen, judged, policy)
    planned, hold = plan(
        seen, policy, judged.calibration, judged.hold, tick_seconds=settings.tick_seconds
    )
    if workers is not None:
        own = workers.get(policy.workload, ())
        wanted = workers_wanted(
            seen,
            policy,
            target=planned.target,
            level=judged.calibration.level,
            host_seconds=host_times(own, known, policy, settings, now=seen.now).seconds,
            tick_seconds=settings.tick_seconds,
        )
        planned = replace(planned, parking=wanted)
    return planned, carried_out(judged, planned, policy, hold, trust), said


def _believed(
    outlooks: Mapping[WorkloadName, Outlook], workloads: Mapping[WorkloadName, WorkloadState]
) -> dict[WorkloadName, Outlook]:
    """Return the outlooks without the forecasts that are not trusted."""
    return {
        name: outlook
        for name, state in workloads.items()
        if (outlook := trusted(outlooks.get(name), state.trust)) is not None
    }


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


def _as_placed(
    planned: Plan,
    policy: WorkloadPolicy,
    placed: Mapping[WorkloadName, int],
    settings: TickSettings,
) -> Plan:
    """Return the plan with the starts that found room; the rest waits for the next tick."""
    if not planned.starts or policy.mode is not Mode.ACT or not is_placed(policy, settings):
        return planned
    starts = placed.get(planned.workload, 0)
    return replace(planned, starts=starts, waiting=planned.waiting + planned.starts - starts)


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
