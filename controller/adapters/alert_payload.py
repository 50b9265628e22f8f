"""Alertmanager's webhook payload (version 4) as values. Takes what it can, and says what not.

A receiver's template may change the payload, and ``max_alerts`` may cut it; so unknown fields are
passed over, missing ones made up for, and one bad alert does not spoil the others.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.boosts import Alert, Boost
from controller.errors import ControllerError
from models.forecast import WorkloadName

POLICY_LABEL = "headstart_policy"
REPLICAS_LABEL = "headstart_boost_replicas"
MULTIPLIER_LABEL = "headstart_boost_multiplier"
_SHOWN_LETTERS = 60
_LINES_SAID = 20
#: No sender has more; a number beyond what metrics can show would break them all.
_MOST_TRUNCATED = 1_000_000


class PayloadError(ControllerError):
    """The body is no webhook payload at all; the sender is told so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The alerts that ask for a boost, one line for each that does so wrongly, and the rest.

    ``faulty`` counts those that ask wrongly, of which ``faults`` names the first, ``passed_over``
    those that ask for nothing, ``truncated`` those that the sender cut.
    """

    alerts: tuple[Alert, ...] = ()
    faults: tuple[str, ...] = ()
    faulty: int = 0
    passed_over: int = 0
    truncated: int = 0


class _AlertError(Exception):
    """One alert asks for what can't be."""


def payload_of(body: bytes, workloads: Collection[WorkloadName]) -> Payload:
    """Return what a body asks for of the workloads that there are.

    Raises:
        PayloadError: if it is not a JSON object with a list of alerts.
    """
    document = _document(body)
    listed = document.get("alerts")
    if not isinstance(listed, list):
        raise PayloadError("alerts: missing: must be a list")
    status = _text(document.get("status"))
    alerts: list[Alert] = []
    faults: list[str] = []
    passed_over = 0
    for index, raw in enumerate(listed):
        try:
            alert = _alert(raw, status, workloads)
        except _AlertError as fault:
            faults.append(f"alerts[{index}].{fault}")
            continue
        if alert is None:
            passed_over += 1
        else:
            alerts.append(alert)
    truncated = document.get("truncatedAlerts")
    return Payload(
        alerts=tuple(alerts),
        faults=tuple(faults[:_LINES_SAID]),
        faulty=len(faults),
        passed_over=passed_over,
        truncated=min(truncated, _MOST_TRUNCATED)
        if isinstance(truncated, int) and truncated > 0
        else 0,
    )


def _document(body: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    # Nesting beyond the interpreter's depth is garbage too.
    except (ValueError, RecursionError) as error:
        raise PayloadError("the body is not JSON") from error
    if not isinstance(document, dict):
        raise PayloadError("the body is not a JSON object")
    return document


def _alert(raw: object, status: str, workloads: Collection[WorkloadName]) -> Alert | None:
    """Return the alert, None if it asks for no boost; the payload's status is for want of its own.

    It is known by its labels alone, not by its group: groups change with Alertmanager's settings.
    """
    if not isinstance(raw, dict):
        raise _AlertError("is not an object")
    # Labels tell alerts apart, annotations are what templates write: labels go first.
    labels = _texts(raw.get("labels"))
    words = {**_texts(raw.get("annotations")), **labels}
    name = words.get(POLICY_LABEL, "").strip()
    if not name:
        return None
    is_firing = (_text(raw.get("status")) or status) != "resolved"
    return Alert(
        # A template may leave out the labels: the policy is told all the same.
        fingerprint=_text(raw.get("fingerprint")) or _fingerprint({**labels, POLICY_LABEL: name}),
        workload=_workload(name, workloads),
        # A resolved one may have lost its annotations' values; it ends whatever it once asked for.
        boost=_boost(words) if is_firing else Boost(),
        is_firing=is_firing,
        moment=_seconds_of(raw.get("startsAt")) if is_firing else _end_of(raw),
    )


def _end_of(raw: Mapping[str, object]) -> float | None:
    """Return when a resolved alert ended, None if that is not told; never before it began."""
    started, ended = _seconds_of(raw.get("startsAt")), _seconds_of(raw.get("endsAt"))
    return ended if ended is None or started is None else max(started, ended)


def _seconds_of(value: object) -> float | None:
    """Return a time in seconds since the epoch, None if it is none: Go's zero time means so."""
    try:
        moment = datetime.fromisoformat(_text(value))
        seconds = moment.timestamp() if moment.tzinfo else 0.0
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0.0 else None


def _workload(name: str, workloads: Collection[WorkloadName]) -> WorkloadName:
    """Return the workload of that name; its namespace may be left out where only one has it.

    Policies out of a file have none: there a name with a namespace means the one without.
    """
    for known in (name, name.rpartition("/")[2]):
        if known in workloads:
            return WorkloadName(known)
    meant = [workload for workload in workloads if workload.endswith(f"/{name}")]
    if len(meant) == 1:
        return meant[0]
    several = f"is in several namespaces: must be one of {', '.join(sorted(meant)[:5])}"
    raise _AlertError(f"{POLICY_LABEL}: {_shown(name)} {several if meant else 'has no policy'}")


def _boost(words: Mapping[str, str]) -> Boost:
    replicas, multiplier = words.get(REPLICAS_LABEL), words.get(MULTIPLIER_LABEL)
    if replicas is None and multiplier is None:
        raise _AlertError(f"{REPLICAS_LABEL}: missing: give it or {MULTIPLIER_LABEL}")
    return Boost(
        replicas=_number(REPLICAS_LABEL, replicas, above=0.0) if replicas is not None else 0.0,
        multiplier=(
            _number(MULTIPLIER_LABEL, multiplier, above=1.0) if multiplier is not None else 1.0
        ),
    )


def _number(name: str, text: str, *, above: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > above):
        raise _AlertError(
            f"{name}: {_shown(text)} is not allowed: must be a number above {above:g}"
        )
    return value


def _texts(value: object) -> dict[str, str]:
    """Return the texts of a mapping; numbers, which a template may write bare, as texts."""
    if not isinstance(value, dict):
        return {}
    return {
        key: str(one)
        for key, one in value.items()
        if isinstance(one, str | int | float) and not isinstance(one, bool)
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _fingerprint(labels: Mapping[str, str]) -> str:
    ordered = json.dumps(sorted(labels.items()))
    return hashlib.sha256(ordered.encode("utf-8", "surrogatepass")).hexdigest()


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…")
