"""How many replicas are needed already, and what the policy's limits make of a need."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from controller.jumps import Jumps, doubt, lasting_per_second
from controller.observation import Observation
from controller.outcomes import SMOOTH_WINDOW_SECONDS
from controller.plan import Reason
from controller.policy import WorkloadPolicy
from models.forecast import FloatArray
from models.outlook import DemandReading

#: The lower confidence bound of the rate just measured, in standard deviations of a count.
_BURST_Z = 2.0
#: How soon a backlog shall be gone: while it lasts all that arrives is late. One that takes more
#: than a few times the highest demand of late may last longer.
_CLEAR_SECONDS, _CLEAR_LARGE_SECONDS = 10.0, 30.0
_CLEAR_PEAKS = 3.0
#: For how long what is expected of the next minute is taken to go on.
_LASTING_SECONDS = 60.0
#: So much of the time that requests may wait is left to what readings are late by, and to chance:
#: a queue that is let stand just below what is late is late half of the time.
_HURRIED_SECONDS = 10.0
#: Without a forecast: the share of a replica's capacity that may be planned with.
_BLIND_UTILIZATION = 0.7
#: No need is larger: what asks for more is a fault of the metric, and shall stay readable.
_MOST_REPLICAS = 1e6
#: After this long without a reading nobody knows what demand is.
_SILENCE_SECONDS = 60.0
#: Readings come once a window: it takes more than two to tell silence from one that is missing.
WINDOWS_AWAITED = 2.5
#: The usual reason. A plain name is found sooner than a member of an enumeration.
_REACTIVE = Reason.REACTIVE


class Need(NamedTuple):
    """How many replicas one cause asks for."""

    replicas: int
    reason: Reason


def replicas_for(per_second: float, policy: WorkloadPolicy) -> int:
    """Return how many replicas serve a demand per second."""
    # Round up: half a replica serves nobody. The margin forgives rounding in the last place.
    return math.ceil(min(per_second / policy.demand_per_replica, _MOST_REPLICAS) - 1e-9)


def reactive_need(
    observation: Observation, policy: WorkloadPolicy, expected: int, *, blind: bool
) -> Need:
    """Return what is needed already, whatever the forecast says."""
    reading = fresh_reading(observation)
    rate = reading.per_second if reading else 0.0
    sure = _sure_per_second(reading, observation.smooth_per_second)
    need = Need(replicas_for(sure, policy), _REACTIVE)
    if blind:
        need = _larger(need, rate / _BLIND_UTILIZATION, Reason.NO_FORECAST, policy)
    if reading and observation.backlog > 0:
        seconds = lasting_seconds(observation.lead_time_seconds)
        lasting = expected_per_second(
            observation.jumps, reading, observation.smooth_per_second, seconds=seconds
        )
        left = _backlog_at_lead(observation, policy, expected, lasting)
        if left > 0:
            fast = lasting + float(clearing(np.array(left), observation.peak_per_second))
            need = _larger(need, fast, Reason.BACKLOG, policy)
    if observation.boost_per_second > 0:
        boosted = rate + observation.boost_per_second
        need = _larger(need, boosted, Reason.BOOST, policy)
    return need


def _larger(need: Need, per_second: float, reason: Reason, policy: WorkloadPolicy) -> Need:
    """Return what a demand per second needs if that is more than was needed so far."""
    replicas = replicas_for(per_second, policy)
    return Need(replicas, reason) if replicas > need.replicas else need


def sure_need(
    observation: Observation, policy: WorkloadPolicy, smooth_per_second: float, *, blind: bool
) -> int:
    """Return how many replicas demand needs already, however it was served so far."""
    reading = fresh_reading(observation)
    rate = reading.per_second if reading else 0.0
    needed = _sure_per_second(reading, smooth_per_second)
    if blind:
        needed = max(needed, rate / _BLIND_UTILIZATION)
    if observation.boost_per_second > 0:
        needed = max(needed, rate + observation.boost_per_second)
    return replicas_for(needed, policy)


def fresh_reading(observation: Observation) -> DemandReading | None:
    """Return the newest reading, None if it says nothing of now: too old, or from the future."""
    reading = observation.outlook.reading if observation.outlook else None
    if reading is None or reading.is_ahead(now=observation.now):
        return None
    oldest = max(_SILENCE_SECONDS, WINDOWS_AWAITED * reading.window_seconds)
    return reading if observation.now - reading.measured_at <= oldest else None


def _sure_per_second(reading: DemandReading | None, smooth_per_second: float) -> float:
    if reading is None:
        return 0.0
    newest = _surely(reading.per_second, reading.window_seconds)
    return max(newest, _surely(smooth_per_second, SMOOTH_WINDOW_SECONDS))


def _surely(per_second: float, window_seconds: float, deviations: float = _BURST_Z) -> float:
    """Return the lower confidence bound of a rate counted over a window (Poisson)."""
    count = per_second * window_seconds
    return max(count - deviations * math.sqrt(count), 0.0) / window_seconds


def _backlog_at_lead(
    observation: Observation, policy: WorkloadPolicy, expected: int, rate: float
) -> float:
    """Return the backlog that a replica started now would still find, and which would be late.

    ``rate`` is what is to be expected of the next minute; beyond that nothing is known. Replicas
    under way count as serving half of the lead time. What they serve in time without more is not
    late.
    """
    ready = len(observation.ready) + observation.assumed
    serving = (ready + expected) / 2 * policy.demand_per_replica
    lasting = lasting_seconds(observation.lead_time_seconds)
    left = observation.backlog + (rate - serving) * lasting
    return left - serving * unhurried_seconds(policy)


def expected_per_second(
    jumps: Jumps, reading: DemandReading, smooth_per_second: float, *, seconds: float
) -> float:
    """Return the rate to expect of the next seconds, of what the last reading showed of a jump.

    A few seconds' demand is a count, and chance alone lifts it by its root: that is no jump, as
    far as jumps were not seen to last.
    """
    rate, mean = reading.per_second, smooth_per_second
    sure = max(_surely(rate, reading.window_seconds, doubt(jumps)), min(rate, mean))
    return lasting_per_second(jumps, sure, mean, seconds=seconds)


def in_time_each(policy: WorkloadPolicy) -> float:
    """Return how much may wait for each ready replica, and still be served in time."""
    return policy.demand_per_replica * policy.objective.wait_seconds


def lasting_seconds(lead_time_seconds: float) -> float:
    """Return for how long what is expected of demand is taken to go on, until a start is ready."""
    return min(lead_time_seconds, _LASTING_SECONDS)


def unhurried_seconds(policy: WorkloadPolicy) -> float:
    """Return how many seconds' worth of service may wait before anything is done about it."""
    return max(policy.objective.wait_seconds - _HURRIED_SECONDS, 0.0)


def clearing(left: FloatArray, peak_per_second: float) -> FloatArray:
    """Return the demand per second at which backlogs are worked off."""
    soon = np.minimum(left / _CLEAR_SECONDS, _CLEAR_PEAKS * peak_per_second)
    return np.asarray(np.maximum(soon, left / _CLEAR_LARGE_SECONDS))


def within_limits(need: Need, policy: WorkloadPolicy, expected: int, most: int | None) -> Need:
    """Return the need within the policy's limits, and which limit bound it."""
    limits = policy.limits
    if limits.max_step is not None and need.replicas > expected + limits.max_step:
        need = Need(replicas=expected + limits.max_step, reason=Reason.MAX_STEP)
    if need.replicas < limits.min_replicas:
        need = Need(replicas=limits.min_replicas, reason=Reason.MIN_REPLICAS)
    if most is not None and need.replicas > most:
        need = Need(replicas=most, reason=Reason.MAX_REPLICAS)
    return need


def most_replicas(policy: WorkloadPolicy, *, draining: int = 0, ending_gpus: int = 0) -> int | None:
    """Return how many replicas the limits allow; what drains or ends still holds its GPUs."""
    most, budget = policy.limits.max_replicas, policy.limits.gpu_budget
    if budget is not None:
        affordable = (budget - ending_gpus) // policy.standby.gpus_per_replica - draining
        most = affordable if most is None else min(most, affordable)
    return None if most is None else max(most, 0)
