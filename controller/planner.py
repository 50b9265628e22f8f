"""The decision: an observation, a policy and what was learned, in; a plan with its reason, out.

Prediction sets a floor, reaction may only go above it, limits hold always. A replica is started
when the forecast first needs it within one lead time and one tick; it is released when neither
the target of the hold just past nor the forecast of the hold to come asks for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from controller.cluster_view import Phase, Replica, ReplicaName
from controller.hold import Hold
from controller.objective import Calibration, covered, demand_at
from controller.observation import Observation
from controller.plan import Plan, Reason, Upcoming
from controller.policy import WorkloadPolicy
from models.forecast import FloatArray, Forecast

#: The lower confidence bound of the rate just measured, in standard deviations of a count.
_BURST_Z = 2.0
#: How soon a backlog shall be gone.
_CLEAR_SECONDS = 30.0
#: Without a forecast: the share of a replica's capacity that may be planned with.
_BLIND_UTILIZATION = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How many replicas one cause asks for."""

    replicas: int
    reason: Reason


def plan(
    observation: Observation,
    policy: WorkloadPolicy,
    calibration: Calibration,
    hold: Hold,
    *,
    tick_seconds: float,
) -> tuple[Plan, Hold]:
    """Return what to do for one workload now, and the hold with this tick's target in it."""
    now = observation.now
    ready = [r for r in observation.replicas if r.phase is Phase.READY]
    restoring = [
        r for r in observation.replicas if r.phase is Phase.RESTORING and r.deadline_at > now
    ]
    expected = len(ready) + len(restoring)
    curve = _demand_curve(observation, calibration.level)
    reach = observation.lead_time_seconds + tick_seconds
    floor = _replicas(_peak(curve, reach), policy)
    kept = _replicas(_peak(curve, reach + policy.scale_down.hold_seconds), policy)
    reactive = _reactive(observation, policy, expected, blind=curve is None)
    need = _strongest(floor, reactive, has_forecast=curve is not None)
    limited = _limited(need, policy, expected)
    hold = hold.with_target(limited.replicas, now=now, hold_seconds=policy.scale_down.hold_seconds)
    target = _held(limited, kept, hold, policy, expected)
    reading = observation.outlook.reading if observation.outlook else None
    return (
        Plan(
            workload=observation.workload,
            at=now,
            target=target.replicas,
            floor=floor,
            reactive=reactive.replicas,
            ready=len(ready),
            restoring=len(restoring),
            demand_per_second=None if reading is None else reading.per_second,
            lead_time_seconds=observation.lead_time_seconds,
            quantile_level=covered(calibration.level),
            reason=target.reason,
            starts=max(0, target.replicas - expected),
            releases=_releases(ready, expected - target.replicas),
            cancels=_cancels(observation),
            upcoming=_upcoming(curve, observation, policy, max(target.replicas, expected)),
        ),
        hold,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Curve:
    """Demand per second of the steps from now on; the first begins ``begun_seconds`` ago."""

    values: FloatArray
    step_seconds: float
    begun_seconds: float


def _demand_curve(observation: Observation, level: float) -> _Curve | None:
    """Return the forecast's demand at a level, or None if there is none to lean on."""
    forecast: Forecast | None = observation.outlook.forecast if observation.outlook else None
    if forecast is None or forecast.is_stale(now=observation.now):
        return None
    age = max(observation.now - forecast.issued_at, 0.0)
    first = int(age / forecast.step_seconds)
    return _Curve(
        values=demand_at(forecast.values[first:], level),
        step_seconds=forecast.step_seconds,
        begun_seconds=age - first * forecast.step_seconds,
    )


def _peak(curve: _Curve | None, within_seconds: float) -> float:
    """Return the most demand of the steps that begin within a while from now."""
    if curve is None:
        return 0.0
    count = math.ceil((within_seconds + curve.begun_seconds) / curve.step_seconds)
    return float(curve.values[: max(count, 1)].max())


def _replicas(per_second: float, policy: WorkloadPolicy) -> int:
    # Round up: half a replica serves nobody. The margin forgives rounding in the last place.
    return math.ceil(per_second / policy.demand_per_replica - 1e-9)


def _reactive(
    observation: Observation, policy: WorkloadPolicy, expected: int, *, blind: bool
) -> Need:
    """Return what is needed already, whatever the forecast says."""
    reading = observation.outlook.reading if observation.outlook else None
    rate = reading.per_second if reading else 0.0
    sure = 0.0
    if reading is not None:
        count = rate * reading.window_seconds
        sure = max(count - _BURST_Z * math.sqrt(count), 0.0) / reading.window_seconds
    needs = [Need(replicas=_replicas(sure, policy), reason=Reason.REACTIVE)]
    if blind:
        needs.append(
            Need(replicas=_replicas(rate / _BLIND_UTILIZATION, policy), reason=Reason.NO_FORECAST)
        )
    left = _backlog_at_lead(observation, policy, expected, rate)
    if left > 0:
        clearing = rate + left / _CLEAR_SECONDS
        needs.append(Need(replicas=_replicas(clearing, policy), reason=Reason.BACKLOG))
    if observation.boost_per_second > 0:
        boosted = rate + observation.boost_per_second
        needs.append(Need(replicas=_replicas(boosted, policy), reason=Reason.BOOST))
    return max(needs, key=lambda need: need.replicas)


def _backlog_at_lead(
    observation: Observation, policy: WorkloadPolicy, expected: int, rate: float
) -> float:
    """Return the backlog that a replica started now would still find when it is ready.

    Replicas under way count as serving half of the lead time.
    """
    if observation.backlog <= 0:
        return 0.0
    ready = sum(1 for replica in observation.replicas if replica.phase is Phase.READY)
    serving = (ready + expected) / 2 * policy.demand_per_replica
    return max(observation.backlog + (rate - serving) * observation.lead_time_seconds, 0.0)


def _strongest(floor: int, reactive: Need, *, has_forecast: bool) -> Need:
    if has_forecast and floor >= reactive.replicas:
        return Need(replicas=floor, reason=Reason.FORECAST if floor else Reason.NO_DEMAND)
    return reactive


def _limited(need: Need, policy: WorkloadPolicy, expected: int) -> Need:
    """Return the need within the policy's limits, and which limit bound it."""
    limits = policy.limits
    if limits.max_step is not None and need.replicas > expected + limits.max_step:
        need = Need(replicas=expected + limits.max_step, reason=Reason.MAX_STEP)
    if need.replicas < limits.min_replicas:
        need = Need(replicas=limits.min_replicas, reason=Reason.MIN_REPLICAS)
    highest = _highest(policy)
    if highest is not None and need.replicas > highest:
        need = Need(replicas=highest, reason=Reason.MAX_REPLICAS)
    return need


def _highest(policy: WorkloadPolicy) -> int | None:
    bounds = [policy.limits.max_replicas]
    if policy.limits.gpu_budget is not None:
        bounds.append(policy.limits.gpu_budget // policy.standby.gpus_per_replica)
    known = [bound for bound in bounds if bound is not None]
    return min(known) if known else None


def _held(need: Need, kept: int, hold: Hold, policy: WorkloadPolicy, expected: int) -> Need:
    """Return the target: the need, or as much of what exists as the hold keeps."""
    keep = min(max(hold.highest, kept), expected)
    highest = _highest(policy)
    if highest is not None:
        keep = min(keep, highest)
    if keep > need.replicas:
        return Need(replicas=keep, reason=Reason.HOLD)
    return need


def _releases(ready: list[Replica], surplus: int) -> tuple[ReplicaName, ...]:
    """Name the ready replicas to let go: the youngest first, the old ones have proved well."""
    if surplus <= 0:
        return ()
    youngest = sorted(ready, key=lambda r: (-(r.ready_at or 0.0), r.name))
    return tuple(replica.name for replica in youngest[:surplus])


def _cancels(observation: Observation) -> tuple[tuple[ReplicaName, str], ...]:
    """Name the starts that failed or ran past their deadline, and say which."""
    cancels = []
    for replica in observation.replicas:
        if replica.phase is Phase.FAILED:
            cancels.append((replica.name, f"failed: {replica.failure}"))
        elif replica.phase is Phase.RESTORING and replica.deadline_at <= observation.now:
            taken = observation.now - replica.decided_at
            cancels.append((replica.name, f"not ready after {taken:.0f} s"))
    return tuple(cancels)


def _upcoming(
    curve: _Curve | None, observation: Observation, policy: WorkloadPolicy, have: int
) -> tuple[Upcoming, ...]:
    """List the starts whose time has not come, as the forecast stands now."""
    if curve is None:
        return ()
    if curve.values.max() <= have * policy.demand_per_replica:
        return ()
    upcoming = []
    for index, demand in enumerate(curve.values):
        needed = _replicas(float(demand), policy)
        if needed > have:
            begins = observation.now - curve.begun_seconds + index * curve.step_seconds
            start_at = max(begins - observation.lead_time_seconds, observation.now)
            upcoming.append(Upcoming(start_at=start_at, count=needed - have))
            have = needed
    return tuple(upcoming)
