"""Kubernetes' HorizontalPodAutoscaler as its documentation describes it.

Source: kubernetes.io, "Horizontal Pod Autoscaling" (algorithm details, default behavior). The
metric is demand per ready pod over its capacity, taken from arrivals, so it goes beyond 100 %;
one that measures only what pods serve could not, and would scale up more slowly.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from controller.environment import Environment
from headstart.baselines.world import (
    BaselineFleet,
    BaselineReplica,
    measured_rates,
    rate_at_start,
    ticks,
)
from headstart.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaSettings:
    """The documented defaults, and a target utilization of 70 %."""

    target_utilization: float = 0.7
    sync_seconds: float = 15.0
    window_seconds: float = 60.0
    tolerance: float = 0.1
    scale_down_stabilization_seconds: float = 300.0
    scale_up_pods: int = 4
    scale_up_share: float = 1.0
    min_replicas: int = 1


def recommend(*, load: float, ready: int, current: int, settings: HpaSettings) -> int:
    """Return the desired replicas before stabilization and policies.

    ``load`` is demand in replicas' capacities. Pods that are not ready yet count as using
    nothing when scaling up and are left out when scaling down; if counting them turns the
    direction or ends within the tolerance, nothing changes.
    """
    if ready == 0:
        # No pod reports the metric: the autoscaler does nothing.
        return current
    ratio = load / ready / settings.target_utilization
    unready = current - ready
    if unready > 0 and ratio > 1.0:
        damped = load / current / settings.target_utilization
        if damped <= 1.0 or abs(1.0 - damped) <= settings.tolerance:
            return current
        return max(current, _ceil(damped * current))
    if abs(1.0 - ratio) <= settings.tolerance:
        return current
    return _ceil(ratio * ready)


def _ceil(value: float) -> int:
    """Round up, but not for a rounding error."""
    return math.ceil(value - 1e-9)


def play_hpa(
    trial: Trial, environment: Environment, settings: HpaSettings | None = None
) -> tuple[BaselineReplica, ...]:
    """Return the replicas that the autoscaler starts, from steady ones at the start.

    Between two syncs the scale-up policies can't apply twice: their period is one sync long.
    """
    settings = settings or HpaSettings()
    fleet = BaselineFleet(trial, environment)
    instants = ticks(trial, settings.sync_seconds)
    rates = measured_rates(trial, environment, instants, settings.window_seconds)
    steady = rate_at_start(trial, environment) / trial.capacity_per_replica
    first = _ceil(steady / settings.target_utilization)
    fleet.begin(max(settings.min_replicas, first), trial.start)
    # Falling maxima of the recommendations in the stabilization window, oldest first.
    recent: deque[tuple[float, int]] = deque([(trial.start, fleet.count)])
    for now, rate in zip(instants.tolist(), rates.tolist(), strict=True):
        fleet.advance(now)
        if rate != rate:
            # Metrics that are missing change nothing.
            continue
        current = fleet.count
        load = rate / trial.capacity_per_replica
        wanted = recommend(load=load, ready=fleet.ready, current=current, settings=settings)
        while recent and recent[-1][1] <= wanted:
            recent.pop()
        recent.append((now, wanted))
        while recent[0][0] <= now - settings.scale_down_stabilization_seconds:
            recent.popleft()
        if wanted < current:
            wanted = min(current, recent[0][1])
        limit = max(
            current + settings.scale_up_pods, _ceil(current * (1 + settings.scale_up_share))
        )
        fleet.scale_to(max(settings.min_replicas, min(wanted, limit)), now)
    return fleet.replicas()
