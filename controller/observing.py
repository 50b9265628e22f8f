"""What is known of one workload when it is planned: its replicas, demand, queue and lead time."""

from __future__ import annotations

import math
from functools import lru_cache

from controller.boosts import boost_per_second
from controller.cluster_view import Replica
from controller.feedback import assumed, key_of
from controller.observation import START_QUARTERS, Observation
from controller.outcomes import queue_ahead
from controller.overdue import overrun_seconds
from controller.policy import WorkloadPolicy
from controller.tick_state import TickSettings, TickState, WorkloadState
from models.lead_time import LeadTimeEstimate, estimate
from models.outlook import Outlook

#: A restore that takes longer than so many do is started once more, beside it.
_OVERDUE_QUANTILE = 0.95
#: The middle of each of the equal shares of starts that are told apart.
_MIDDLES = tuple((share + 0.5) / START_QUARTERS for share in range(START_QUARTERS))


def observed(
    replicas: tuple[Replica, ...],
    outlook: Outlook | None,
    state: TickState,
    now: float,
    policy: WorkloadPolicy,
    settings: TickSettings,
) -> Observation:
    """Return what is known of one workload before its demand is judged."""
    lead, overdue, starts = _lead_times(replicas, state, now, policy, settings)
    boost = settings.boosts.get(policy.workload)
    return Observation(
        workload=policy.workload,
        now=now,
        replicas=replicas,
        outlook=outlook,
        lead_time_seconds=lead,
        overdue_seconds=overdue,
        start_seconds=starts,
        boost_per_second=boost_per_second(boost, _reading_per_second(outlook), policy),
    )


def _lead_times(
    replicas: tuple[Replica, ...],
    state: TickState,
    now: float,
    policy: WorkloadPolicy,
    settings: TickSettings,
) -> tuple[float, float, tuple[float, ...]]:
    """Return the lead time, when a start is overdue, and what equal shares of starts take."""
    if settings.fixed_lead_time_seconds is not None:
        return settings.fixed_lead_time_seconds, math.inf, ()
    known = estimate(state.lead_times, key_of(policy))
    calibration = state.workloads[policy.workload].calibration
    sure, late, *shares = _quantiles(known, calibration.lead_time_quantile)
    # While nothing but time-outs come in the estimate may pass the timeout; no start does.
    most = policy.restore.timeout_seconds
    learned = min(sure, most)
    lead = max(learned, overrun_seconds(replicas, learned, now=now))
    # What takes longer than was learned does so for all starts alike, as far as anybody knows.
    longer = lead / learned
    starts = tuple([min(longer * share, most) for share in shares])
    return lead, max(lead, min(late, most)), starts


@lru_cache(maxsize=16_384)
def _quantiles(known: LeadTimeEstimate, sure: float) -> tuple[float, ...]:
    """Return what starts take at a quantile, when they are overdue, and in the middle of shares.

    Remembered, since every tick asks and the answer changes once a minute at the most, or when a
    start has ended.
    """
    return tuple(known.quantile(each) for each in (sure, _OVERDUE_QUANTILE, *_MIDDLES))


def with_outcomes(seen: Observation, state: WorkloadState, policy: WorkloadPolicy) -> Observation:
    """Return the observation with what the reckoned queue says."""
    reading = seen.outlook.reading if seen.outlook else None
    outcomes = state.outcomes
    return Observation(
        workload=seen.workload,
        now=seen.now,
        replicas=seen.replicas,
        outlook=seen.outlook,
        lead_time_seconds=seen.lead_time_seconds,
        backlog=queue_ahead(
            outcomes,
            now=seen.now,
            per_second=reading.per_second if reading else 0.0,
            window_seconds=reading.window_seconds if reading else 0.0,
            capacity=policy.demand_per_replica,
        ),
        assumed=assumed(state, policy, seen.replicas),
        boost_per_second=seen.boost_per_second,
        smooth_per_second=outcomes.smooth_per_second,
        peak_per_second=outcomes.peak_per_second,
        overdue_seconds=seen.overdue_seconds,
        silent_seconds=0.0 if outcomes.until is None else seen.now - outcomes.until,
        start_seconds=seen.start_seconds,
    )


def _reading_per_second(outlook: Outlook | None) -> float:
    return outlook.reading.per_second if outlook and outlook.reading else 0.0
