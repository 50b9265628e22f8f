"""The conditions of a policy's status: what is true of it now, and since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet_summary import FleetSummary
from controller.adapters.kubernetes.scale_owners import Obstacle
from controller.plan import Plan
from controller.policy import Mode
from models.outlook import Outlook

#: Kubernetes' own limit of a condition's message.
_LONGEST_MESSAGE = 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One statement: ``is_true`` None means unknown."""

    type: str
    is_true: bool | None
    reason: str
    message: str = ""


def ready(problems: tuple[str, ...], *, has_good_form: bool) -> Condition:
    """Say whether the policy as it stands now is in force."""
    if not problems:
        return Condition(type="Ready", is_true=True, reason="PolicyAccepted")
    kept = " (the last good form stays in force)" if has_good_form else ""
    message = "; ".join(problems) + kept
    return Condition(type="Ready", is_true=False, reason="PolicyInvalid", message=message)


def forecast_accurate(outlook: Outlook | None) -> Condition:
    """Say whether there is a forecast to trust."""
    kind = "ForecastAccurate"
    if outlook is None:
        text = "nothing has been heard of the predictor yet"
        return Condition(type=kind, is_true=None, reason="NoOutlook", message=text)
    said = "; ".join(outlook.degraded)
    if outlook.forecast is None:
        text = said or "there is no forecast yet"
        return Condition(type=kind, is_true=None, reason="NoForecast", message=text)
    if said:
        return Condition(type=kind, is_true=False, reason="Degraded", message=said)
    return Condition(
        type=kind, is_true=True, reason="ForecastTrusted", message=outlook.forecast.basis
    )


def standby_available(fleet: FleetSummary | None, plan: Plan | None, gpus: int) -> Condition:
    """Say whether there is room for one more replica of ``gpus`` GPUs."""
    kind = "StandbyAvailable"
    if fleet is None:
        text = "the cluster has not been seen yet"
        return Condition(type=kind, is_true=None, reason="NotSeen", message=text)
    if plan is not None and plan.waiting > 0:
        text = f"{plan.waiting} replicas wait for a standby node"
        return Condition(type=kind, is_true=False, reason="PoolExhausted", message=text)
    if any(free >= gpus for free in fleet.free_gpus):
        return Condition(type=kind, is_true=True, reason="StandbyNodesFree")
    unfit = f" (unfit: {', '.join(fleet.unfit[:5])})" if fleet.unfit else ""
    text = f"no standby node has room{unfit}"
    return Condition(type=kind, is_true=False, reason="NoStandbyNode", message=text)


def acting(mode: Mode | None, trouble: str, obstacle: Obstacle | None = None) -> Condition:
    """Say whether plans are carried out; ``obstacle`` is why a target is left alone."""
    if mode is not Mode.ACT:
        named = mode.value if mode is not None else "Observe"
        text = f"spec.mode is {named}: nothing is changed"
        return Condition(type="Acting", is_true=False, reason=f"Mode{named}", message=text)
    if trouble:
        return Condition(type="Acting", is_true=False, reason="Trouble", message=trouble)
    if obstacle is not None:
        return Condition(
            type="Acting", is_true=False, reason=obstacle.reason, message=obstacle.message
        )
    return Condition(type="Acting", is_true=True, reason="ModeAct")


def rendered(
    conditions: Iterable[Condition], before: object, *, generation: int, now: float
) -> list[Json]:
    """Return conditions as the API has them; a time of transition stays while nothing turns."""
    old: Mapping[str, Json] = {
        str(one.get("type")): one for one in _list(before) if isinstance(one, dict)
    }
    return [_rendered(one, old.get(one.type), generation=generation, now=now) for one in conditions]


def time_text(at: float) -> str:
    """Return seconds since the epoch as Kubernetes writes a Time."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rendered(one: Condition, old: Json | None, *, generation: int, now: float) -> Json:
    value = "Unknown" if one.is_true is None else str(one.is_true)
    since = time_text(now)
    if old is not None and old.get("status") == value and old.get("lastTransitionTime"):
        since = str(old["lastTransitionTime"])
    return {
        "type": one.type,
        "status": value,
        "reason": one.reason,
        "message": one.message[:_LONGEST_MESSAGE],
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
