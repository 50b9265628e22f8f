"""What each shadow plans: as the planner does, of all levels and quarters of starts at once."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from controller.demand_curve import forecast_within
from controller.needs import (
    clearing,
    expected_per_second,
    in_time_each,
    lasting_seconds,
    most_replicas,
    sure_need,
    unhurried_seconds,
)
from controller.objective import highest_demand
from controller.policy import WorkloadPolicy
from controller.shadow_fleets import LEVEL_WEIGHTS, LEVELS, Shadows, Turn
from models.forecast import FloatArray


def needed(shadows: Shadows, turn: Turn, queue: FloatArray) -> FloatArray:
    """Return how many replicas each shadow needs now, [levels] if all quarters need the same."""
    observation, policy, outcomes = turn.observation, turn.policy, turn.outcomes
    values = forecast_within(observation, observation.lead_time_seconds + turn.tick_seconds)
    smooth = outcomes.smooth_per_second
    least = float(sure_need(observation, policy, smooth, blind=values is None))
    if values is None:
        needs = np.full(len(LEVELS), least)
    else:
        peak = highest_demand(values, LEVEL_WEIGHTS, peak_per_second=outcomes.peak_per_second)
        needs = np.maximum(_replicas(peak, policy), least)
    return np.maximum(needs, _clearing(shadows, turn, queue)) if np.count_nonzero(queue) else needs


def _clearing(shadows: Shadows, turn: Turn, queue: FloatArray) -> FloatArray:
    """Return the replicas that clear each shadow's backlog, as the planner does."""
    observation, capacity = turn.observation, turn.policy.demand_per_replica
    reading = observation.outlook.reading if observation.outlook else None
    rate = reading.per_second if reading else 0.0
    ready = shadows.ready_at(shadows.times[-1], observation.start_seconds)
    ahead = observation.now - turn.until
    backlog = np.maximum(queue + (rate - ready * capacity) * ahead, 0.0)
    serving = (ready + shadows.targets[-1]) / 2 * capacity
    lasting = lasting_seconds(observation.lead_time_seconds)
    smooth, jumps = turn.outcomes.smooth_per_second, turn.outcomes.jumps
    expected = 0.0
    if reading is not None:
        expected = expected_per_second(jumps, reading, smooth, seconds=lasting)
    in_time = serving * unhurried_seconds(turn.policy)
    left = np.maximum(backlog + (expected - serving) * lasting - in_time, 0.0)
    left[backlog <= 0.0] = 0.0
    soon = clearing(left, turn.outcomes.peak_per_second)
    return np.where(left > 0, _replicas(expected + soon, turn.policy), 0.0)


def targeted(
    shadows: Shadows, turn: Turn, needs: FloatArray, queue: FloatArray, held: float
) -> FloatArray:
    """Return what each shadow wants: its need, or what it holds, all of it while demand is late."""
    now, policy = turn.observation.now, turn.policy
    if shadows.times:
        existing = shadows.targets[-1]
        recent = shadows.needs[bisect_left(shadows.times, now - held) :]
        highest = np.maximum.reduce(recent, initial=0.0)
        if np.count_nonzero(queue):
            ready = shadows.ready_at(shadows.times[-1], turn.observation.start_seconds)
            is_late = queue > ready * in_time_each(policy)
            highest = np.where(is_late, existing, highest)
        if policy.limits.max_step is not None:
            needs = np.minimum(needs, existing + policy.limits.max_step)
        needs = np.maximum(needs, np.minimum(highest, existing))
    needs = np.maximum(needs, float(policy.limits.min_replicas))
    most = most_replicas(policy)
    return needs if most is None else np.minimum(needs, float(most))


def _replicas(per_second: FloatArray, policy: WorkloadPolicy) -> FloatArray:
    return np.asarray(np.ceil(per_second / policy.demand_per_replica - 1e-9))
