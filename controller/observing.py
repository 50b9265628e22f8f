"""What is known of one workload when it is planned: its replicas, demand, queue and lead time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from controller.boosts import boost_per_second
from controller.cluster_view import READY, RESTORING, NodeName, Replica
from controller.feedback import assumed, demand_served, key_of, ready_noted
from controller.observation import START_QUARTERS, Observation
from controller.outcomes import Outcomes, queue_ahead
from controller.overdue import overrun_seconds
from controller.policy import WorkloadPolicy
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName
from models.lead_time import LeadTimeEstimate, estimate
from models.outlook import DemandReading, Outlook

#: A restore that takes longer than so many do is started once more, beside it.
_OVERDUE_QUANTILE = 0.95
#: The middle of each of the equal shares of starts that are told apart.
_MIDDLES = tuple((share + 0.5) / START_QUARTERS for share in range(START_QUARTERS))


class _Starts(NamedTuple):
    """The lead time, when a start is overdue, and what equal shares of starts take."""

    lead_time_seconds: float
    overdue_seconds: float
    of_shares: tuple[float, ...]


def observed(
    replicas: Sequence[Replica],
    outlook: Outlook | None,
    known: TickState,
    now: float,
    policy: WorkloadPolicy,
    settings: TickSettings,
) -> tuple[Observation, Outcomes]:
    """Return what is known of one workload, and its outcomes with new demand in them."""
    ready, others = _by_readiness(replicas)
    starts = _starts(ready, others, known, now, policy, settings)
    state = known.workloads[policy.workload]
    reading = outlook.reading if outlook else None
    missing = assumed(state, policy, ready, others)
    lead = starts.lead_time_seconds
    noted = ready_noted(state, ready, now=now, missing=missing, lead_time_seconds=lead)
    outcomes = demand_served(noted, reading, policy)
    boost = settings.boosts.get(policy.workload)
    observation = Observation(
        workload=policy.workload,
        now=now,
        ready=ready,
        others=others,
        outlook=outlook,
        lead_time_seconds=lead,
        backlog=_backlog(outcomes, reading, now, policy),
        assumed=missing,
        boost_per_second=boost_per_second(boost, reading.per_second if reading else 0.0, policy),
        smooth_per_second=outcomes.smooth_per_second,
        peak_per_second=outcomes.peak_per_second,
        jumps=outcomes.jumps,
        overdue_seconds=starts.overdue_seconds,
        silent_seconds=0.0 if outcomes.until is None else now - outcomes.until,
        seen_seconds=outcomes.seen_seconds,
        start_seconds=starts.of_shares,
    )
    return observation, outcomes


def _by_readiness(
    replicas: Sequence[Replica],
) -> tuple[tuple[Replica, ...], tuple[Replica, ...]]:
    """Return the replicas that are ready, and the others: nearly always there are none."""
    ready = tuple([replica for replica in replicas if replica.phase is READY])
    if len(ready) == len(replicas):
        return ready, ()
    return ready, tuple([replica for replica in replicas if replica.phase is not READY])


def _backlog(
    outcomes: Outcomes, reading: DemandReading | None, now: float, policy: WorkloadPolicy
) -> float:
    """Return what the reckoned queue is by now."""
    return queue_ahead(
        outcomes,
        now=now,
        per_second=reading.per_second if reading else 0.0,
        window_seconds=reading.window_seconds if reading else 0.0,
        capacity=policy.demand_per_replica,
    )


def late_starts(
    owned: Mapping[WorkloadName, Sequence[Replica]],
    state: TickState,
    policies: Sequence[WorkloadPolicy],
    settings: TickSettings,
    *,
    now: float,
) -> Counter[NodeName]:
    """Count the starts of each node that have been under way for longer than restores take."""
    late: Counter[NodeName] = Counter()
    for policy in policies:
        replicas = owned.get(policy.workload, ())
        under_way = [one for one in replicas if one.phase is RESTORING]
        if under_way:
            ready, others = _by_readiness(replicas)
            most = _starts(ready, others, state, now, policy, settings).overdue_seconds
            late.update(one.node for one in under_way if now - one.decided_at > most)
    return late


def _starts(
    ready: Sequence[Replica],
    others: Sequence[Replica],
    known: TickState,
    now: float,
    policy: WorkloadPolicy,
    settings: TickSettings,
) -> _Starts:
    """Return how long starts take, by what was learned and by those under way."""
    if settings.fixed_lead_time_seconds is not None:
        return _Starts(settings.fixed_lead_time_seconds, math.inf, ())
    learned = _learned(
        estimate(known.lead_times, key_of(policy)),
        known.workloads[policy.workload].calibration.lead_time_quantile,
        policy.restore.timeout_seconds,
    )
    usual, late, shares = learned
    overrun = overrun_seconds(ready, others, usual, now=now)
    if overrun <= usual:
        return learned
    # What takes longer than was learned does so for all starts alike, as far as anybody knows.
    longer, most = overrun / usual, policy.restore.timeout_seconds
    slower = tuple([min(longer * share, most) for share in shares])
    return _Starts(overrun, max(overrun, late), slower)


@lru_cache(maxsize=16_384)
def _learned(known: LeadTimeEstimate, sure: float, most: float) -> _Starts:
    """Return how long starts take by what was learned, the lead time being a quantile of that.

    Remembered, since every tick asks and the answer changes once a minute at the most, or when a
    start has ended.
    """
    # While nothing but time-outs come in the estimate may pass the timeout; no start does.
    asked = known.quantiles((sure, _OVERDUE_QUANTILE, *_MIDDLES))
    lead, late, *shares = [min(seconds, most) for seconds in asked]
    return _Starts(lead, max(lead, late), tuple(shares))
