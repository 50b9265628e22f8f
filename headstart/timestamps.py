"""Timestamps of traces as text, turned into seconds since the epoch. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from models.forecast import FloatArray

#: What a message says is allowed.
ALLOWED = "must be unix seconds, unix milliseconds or ISO 8601, from 1970 to 2100"
ONE_ZONE = "must have a time zone on every line or on none (none means UTC)"

_LATEST_SECONDS = 4_102_444_800.0  # 2100-01-01
# Below this a number is seconds, from it on milliseconds: it is the year 5138 or March 1973.
_FIRST_MILLISECONDS = 1e11


class BadTimestampError(ValueError):
    """One timestamp of a column can't be used: its index, its text, and what is allowed."""

    def __init__(self, index: int, text: str, allowed: str) -> None:
        super().__init__(f"{text!r}: {allowed}")
        self.index = index
        self.text = text
        self.allowed = allowed


def to_epoch_seconds(texts: Sequence[str]) -> FloatArray:
    """Return the seconds since the epoch that a column of timestamps means.

    Each is a number (seconds, or milliseconds when it is too large for seconds) or ISO 8601
    with any number of decimals; without a time zone it is UTC.

    Raises:
        BadTimestampError: for the first that is neither, lies outside 1970 to 2100, or differs
            from the first one in having a time zone.
    """
    try:
        # A column of numbers is the usual case, and this is ten times as fast as asking each.
        numbers = np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
    except ValueError:
        return _mixed_seconds(texts)
    seconds = np.where(numbers >= _FIRST_MILLISECONDS, numbers / 1000.0, numbers)
    refused = ~((seconds >= 0) & (seconds < _LATEST_SECONDS))
    if refused.any():
        index = int(np.argmax(refused))
        raise BadTimestampError(index, texts[index], ALLOWED)
    return seconds


def _mixed_seconds(texts: Sequence[str]) -> FloatArray:
    seconds = np.empty(len(texts))
    zoned: bool | None = None
    for index, text in enumerate(texts):
        value, has_zone = _seconds(text)
        if value is None or not 0 <= value < _LATEST_SECONDS:
            raise BadTimestampError(index, text, ALLOWED)
        if zoned is None:
            zoned = has_zone
        if has_zone != zoned:
            raise BadTimestampError(index, text, ONE_ZONE)
        seconds[index] = value
    return seconds


def _seconds(text: str) -> tuple[float | None, bool]:
    """Return the seconds that one timestamp means (None: nothing) and whether it has a zone.

    A number counts as zoned: it is UTC by definition.
    """
    stripped = text.strip()
    # Bare digits are a number of seconds, never ISO's compact form of a date.
    if stripped[4:5] != "-":
        return _number(stripped), True
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        return None, False
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC).timestamp(), False
    return moment.timestamp(), True


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value / 1000.0 if value >= _FIRST_MILLISECONDS else value
