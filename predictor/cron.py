"""Cron expressions: five fields, a time zone, daylight saving. Pure: no I/O, no clock.

Written after the rules of cron(8) and crontab(5): when both day fields are restricted, either
may match. A local time that daylight saving skips happens when the clocks have moved on; one
that happens twice counts once, the first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_PART = re.compile(r"(?:(?P<all>\*)|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A parsed expression: the values that each field allows; weekdays from Sunday = 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def happens_on(self, day: date) -> bool:
        """Say whether the expression matches a day at all."""
        if day.month not in self.months:
            return False
        by_date = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first: int = 0


_FIELDS = (
    _Field(name="minute", low=0, high=59),
    _Field(name="hour", low=0, high=23),
    _Field(name="day of month", low=1, high=31),
    _Field(name="month", low=1, high=12, names=MONTHS, first=1),
    _Field(name="day of week", low=0, high=7, names=WEEKDAYS),
)


def parse_cron(text: str) -> Cron:
    """Return the parsed expression.

    Raises:
        ValueError: naming the field, its value and what is allowed.
    """
    words = SHORTHANDS.get(text.strip().lower(), text).split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"cron: {text!r} has {len(words)} fields, five are needed")
    minutes, hours, days, months, weekdays = (
        _parse_field(word, field) for word, field in zip(words, _FIELDS, strict=True)
    )
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=not words[2].startswith("*") and not words[4].startswith("*"),
    )


def occurrences(cron: Cron, zone: ZoneInfo, *, start: float, end: float) -> tuple[float, ...]:
    """Return when the expression fires in [start, end), in seconds since the epoch, ascending."""
    moments: set[float] = set()
    # A day more at each end: the span is in UTC, days are local.
    day = datetime.fromtimestamp(start, UTC).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end, UTC).date() + timedelta(days=1)
    while day <= last:
        if cron.happens_on(day):
            moments.update(_moments(cron, day, zone))
        day += timedelta(days=1)
    return tuple(sorted(moment for moment in moments if start <= moment < end))


def _moments(cron: Cron, day: date, zone: ZoneInfo) -> Iterator[float]:
    for hour in cron.hours:
        for minute in cron.minutes:
            yield _moment(datetime.combine(day, time(hour, minute), zone))


def _moment(local: datetime) -> float:
    back = local.astimezone(UTC).astimezone(local.tzinfo)
    if back.replace(tzinfo=None) == local.replace(tzinfo=None):
        return local.timestamp()
    # In the hour that daylight saving skips: the moment the clocks move. fold=1 is before it by
    # as much as fold=0 is after it, and minutes since the gap began are what differs.
    skipped = local.utcoffset() or timedelta()
    after = local.replace(fold=1).utcoffset() or timedelta()
    gap_seconds = (after - skipped).total_seconds()
    probe = local.timestamp()
    return _transition(probe - gap_seconds, probe, local)


def _transition(low: float, high: float, local: datetime) -> float:
    """Return when the offset changes between two moments, to the second."""
    zone = local.tzinfo
    before = datetime.fromtimestamp(low, UTC).astimezone(zone).utcoffset()
    while high - low > 1.0:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _parse_field(word: str, field: _Field) -> frozenset[int]:
    values: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise _refusal(part, field)
        values.update(_parse_part(match, part, field))
    return frozenset(values)


def _parse_part(match: re.Match[str], part: str, field: _Field) -> range:
    step = int(match["step"] or 1)
    if match["all"]:
        low, high = field.low, field.high
    else:
        low = _value(match["low"], part, field)
        high = _value(match["high"], part, field) if match["high"] else low
        if match["step"] and not match["high"]:
            high = field.high
    if step < 1 or low > high:
        raise _refusal(part, field)
    return range(low, high + 1, step)


def _value(word: str, part: str, field: _Field) -> int:
    if word.lower() in field.names:
        return field.names.index(word.lower()) + field.first
    if not word.isdecimal() or not field.low <= int(word) <= field.high:
        raise _refusal(part, field)
    return int(word)


def _refusal(part: str, field: _Field) -> ValueError:
    return ValueError(f"cron: {field.name} {part!r} is not within {field.low} to {field.high}")
