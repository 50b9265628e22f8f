"""The decision: an observation, a policy and what was learned, in; a plan with its reason, out.

Prediction sets a floor, reaction may only go above it, limits hold always. A replica is started
when the forecast first needs it within one lead time and one tick; it is released when nothing
has asked for it for a hold, nor does now.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from controller.cluster_view import (
    DRAINING,
    FAILED,
    RESTORING,
    Replica,
    ReplicaName,
    StartKind,
)
from controller.demand_curve import DemandCurve, demand_curve, held_seconds
from controller.hold import Hold
from controller.needs import (
    WINDOWS_AWAITED,
    Need,
    fresh_reading,
    in_time_each,
    most_replicas,
    reactive_need,
    replicas_for,
    within_limits,
)
from controller.objective import SUREST_FORECAST, Calibration, covered
from controller.observation import Observation
from controller.plan import Plan, Reason, Upcoming
from controller.policy import WorkloadPolicy

#: A reading or two may be missing. After longer demand counts as not measured, for a start takes
#: about as long again.
_UNHEARD_SECONDS = 30.0
#: The usual reasons. A plain name is found sooner than a member of an enumeration.
_FORECAST, _HOLD = Reason.FORECAST, Reason.HOLD


def plan(
    observation: Observation,
    policy: WorkloadPolicy,
    calibration: Calibration,
    hold: Hold,
    *,
    tick_seconds: float,
) -> tuple[Plan, Hold]:
    """Return what to do for one workload now, and the hold with this tick's target in it."""
    now, lead = observation.now, observation.lead_time_seconds
    ready, others = observation.ready, observation.others
    coming, overdue = _coming(others, observation)
    expected = len(ready) + len(coming) + observation.assumed
    level = _level(observation, calibration)
    curve = demand_curve(observation, level)
    floor = replicas_for(curve.peak(lead + tick_seconds), policy) if curve else 0
    reactive = reactive_need(observation, policy, expected, blind=curve is None)
    need = _strongest(floor, reactive, has_forecast=curve is not None)
    most = most_replicas(policy, draining=_draining(others))
    need = within_limits(need, policy, expected, most)
    held = held_seconds(observation, policy, tick_seconds)
    hold = hold.with_target(need.replicas, now=now, hold_seconds=held)
    target = _held(need, _keep(observation, policy, hold, expected), most)
    planned = Plan(
        workload=observation.workload,
        at=now,
        target=target.replicas,
        floor=floor,
        reactive=reactive.replicas,
        ready=len(ready),
        restoring=len(coming) + overdue,
        demand_per_second=_demand(observation),
        lead_time_seconds=lead,
        quantile_level=covered(level),
        reason=target.reason,
        starts=_starts(target.replicas - expected, expected + overdue, _room(observation, policy)),
        releases=youngest(ready, len(ready) - target.replicas),
        cancels=_cancels(others, now) + unneeded(coming, expected - target.replicas),
        upcoming=_upcoming(curve, observation, policy, max(target.replicas, expected)),
    )
    return planned, hold


def _level(observation: Observation, calibration: Calibration) -> float:
    """Return how sure to be of demand: very, while it is not measured.

    What is short then nobody sees, so it lasts until demand is heard of again.
    """
    reading = observation.outlook.reading if observation.outlook else None
    window = reading.window_seconds if reading is not None else 0.0
    if observation.silent_seconds <= max(_UNHEARD_SECONDS, WINDOWS_AWAITED * window):
        return calibration.level
    return max(calibration.level, SUREST_FORECAST)


def _coming(others: Sequence[Replica], observation: Observation) -> tuple[list[Replica], int]:
    """Return the replicas that come, and how many others may by their deadline."""
    if not others:
        return [], 0
    restoring = [r for r in others if r.phase is RESTORING and r.deadline_at > observation.now]
    coming = [replica for replica in restoring if not is_overdue(replica, observation)]
    return coming, len(restoring) - len(coming)


def is_overdue(replica: Replica, observation: Observation) -> bool:
    """Say whether a restore takes so long that another is started beside it.

    It may hang, and until its deadline nobody knows: what is started anew once most others would
    have come costs little and is rarely late (Dean and Barroso 2013, "The tail at scale"). The
    first is left to come, or to be measured at its deadline.
    """
    takes_long = observation.now - replica.decided_at > observation.overdue_seconds
    return replica.kind is StartKind.RESTORE and takes_long


def _room(observation: Observation, policy: WorkloadPolicy) -> int | None:
    """Return how many replicas there may be beside starts that were given up, or are now.

    These hold their GPUs until they are gone. They bound what starts and no more, as nothing that
    serves shall be let go for them.
    """
    held = sum([one.gpus for one in observation.others if is_over(one, observation.now)])
    return most_replicas(
        policy,
        draining=_draining(observation.others),
        ending_gpus=held + observation.ending_gpus,
    )


def is_over(replica: Replica, now: float) -> bool:
    """Say whether a start has failed or run past its deadline."""
    is_hung = replica.phase is RESTORING and replica.deadline_at <= now
    return replica.phase is FAILED or is_hung


def _starts(missing: int, present: int, most: int | None) -> int:
    """Return how many to start: what is missing, as far as limits have room beside the overdue."""
    return max(0, missing if most is None else min(missing, most - present))


def _draining(others: Sequence[Replica]) -> int:
    return len([r for r in others if r.phase is DRAINING])


def _demand(observation: Observation) -> float | None:
    reading = observation.outlook.reading if observation.outlook else None
    return None if reading is None else reading.per_second


def _keep(observation: Observation, policy: WorkloadPolicy, hold: Hold, expected: int) -> int:
    """Return how many of the replicas that exist stay, whatever the need of now.

    When nothing has been heard of demand for a while, all of them do: silence is no reason to
    let go of what serves, nor is what a part of demand comes to. So they do while requests are
    late: what comes was started for these, and its need counts as met as soon as it is started.
    """
    forecast = observation.outlook.forecast if observation.outlook else None
    reading = fresh_reading(observation)
    if (reading is None or reading.is_at_least) and (
        forecast is None or forecast.is_stale(now=observation.now)
    ):
        return expected
    ready = len(observation.ready) + observation.assumed
    if observation.backlog > ready * in_time_each(policy):
        return expected
    return min(hold.highest, expected)


def _strongest(floor: int, reactive: Need, *, has_forecast: bool) -> Need:
    if has_forecast and floor >= reactive.replicas:
        return Need(floor, _FORECAST if floor else Reason.NO_DEMAND)
    return reactive


def _held(need: Need, keep: int, most: int | None) -> Need:
    """Return the target: the need, or as much of what exists as shall stay."""
    if most is not None:
        keep = min(keep, most)
    if keep > need.replicas:
        return Need(keep, _HOLD)
    return need


def youngest(replicas: Sequence[Replica], count: int) -> tuple[ReplicaName, ...]:
    """Name the replicas to let go: the youngest first, the old ones have proved well."""
    if count <= 0:
        return ()
    ordered = sorted(replicas, key=lambda r: (-(r.ready_at or r.started_at), r.name))
    return tuple(replica.name for replica in ordered[:count])


def unneeded(restoring: list[Replica], surplus: int) -> tuple[tuple[ReplicaName, str], ...]:
    """Name the starts that nobody waits for any more; a ready replica is never let go for one."""
    if surplus <= 0:
        return ()
    return tuple((name, "not needed any more") for name in youngest(restoring, surplus))


def _cancels(others: Sequence[Replica], now: float) -> tuple[tuple[ReplicaName, str], ...]:
    """Name the starts that failed or ran past their deadline, and say which."""
    if not others:
        return ()
    cancels = []
    for replica in others:
        if replica.phase is FAILED:
            cancels.append((replica.name, f"failed: {replica.failure}"))
        elif replica.phase is RESTORING and replica.deadline_at <= now:
            taken = now - replica.decided_at
            cancels.append((replica.name, f"not ready after {taken:.0f} s"))
    return tuple(cancels)


def _upcoming(
    curve: DemandCurve | None, observation: Observation, policy: WorkloadPolicy, have: int
) -> tuple[Upcoming, ...]:
    """List the starts whose time has not come, as the forecast stands now."""
    if curve is None:
        return ()
    if curve.highest[-1] <= have * policy.demand_per_replica:
        return ()
    begins = observation.now - curve.begun_seconds
    rising = curve.highest / policy.demand_per_replica - 1e-9
    upcoming = []
    while (index := int(rising.searchsorted(have, "right"))) < len(rising):
        needed = math.ceil(rising[index])
        at = begins + index * curve.step_seconds - observation.lead_time_seconds
        upcoming.append(Upcoming(start_at=max(at, observation.now), count=needed - have))
        have = needed
    return tuple(upcoming)
