"""What shadows plan: as the planner does, of all workloads, levels, fleets at once."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from controller.demand_curve import forecast_within, lets_go_at_once
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
from controller.observation import START_QUARTERS
from controller.shadow_fleets import LEVEL_WEIGHTS, NOTHING, Flown, Turn
from models.forecast import QUANTILES, FloatArray

#: Without a forecast the highest demand of it is none.
_NO_FORECAST = np.zeros((1, len(QUANTILES)))


def needed(turns: Sequence[Turn], flown: Sequence[Flown]) -> FloatArray:
    """Return how many replicas shadows need now, [workloads, fleets, levels]."""
    values, firsts, least, ahead = [], [], [], 0
    for turn in turns:
        seen = turn.observation
        near = forecast_within(seen, seen.lead_time_seconds + turn.tick_seconds)
        smooth = turn.outcomes.smooth_per_second
        least.append(float(sure_need(seen, turn.policy, smooth, blind=near is None)))
        values.append(_NO_FORECAST if near is None else near)
        firsts.append(ahead)
        ahead += len(values[-1])
    peaks = np.array([turn.outcomes.peak_per_second for turn in turns])
    demand = highest_demand(np.concatenate(values), firsts, LEVEL_WEIGHTS, peak_per_second=peaks)
    capacity = np.array([turn.policy.demand_per_replica for turn in turns])
    needs = np.maximum(_replicas(demand, capacity[:, None]), np.array(least)[:, None])
    of_fleets = np.repeat(needs[:, None], START_QUARTERS, axis=1)
    for of_workload, turn, one in zip(of_fleets, turns, flown, strict=True):
        if one.waits:
            np.maximum(of_workload, _clearing(turn, one.queue), out=of_workload)
    return of_fleets


def _clearing(turn: Turn, queue: FloatArray) -> FloatArray:
    """Return the replicas that clear each shadow's backlog, as the planner does."""
    shadows, observation = turn.shadows, turn.observation
    capacity = turn.policy.demand_per_replica
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
    return np.where(left > 0, _replicas(expected + soon, capacity), 0.0)


def targeted(
    turns: Sequence[Turn],
    flown: Sequence[Flown],
    needs: FloatArray,
    existing: FloatArray,
    held: Sequence[float],
) -> FloatArray:
    """Return what shadows want, [workloads, fleets, levels].

    It is their need, or what they hold of what is ``existing``; all of it while demand is late,
    nothing where demand is known and none of it waits.
    """
    limits = [turn.policy.limits for turn in turns]
    highest = _highest_held(turns, needs, held)
    steps = [
        math.inf if one.max_step is None or not turn.shadows.times else one.max_step
        for one, turn in zip(limits, turns, strict=True)
    ]
    wanted = np.minimum(needs, existing + np.array(steps)[:, None, None])
    for of_workload, there, turn, one in zip(highest, existing, turns, flown, strict=True):
        if lets_go_at_once(turn.observation, turn.policy, turn.tick_seconds):
            np.copyto(of_workload, 0.0, where=one.queue <= 0.0)
        if one.waits:
            shadows = turn.shadows
            ready = shadows.ready_at(shadows.times[-1], turn.observation.start_seconds)
            is_late = one.queue > ready * in_time_each(turn.policy)
            np.copyto(of_workload, there, where=is_late)
    wanted = np.maximum(wanted, np.minimum(highest, existing))
    fewest = np.array([float(one.min_replicas) for one in limits])
    most = [most_replicas(turn.policy) for turn in turns]
    bounds = np.array([math.inf if one is None else float(one) for one in most])
    wanted = np.maximum(wanted, fewest[:, None, None])
    return np.asarray(np.minimum(wanted, bounds[:, None, None]))


def _highest_held(turns: Sequence[Turn], needs: FloatArray, held: Sequence[float]) -> FloatArray:
    """Return the highest need of each hold, that of now included, shaped like ``needs``."""
    rows: list[FloatArray] = []
    firsts = []
    for turn, need, seconds in zip(turns, needs, held, strict=True):
        firsts.append(len(rows))
        shadows = turn.shadows
        rows.extend(shadows.needs[bisect_left(shadows.times, turn.observation.now - seconds) :])
        rows.append(need)
    together = np.concatenate(rows).reshape(-1, *NOTHING.shape)
    return np.asarray(np.maximum.reduceat(together, firsts, axis=0))


def _replicas(per_second: FloatArray, capacity: FloatArray | float) -> FloatArray:
    return np.asarray(np.ceil(per_second / capacity - 1e-9))
