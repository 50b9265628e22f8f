"""What a tick's plans and outlooks foretell, as events: rises, lead times, forecasts. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from controller.cloud_event import CloudEvent, EventKind
from controller.plan import Plan, Reason
from controller.policy import Mode
from controller.replica_events import ToldByWorkload
from controller.tick_report import TickReport
from controller.told import Told, ToldRamp
from models.forecast import Forecast

#: A rise is another one once it has been out of the forecast for so long, or needs so much more.
RAMP_OVER_SECONDS, RAMP_GROWTH = 60.0, 1.5
#: A lead time has changed if it did by this share and these seconds since it was last told.
LEAD_TIME_SHARE, LEAD_TIME_SECONDS = 0.2, 1.0
#: A forecast is told to be worse or well again once it has been for so long: not each flutter.
TURNED_SECONDS = 30.0
#: Two looks at one turn differ by a tick; two turns are further apart than this.
_TURN_GRAIN_SECONDS = 60.0

_Told = tuple[list[CloudEvent], Told]


def plan_events(
    before: ToldByWorkload, report: TickReport
) -> tuple[tuple[CloudEvent, ...], ToldByWorkload]:
    """Return what is new in a tick's plans and outlooks, and what is told then.

    Of a workload in mode Observe nothing is told. One without a policy is forgotten, unless
    replicas of it are left.
    """
    events: list[CloudEvent] = []
    after = {name: told for name, told in before.items() if name in report.modes or told.replicas}
    if report.fleet is None:
        return (), before
    for plan in report.plans:
        if report.modes.get(plan.workload) in (None, Mode.OBSERVE):
            continue
        told = after.get(plan.workload, Told())
        for step in (_forecast_turned, _lead_time_changed, _ramp_predicted):
            said, told = step(told, plan, report)
            events += said
        after[plan.workload] = told
    return tuple(events), after


def _ramp_predicted(told: Told, plan: Plan, report: TickReport) -> _Told:
    outlook = report.outlooks.get(plan.workload)
    forecast = outlook.forecast if outlook else None
    now_due = plan.starts + plan.waiting if plan.reason is Reason.FORECAST else 0
    due = now_due + sum(one.count for one in plan.upcoming)
    if forecast is None or not due:
        return [], told
    have = plan.ready + plan.restoring
    needed, last = have + due, told.ramp
    is_known = last is not None and plan.at - last.seen_at <= RAMP_OVER_SECONDS
    if last is not None and is_known and needed < RAMP_GROWTH * last.needed:
        return [], replace(told, ramp=replace(last, seen_at=plan.at))
    starts_at = plan.at if now_due else min(one.start_at for one in plan.upcoming)
    peak_at, peak = _peak(forecast, plan.quantile_level)
    event = CloudEvent(
        kind=EventKind.RAMP_PREDICTED,
        workload=plan.workload,
        about=f"{plan.workload}-{_milliseconds(forecast.issued_at)}",
        time=plan.at,
        data={
            "issuedAt": forecast.issued_at,
            "demandPerSecond": plan.demand_per_second,
            "peakPerSecond": peak,
            "peakAt": peak_at,
            "quantileLevel": plan.quantile_level,
            "replicas": have,
            "neededReplicas": needed,
            "firstStartAt": starts_at,
            "leadTimeSeconds": plan.lead_time_seconds,
        },
    )
    return [event], replace(told, ramp=ToldRamp(needed=needed, seen_at=plan.at))


def _peak(forecast: Forecast, level: float) -> tuple[float, float]:
    """Return when the forecast is highest, at the quantile nearest to the level, and how high."""
    column = int(np.argmin(np.abs(np.asarray(forecast.quantiles) - level)))
    step = int(np.argmax(forecast.values[:, column]))
    at = forecast.issued_at + (step + 1) * forecast.step_seconds
    return at, float(forecast.values[step, column])


def _lead_time_changed(told: Told, plan: Plan, report: TickReport) -> _Told:
    now, last = plan.lead_time_seconds, told.lead_time_seconds
    if last is None:
        return [], replace(told, lead_time_seconds=now)
    if abs(now - last) < max(LEAD_TIME_SHARE * last, LEAD_TIME_SECONDS):
        return [], told
    # It moves when a start has been measured, and that time is the same for whoever looks.
    assert report.fleet is not None
    measured = [
        one.ready_at
        for one in report.fleet.replicas
        if one.workload == plan.workload and one.ready_at is not None
    ]
    about = f"{plan.workload}-{_milliseconds(max(measured, default=plan.at))}-{now:.0f}"
    event = CloudEvent(
        kind=EventKind.LEAD_TIME_CHANGED,
        workload=plan.workload,
        about=about,
        time=plan.at,
        data={"beforeSeconds": last, "afterSeconds": now},
    )
    return [event], replace(told, lead_time_seconds=now)


def _forecast_turned(told: Told, plan: Plan, report: TickReport) -> _Told:
    outlook = report.outlooks.get(plan.workload)
    if outlook is None:
        return [], told  # Not heard of yet.
    if bool(outlook.degraded) == told.is_degraded:
        return [], replace(told, turning_since=None)
    since = outlook.published_at if told.turning_since is None else told.turning_since
    if plan.at - since < TURNED_SECONDS:
        return [], replace(told, turning_since=since)
    minute = since // _TURN_GRAIN_SECONDS * _TURN_GRAIN_SECONDS
    event = CloudEvent(
        kind=EventKind.FORECAST_RECOVERED if told.is_degraded else EventKind.FORECAST_DEGRADED,
        workload=plan.workload,
        about=f"{plan.workload}-{_milliseconds(minute)}",
        time=plan.at,
        data={"since": since, "reasons": list(outlook.degraded)},
    )
    return [event], replace(told, is_degraded=not told.is_degraded, turning_since=None)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
