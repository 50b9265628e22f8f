"""Demand that somebody announces, and what a record that announces it must look like. Pure.

A record is a CloudEvent 1.0, structured or binary, of the type ``dev.headstart.demand.announced``;
deploy/events/demand.announced.json describes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.fields import CodecError, Fields, as_object, as_text, refuse
from models.forecast import WorkloadName

ANNOUNCED_TYPE = "dev.headstart.demand.announced"
_STRUCTURED = "application/cloudevents+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementLimits:
    """What an announcement may ask for; whatever asks for more is refused, not cut.

    What is refused is said, and an absurd one is rarely right in a smaller measure.
    ``grace_seconds`` is how long after its beginning announced demand may let wait for it.
    """

    most_multiplier: float = 10.0
    most_per_second: float = 1_000.0
    longest_seconds: float = 86_400.0
    grace_seconds: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Demand announced for [start, end), in seconds since the epoch.

    Exactly one of ``multiplier`` (of demand without it) and ``floor_per_second`` is set.
    """

    id: str
    workload: WorkloadName
    start: float
    end: float
    multiplier: float | None = None
    floor_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """An announcement that is taken back."""

    id: str
    workload: WorkloadName


def parse_announcement(
    value: bytes | None, headers: Sequence[tuple[str, bytes | None]], limits: AnnouncementLimits
) -> Announcement | Cancelled | None:
    """Return what a record announces, None if it is of another type.

    Raises:
        CodecError: naming the field, its value and what is allowed.
    """
    try:
        body = json.loads(value) if value is not None else None
    except (ValueError, RecursionError) as error:
        raise CodecError("event: is no JSON") from error
    # Kafka's headers may be null; an attribute that is null is not there, says CloudEvents.
    given = {name.lower(): text for name, text in headers if text is not None}
    if "ce_type" in given and not given.get("content-type", b"").startswith(_STRUCTURED.encode()):
        attributes: Mapping[str, object] = {
            name.removeprefix("ce_"): text.decode("utf-8", "replace")
            for name, text in given.items()
            if name.startswith("ce_")
        }
        content = body
    else:
        attributes = as_object(body, "event")
        content = attributes.get("data")
    envelope = Fields(attributes, "event")
    if envelope.text("type") != ANNOUNCED_TYPE:
        return None
    if envelope.text("specversion") != "1.0":
        refuse("event.specversion", envelope.get("specversion"), "1.0")
    return _parsed(Fields(content, "data"), envelope.text("id"), limits)


def _parsed(data: Fields, event_id: str, limits: AnnouncementLimits) -> Announcement | Cancelled:
    workload = WorkloadName(_filled(data, "workload"))
    own_id = _filled(data, "id") if _has(data, "id") else event_id
    if _has(data, "cancelled") and data.flag("cancelled"):
        return Cancelled(id=own_id, workload=workload)
    start, end = _time(data, "start"), _time(data, "end")
    if not start < end <= start + limits.longest_seconds:
        allowed = f"a time after data.start, by at most {limits.longest_seconds:g} s,"
        refuse("data.end", data.get("end"), allowed)
    multiplier = _within(data, "multiplier", 1.0, limits.most_multiplier)
    floor = _within(data, "floorPerSecond", 0.0, limits.most_per_second)
    if (multiplier is None) == (floor is None):
        raise CodecError("data: exactly one of multiplier and floorPerSecond is allowed")
    return Announcement(
        id=own_id,
        workload=workload,
        start=start,
        end=end,
        multiplier=multiplier,
        floor_per_second=floor,
    )


def _has(data: Fields, name: str) -> bool:
    try:
        return data.get(name) is not None
    except CodecError:
        return False


def _filled(data: Fields, name: str) -> str:
    text = data.text(name)
    if not text:
        refuse(data.at(name), text, "a text that is not empty")
    return text


def _within(data: Fields, name: str, least: float, most: float) -> float | None:
    if not _has(data, name):
        return None
    number = data.number(name)
    if not least <= number <= most:
        refuse(data.at(name), number, f"a number from {least:g} to {most:g}")
    return number


def _time(data: Fields, name: str) -> float:
    """Return seconds since the epoch of a number or an RFC 3339 time."""
    value = data.get(name)
    if isinstance(value, int | float):
        return data.number(name)
    allowed = "a time such as 2026-11-24T18:00:00Z, or seconds since the epoch,"
    text = as_text(value, data.at(name))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        refuse(data.at(name), text, allowed)
    if moment.tzinfo is None:
        refuse(data.at(name), text, f"{allowed} with its zone")
    return moment.timestamp()
