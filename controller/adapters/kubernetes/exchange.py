"""What goes over the wire, as values: limits, requests that ended, lists, and a watch's events."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from controller.adapters.kubernetes.errors import RefusedError, UnavailableError, error_of
from controller.adapters.kubernetes.json_text import decoded

Json = dict[str, Any]
#: Asked when a request's turn has come, right before it is sent: how many seconds it may take.
#: What it raises is raised, and nothing is sent.
Permit = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Limits of every call: how long, and how many a second.

    A watch that is silent for ``silence_seconds`` is given up: the server sends a bookmark about
    once a minute. ``watch_seconds`` is how long the server shall keep one open.
    """

    timeout_seconds: float = 10.0
    silence_seconds: float = 75.0
    watch_seconds: float = 290.0
    requests_per_second: float = 50.0
    burst: int = 100
    field_manager: str = "headstart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request that ended: ``outcome`` is ok, a status such as 409, or unavailable."""

    verb: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All objects of one list, and the resource version that a watch goes on from."""

    items: tuple[Json, ...]
    resource_version: str


def watch_event(what: str, line: bytes) -> Json:
    """Return the event of one line of a watch; ``what`` names the call.

    Raises:
        GoneError: if the server says that the resource version is too old.
        UnavailableError: if the line is no event, or tells of a failure.
        RefusedError: if the server refuses to go on.
    """
    try:
        event = decoded(line)
    except ValueError as error:
        raise UnavailableError(f"{what}: an event is cut short") from error
    if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
        raise UnavailableError(f"{what}: an event is no object")
    if event.get("type") == "ERROR":
        status = event["object"]
        raise error_of(what, int(status.get("code") or 500), json.dumps(status))
    return event


def as_seen(obj: Json | None) -> Json:
    """Return the options under which a deletion meets an object only as it was seen."""
    if obj is None:
        return {}
    wanted = {key: obj["metadata"][key] for key in ("uid", "resourceVersion")}
    return {"preconditions": wanted}


def outcome_of(error: UnavailableError | RefusedError) -> str:
    """Return how a request that failed ended, as metrics name it."""
    return str(error.status) if error.status is not None else "unavailable"
