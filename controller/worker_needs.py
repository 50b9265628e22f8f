"""How many workers there shall be where restores have two stages, those with GPUs included."""

from __future__ import annotations

from controller.demand_curve import demand_curve
from controller.needs import most_replicas, replicas_for
from controller.objective import SUREST_FORECAST, covered
from controller.observation import Observation
from controller.parking_plan import ParkingPlan
from controller.policy import WorkloadPolicy

#: How far beyond the forecast's last quantile: each unit is 15 % more, but no more than a tenth
#: above the highest demand of late. Shadows suppose that a worker is at hand whenever a GPU is due:
#: with nothing beyond, more was late than they aim at; twice as much beyond brought no more.
_BEYOND_LAST = 4.0


def workers_wanted(
    observation: Observation,
    policy: WorkloadPolicy,
    *,
    target: int,
    level: float,
    host_seconds: float,
    tick_seconds: float,
) -> ParkingPlan:
    """Return how many workers the surest demand of a whole lead time needs, GPUs' ``target`` too.

    Memory is cheap, so demand beyond the forecast's surest quantile counts, or the ``level`` of
    GPUs if that is surer. Between the stages lies one tick more: a worker is promoted when it is
    seen parked.
    """
    lead = host_seconds + observation.lead_time_seconds
    level = max(level, SUREST_FORECAST + _BEYOND_LAST)
    curve = demand_curve(observation, level)
    floor = replicas_for(curve.peak(lead + 2 * tick_seconds), policy) if curve else 0
    wanted, most = max(floor, target, policy.limits.min_replicas), most_replicas(policy)
    return ParkingPlan(
        target=wanted if most is None else min(wanted, most),
        lead_time_seconds=lead,
        quantile_level=covered(level),
    )
