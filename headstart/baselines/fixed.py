"""Baselines that hardly look: a fixed number of replicas, and one plan an interval."""

from __future__ import annotations

import math

import numpy as np

from controller.environment import Environment
from headstart.baselines.world import (
    BaselineFleet,
    BaselineReplica,
    measured_rates,
    rate_at_start,
    ticks,
)
from headstart.scoring import score
from headstart.trial import Capacity, Trial

#: The peak is this percentile of the demand of whole minutes.
PEAK_PERCENTILE = 99.9
#: More replicas than this many times the peak's don't help a fixed fleet any more.
MOST_OVER_PEAK = 4


def peak_replicas(trial: Trial) -> int:
    """Return the replicas that the peak minute of the scored part needs."""
    edges = trial.edges()
    widths = np.diff(edges)
    arrived = np.cumsum(trial.rate_at(edges[:-1] + widths / 2) * widths)
    minutes = np.arange(trial.start, trial.end + 1e-9, 60.0)
    if len(minutes) < 2:
        minutes = np.array([trial.start, trial.end])
    per_minute = np.diff(np.interp(minutes, edges, np.concatenate([[0.0], arrived])))
    peak = float(np.percentile(per_minute / np.diff(minutes), PEAK_PERCENTILE))
    return max(1, math.ceil(peak / trial.capacity_per_replica - 1e-9))


def play_static(trial: Trial, environment: Environment) -> tuple[BaselineReplica, ...]:
    """Return a fleet for the peak, enlarged until it attains the objective.

    It knows the demand that it is sized for, which nobody does; a real one would be larger.
    Of nodes that will be lost it knows nothing. The policy's limits bind it, too.
    """
    peak = peak_replicas(trial)
    count, most = trial.within_limits(peak), trial.within_limits(MOST_OVER_PEAK * peak)
    while count < most and not _attains(trial, count):
        count += 1
    fleet = BaselineFleet(trial, environment)
    fleet.begin(count, trial.start)
    return fleet.replicas()


def _attains(trial: Trial, count: int) -> bool:
    """Say whether so many replicas, always ready, meet the objective."""
    counts = Capacity.from_counts(np.array([trial.start]), np.array([float(count)]))
    return score(trial, counts).attained_share >= trial.attainment


def play_interval(
    trial: Trial,
    environment: Environment,
    *,
    interval_seconds: float = 180.0,
    target_utilization: float = 0.7,
) -> tuple[BaselineReplica, ...]:
    """Return the replicas of a planner that expects each interval to be like the one before."""
    fleet = BaselineFleet(trial, environment)
    instants = ticks(trial, interval_seconds)
    rates = measured_rates(trial, environment, instants, interval_seconds)
    per_replica = target_utilization * trial.capacity_per_replica
    steady = math.ceil(rate_at_start(trial, environment) / per_replica - 1e-9)
    fleet.begin(max(1, steady), trial.start)
    for now, rate in zip(instants.tolist(), rates.tolist(), strict=True):
        fleet.advance(now)
        if rate == rate:
            fleet.scale_to(max(1, math.ceil(rate / per_replica - 1e-9)), now)
    return fleet.replicas()
