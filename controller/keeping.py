"""Who stays though nobody needs it now: for how long after its last need, and until a next one."""

from __future__ import annotations

import math

from controller.demand_curve import forecast_within, has_forecast, is_known
from controller.hold import hold_seconds
from controller.needs import replicas_for
from controller.objective import demand_at
from controller.observation import Observation
from controller.policy import WorkloadPolicy
from models.forecast import QUANTILES, FloatArray

#: Who is needed again within so many lead times is not let go.
_KEPT_LEAD_TIMES = 2.0
#: And so sure is that, whatever level is in force: that says who is started. Who is let go for a
#: lower one comes again for a backlog, which costs more, where misses are cheap as well.
KEPT_LEVEL = float(QUANTILES.index(0.8))


def held_seconds(
    observation: Observation,
    policy: WorkloadPolicy,
    tick_seconds: float,
    seen_seconds: float = math.inf,
) -> float:
    """Return how long a replica outlives its last need, by what is known of demand now."""
    lead = observation.lead_time_seconds
    return hold_seconds(
        lead,
        policy,
        seen_seconds=seen_seconds,
        has_forecast=has_forecast(observation),
        is_known=is_known(observation, lead + tick_seconds),
    )


def needed_soon(observation: Observation, policy: WorkloadPolicy, tick_seconds: float) -> int:
    """Return how many replicas will be needed so soon that they are not let go."""
    ahead = kept_for(observation, policy, tick_seconds)
    if ahead is None:
        return 0
    demand = demand_at(ahead, KEPT_LEVEL, peak_per_second=observation.peak_per_second)
    return replicas_for(float(demand.max()), policy)


def kept_for(
    observation: Observation, policy: WorkloadPolicy, tick_seconds: float
) -> FloatArray | None:
    """Return the forecast [steps, quantiles] of the demand for which replicas are kept.

    None if there is none to lean on, if demand is known for as far as a plan looks, or if the
    policy sets the hold: then that alone says who stays.
    """
    if policy.scale_down.hold_seconds is not None:
        return None
    lead = observation.lead_time_seconds
    if is_known(observation, lead + tick_seconds):
        return None
    return forecast_within(observation, _KEPT_LEAD_TIMES * lead + tick_seconds)
