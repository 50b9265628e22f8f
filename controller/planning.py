"""Plans of all workloads: what is seen of each, shadows of all of them together, then each plan.

The planner decides for one workload and sees no other; what they share is settled afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from controller.cluster_view import Fleet, Replica, Worker
from controller.feedback import carried_out, demand_judged, forecast_judged, shadows_after
from controller.forecast_trust import ForecastTrust, trusted
from controller.observation import Observation
from controller.observing import observed
from controller.outcomes import Outcomes
from controller.parking_feedback import host_times
from controller.plan import Plan
from controller.planner import plan
from controller.policy import WorkloadPolicy
from controller.shadow_fleets import Shadows
from controller.tick_state import TickSettings, TickState, WorkloadState
from controller.worker_needs import workers_wanted
from models.forecast import WorkloadName
from models.outlook import Outlook


class Found(NamedTuple):
    """What there is of one workload; ``workers`` is None where restores have one stage."""

    replicas: Sequence[Replica]
    outlook: Outlook | None
    workers: Sequence[Worker] | None
    ending_gpus: int


class _Seen(NamedTuple):
    """What is known of one workload now, what came of its demand and forecast, and what to log."""

    observation: Observation
    outcomes: Outcomes
    trust: ForecastTrust
    said: tuple[str, ...]


def found(
    fleet: Fleet,
    owned: Mapping[WorkloadName, Sequence[Replica]],
    outlooks: Mapping[WorkloadName, Outlook],
    workers: Mapping[WorkloadName, Sequence[Worker]] | None,
    policies: Sequence[WorkloadPolicy],
) -> list[Found]:
    """Return what there is of each workload."""
    ending = dict(fleet.ending_gpus)
    return [
        Found(
            owned[name],
            outlooks.get(name),
            None if workers is None else workers.get(name, ()),
            ending.get(name, 0),
        )
        for name in [policy.workload for policy in policies]
    ]


def all_planned(
    there: Sequence[Found],
    known: TickState,
    now: float,
    policies: Sequence[WorkloadPolicy],
    settings: TickSettings,
) -> tuple[list[Plan], dict[WorkloadName, WorkloadState], list[str]]:
    """Plan every workload; return plans, states, and what to log.

    Shadows are reckoned between seeing and planning: of all workloads at once that takes a
    fraction of what it takes one by one.
    """
    pairs = list(zip(there, policies, strict=True))
    seen = [_seen(one, known, now, policy, settings) for one, policy in pairs]
    states = [known.workloads[policy.workload] for policy in policies]
    shadows = shadows_after(
        states, [(one.observation, one.outcomes) for one in seen], policies, settings
    )
    plans: list[Plan] = []
    workloads: dict[WorkloadName, WorkloadState] = {}
    for (here, policy), one, shadow in zip(pairs, seen, shadows, strict=True):
        planned, state = _planned(here, one, shadow, known, policy, settings)
        plans.append(planned)
        workloads[policy.workload] = state
    return plans, workloads, [line for one in seen for line in one.said]


def _planned(
    there: Found,
    seen: _Seen,
    shadows: Shadows | None,
    known: TickState,
    policy: WorkloadPolicy,
    settings: TickSettings,
) -> tuple[Plan, WorkloadState]:
    """Judge what became of one workload's demand and plan it; return the state after it, too."""
    state, observation = known.workloads[policy.workload], seen.observation
    judged = demand_judged(state, policy, observation, seen.outcomes, shadows, settings)
    planned, hold = plan(
        observation, policy, judged.calibration, judged.hold, tick_seconds=settings.tick_seconds
    )
    if there.workers is not None:
        host = host_times(there.workers, known, policy, settings, now=observation.now)
        parking = workers_wanted(
            observation,
            policy,
            target=planned.target,
            level=judged.calibration.level,
            host_seconds=host.seconds,
            tick_seconds=settings.tick_seconds,
        )
        planned = planned._replace(parking=parking)
    return planned, carried_out(judged, planned, policy, hold, seen.trust)


def _seen(
    found: Found, known: TickState, now: float, policy: WorkloadPolicy, settings: TickSettings
) -> _Seen:
    """Return what is known of one workload now, its forecast judged and its demand taken in."""
    state = known.workloads[policy.workload]
    trust, said = forecast_judged(state, found.outlook, policy.workload, settings, now=now)
    observation, outcomes = observed(
        found.replicas, trusted(found.outlook, trust), known, now, policy, settings
    )
    if found.ending_gpus:
        observation = observation._replace(ending_gpus=found.ending_gpus)
    return _Seen(observation, outcomes, trust, said)
