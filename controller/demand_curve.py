"""Demand to come, from a forecast, at the level that the objective's loop has reached."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from controller.hold import hold_seconds
from controller.objective import demand_at
from controller.observation import Observation
from controller.policy import WorkloadPolicy
from models.forecast import FloatArray, Forecast


class DemandCurve(NamedTuple):
    """Demand per second up to each step from now on; the first began ``begun_seconds`` ago.

    ``highest[i]`` is the most demand of the first ``i + 1`` steps.
    """

    highest: FloatArray
    step_seconds: float
    begun_seconds: float

    def peak(self, within_seconds: float) -> float:
        """Return the most demand of the steps that begin within a while from now."""
        count = math.ceil((within_seconds + self.begun_seconds) / self.step_seconds)
        return float(self.highest[min(max(count, 1), len(self.highest)) - 1])


def demand_curve(observation: Observation, level: float) -> DemandCurve | None:
    """Return the forecast's demand at a level, or None if there is none to lean on."""
    running = _running(observation)
    if running is None:
        return None
    forecast, first, begun = running
    ahead = forecast.values[first:]
    each = demand_at(ahead, level, peak_per_second=observation.peak_per_second)
    return DemandCurve(
        highest=np.maximum.accumulate(each),
        step_seconds=forecast.step_seconds,
        begun_seconds=begun,
    )


def forecast_within(observation: Observation, within_seconds: float) -> FloatArray | None:
    """Return the forecast's values [steps, quantiles] of the steps that begin within a while."""
    running = _running(observation)
    if running is None:
        return None
    forecast, first, begun = running
    count = math.ceil((within_seconds + begun) / forecast.step_seconds)
    return forecast.values[first : first + max(count, 1)]


def held_seconds(observation: Observation, policy: WorkloadPolicy, tick_seconds: float) -> float:
    """Return how long a replica outlives its last need, by what is known of demand now.

    Not at all if demand is known for as far as a plan looks: who is needed by then is needed
    already. But what works off a queue is needed for as long as anything is in it: let go as soon
    as it had been asked for, a start would be given up each time before it was ready.
    """
    if observation.backlog <= 0.0 and lets_go_at_once(observation, policy, tick_seconds):
        return 0.0
    seen = observation.seen_seconds
    return hold_seconds(observation.lead_time_seconds, policy, seen_seconds=seen)


def lets_go_at_once(observation: Observation, policy: WorkloadPolicy, tick_seconds: float) -> bool:
    """Say whether nothing is held while nothing waits.

    So it is where demand is known for as far as a plan looks, unless the policy asks for a hold.
    """
    if policy.scale_down.hold_seconds is not None:
        return False
    return is_known(observation, observation.lead_time_seconds + tick_seconds)


def is_known(observation: Observation, within_seconds: float) -> bool:
    """Say whether demand is known of all steps that begin within a while."""
    forecast = observation.outlook.forecast if observation.outlook else None
    # Outside of replays nothing ever is, and every tick asks.
    if forecast is None or not forecast.known_steps:
        return False
    running = _running(observation)
    if running is None:
        return False
    forecast, first, begun = running
    count = math.ceil((within_seconds + begun) / forecast.step_seconds)
    return first + count <= forecast.known_steps


def _running(observation: Observation) -> tuple[Forecast, int, float] | None:
    """Return a forecast to lean on, its step of now, and how many seconds ago that began."""
    forecast = observation.outlook.forecast if observation.outlook else None
    if forecast is None or forecast.is_stale(now=observation.now):
        return None
    age = max(observation.now - forecast.issued_at, 0.0)
    first = int(age / forecast.step_seconds)
    # One without a step, or at the last instant of its last: rounding may find none left.
    if first >= len(forecast.values):
        return None
    return forecast, first, age - first * forecast.step_seconds
