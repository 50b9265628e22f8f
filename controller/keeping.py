"""Who stays though nobody needs it now: for how long after its last need, and until a next one."""

from __future__ import annotations

import math

from controller.demand_curve import forecast_within, is_known
from controller.hold import hold_seconds
from controller.needs import replicas_for
from controller.observation import Observation
from controller.policy import WorkloadPolicy
from models.forecast import QUANTILES

#: Who is let go now and needed within two lead times hardly leaves its GPU free: one of them the
#: start anew takes. That demand comes so soon need not be as sure as for a start.
_KEPT_LEAD_TIMES = 2.0
_KEPT_QUANTILE = QUANTILES.index(0.8)


def held_seconds(
    observation: Observation,
    policy: WorkloadPolicy,
    tick_seconds: float,
    seen_seconds: float = math.inf,
) -> float:
    """Return how long a replica outlives its last need, by what is known of demand now."""
    lead = observation.lead_time_seconds
    known = is_known(observation, lead + tick_seconds)
    return hold_seconds(lead, policy, seen_seconds=seen_seconds, is_known=known)


def needed_soon(observation: Observation, policy: WorkloadPolicy, tick_seconds: float) -> int:
    """Return how many replicas are not worth letting go, as demand forecast will need them soon.

    None if there is no forecast to lean on, if demand is known for as far as a plan looks, or if
    the policy sets the hold: then that alone says who stays.
    """
    if policy.scale_down.hold_seconds is not None:
        return 0
    lead = observation.lead_time_seconds
    ahead = forecast_within(observation, _KEPT_LEAD_TIMES * lead + tick_seconds)
    if ahead is None or is_known(observation, lead + tick_seconds):
        return 0
    return replicas_for(float(ahead[:, _KEPT_QUANTILE].max()), policy)
