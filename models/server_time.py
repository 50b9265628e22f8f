"""By how much a server's clock is ahead of ours, as the Date of its answers tells. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

#: A server tells its time to the second.
_RESOLUTION_SECONDS = 1.0


def ahead_seconds(
    known_seconds: float,
    date: str | None,
    *,
    sent_at: float,
    received_at: float,
    tolerated_seconds: float,
) -> float:
    """Return what is known still where the Date of an answer agrees with it, else what that says.

    A difference that is tolerated is none. The times of the request are by our own clock; if that
    was set back meanwhile they tell nothing.
    """
    told = _seconds(date)
    if told is None or received_at < sent_at:
        return known_seconds
    # The server looked at its clock at some time in between.
    least = told - received_at
    most = told + _RESOLUTION_SECONDS - sent_at
    for seconds in (known_seconds, 0.0):
        if least - tolerated_seconds <= seconds <= most + tolerated_seconds:
            return seconds
    return (least + most) / 2.0


def _seconds(date: str | None) -> float | None:
    """Return an HTTP date (RFC 9110) in seconds since the epoch, None if it is none."""
    try:
        told = parsedate_to_datetime(date) if date else None
    except (ValueError, OverflowError):
        return None
    if told is None:
        return None
    # Old forms name no zone, and all mean the same one.
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
