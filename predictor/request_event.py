"""Reads one request event: its time and its weight. Pure.

Times may be seconds, milliseconds, microseconds or nanoseconds since the epoch, or ISO 8601.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime

from models.series import MOST_PER_SECOND
from predictor.settings import KafkaEvents

#: Seconds stay below this until the year 5138, milliseconds are above it since 1973; each unit
#: is a thousandth of the one before.
SECONDS_BELOW = 1e11


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEvent:
    """When demand arose (seconds since the epoch), and how much."""

    at: float
    weight: float = 1.0


def parse_event(events: KafkaEvents, *, recorded_at: float, value: bytes | None) -> RequestEvent:
    """Return an event's time and weight.

    Raises:
        ValueError: with one line, if it has none that can be read.
    """
    if events.timestamp_field is None and events.weight_field is None:
        return RequestEvent(at=recorded_at)
    try:
        payload = json.loads(value or b"")
    except (ValueError, RecursionError) as error:
        raise ValueError("the payload is not JSON") from error
    at, weight = recorded_at, 1.0
    if events.timestamp_field is not None:
        at = parse_time(_member(payload, events.timestamp_field), events.timestamp_field)
    if events.weight_field is not None:
        weight = _weight(_member(payload, events.weight_field), events.weight_field)
    return RequestEvent(at=at, weight=weight)


def parse_time(value: object, field: str) -> float:
    """Return a time in seconds since the epoch; a time without a zone is UTC.

    Raises:
        ValueError: naming the field and its value.
    """
    if isinstance(value, str):
        try:
            return _from_epoch(float(value), field)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ValueError(f"{field}: {value[:40]!r} is not a time") from error
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{field}: {str(value)[:40]!r} is not a time")
    return _from_epoch(_float(value, field), field)


def _from_epoch(value: float, field: str) -> float:
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{field}: {value} is not a time")
    while value >= SECONDS_BELOW:
        value /= 1000.0
    return value


def _weight(value: object, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{field}: {str(value)[:40]!r} is not a number")
    weight = _float(value, field)
    if not math.isfinite(weight) or weight < 0:
        raise ValueError(f"{field}: {value} is not at least 0")
    if weight > MOST_PER_SECOND:
        raise ValueError(f"{field}: {weight:g} is not believed, {MOST_PER_SECOND:g} would be")
    return weight


def _float(value: float, field: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{field}: {str(value)[:40]} and so on is too large") from error


def _member(payload: object, path: str) -> object:
    """Return the member that a dotted path names; a member with dots in its name goes first."""
    if isinstance(payload, dict) and path in payload:
        return payload[path]
    head, _, rest = path.partition(".")
    if rest and isinstance(payload, dict) and head in payload:
        return _member(payload[head], rest)
    raise ValueError(f"{path}: missing")
