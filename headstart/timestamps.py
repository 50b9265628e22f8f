"""Timestamps of traces as text, turned into seconds since the epoch, and back. Pure."""

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
# Spreadsheets count days from the end of 1899. A trace in days has at most ten years.
_DAY_OF_1970, _DAY_OF_2000, _DAY_OF_2100 = 25_569, 36_526, 73_051
_MOST_DAYS = 3660.0
# Whole numbers one apart may be seconds as well; of so few rows they are rather a year of days.
_MOST_WHOLE_DAYS = 400
# Spreadsheets write so many decimals of a day, which tell its seconds; fewer tell its minutes. Up
# to three are milliseconds, and what is a whole part of a second may be one of a day as well.
_DAY_DECIMALS, _SECOND_DECIMALS = 6, 3
# 20260101: a number of seconds among numbers, so never ISO's compact form of a date.
_COMPACT_LENGTH = 8


def instant_text(seconds: float) -> str:
    """Return seconds since the epoch as messages say them: ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


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
    seconds = _all_numbers(texts)
    if seconds is None:
        seconds = _all_iso(texts)
    if seconds is None:
        return _mixed_seconds(texts)
    refused = ~((seconds >= 0) & (seconds < _LATEST_SECONDS))
    if refused.any():
        index = int(np.argmax(refused))
        raise BadTimestampError(index, texts[index], ALLOWED)
    return seconds


def day_number_hint(texts: Sequence[str], seconds: FloatArray, *, is_log: bool) -> str:
    """Say what is wrong with times that look like a spreadsheet's, days since 1899; else nothing.

    ``seconds`` are what the texts would mean as unix time, some hours of the first day of 1970.
    Seconds that do not count from 1970 may be as large, so that alone says nothing.
    """
    if plain_numbers(texts[:1]) is None or not len(seconds):
        return ""
    first, last = float(seconds.min()), float(seconds.max())
    if first < _DAY_OF_2000 or last >= _DAY_OF_2100 or last - first > _MOST_DAYS:
        return ""
    if not (_are_times_of_day(seconds) if is_log else _are_bins_of_days(seconds)):
        return ""
    moment = datetime.fromtimestamp(round((seconds[0] - _DAY_OF_1970) * 86_400.0), UTC)
    return (
        f"looks like a spreadsheet's number of a day ({moment:%Y-%m-%dT%H:%M:%SZ}): {ALLOWED} "
        "(seconds that do not count from 1970 should count from 0)"
    )


def _are_bins_of_days(numbers: FloatArray) -> bool:
    spacing = np.diff(numbers)
    if 0 < len(spacing) < _MOST_WHOLE_DAYS and bool((np.abs(spacing - 1.0) < 1e-5).all()):
        return not bool((numbers % 1.0).any()) or _are_times_of_day(numbers)
    # The middle one: lines left out are few, and rounding makes many of one spacing.
    usual = float(np.median(spacing)) if len(spacing) else 0.0
    is_part_of_second = abs(usual - round(usual, _SECOND_DECIMALS)) < 1e-6
    return 0 < usual < 1 and not is_part_of_second and _are_times_of_day(numbers)


def _are_times_of_day(numbers: FloatArray) -> bool:
    """Say whether all are whole seconds (or minutes) of days, as precisely as they are written.

    They are not if they are milliseconds: those of seconds are too often whole ones of a day.
    """
    decimals = _SECOND_DECIMALS
    while decimals < _DAY_DECIMALS and not np.array_equal(np.round(numbers, decimals), numbers):
        decimals += 1
    if decimals == _SECOND_DECIMALS:
        return False
    unit = 1.0 if decimals == _DAY_DECIMALS else 60.0
    of_day = numbers * 86_400.0
    off = np.abs(of_day - unit * np.round(of_day / unit))
    # Half of the last decimal, and a little for the floats themselves.
    return bool((off <= 0.51 * 86_400.0 / 10.0**decimals).all())


def has_zone(text: str) -> bool:
    """Say whether a timestamp that can be used says its time zone; a number does, by definition."""
    return _seconds(text)[1]


def plain_numbers(texts: Sequence[str]) -> FloatArray | None:
    """Return a column of numbers, None if one is none.

    They are written as other programs write numbers: not as Python's ``1_000``, nor in the
    digits of other scripts.
    """
    joined = "".join(texts)
    if "_" in joined or not joined.isascii():
        return None
    try:
        return np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
    except ValueError:
        return None


def _all_numbers(texts: Sequence[str]) -> FloatArray | None:
    numbers = plain_numbers(texts)
    if numbers is None:
        return None
    return np.where(numbers >= _FIRST_MILLISECONDS, numbers / 1000.0, numbers)


def _all_iso(texts: Sequence[str]) -> FloatArray | None:
    """Return the seconds of a column that is ISO 8601 throughout; None if it may not be.

    Three times as fast as asking each, and a log of arrivals has a line for each request.
    """
    try:
        moments = list(map(datetime.fromisoformat, texts))
    except ValueError:
        return None
    naive = {moment.tzinfo is None for moment in moments}
    if len(naive) > 1 or any(len(text) == _COMPACT_LENGTH for text in texts):
        return None
    epoch = datetime(1970, 1, 1, tzinfo=None if True in naive else UTC)
    # A difference, since a moment's own timestamp() is slow, and local time if there is no zone.
    seconds = ((moment - epoch).total_seconds() for moment in moments)
    return np.fromiter(seconds, dtype=np.float64, count=len(moments))


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
    numbers = plain_numbers([text])
    if numbers is None:
        return None
    value = float(numbers[0])
    return value / 1000.0 if value >= _FIRST_MILLISECONDS else value
