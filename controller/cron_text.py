"""Whether a cron expression and a time zone's name can mean anything; nothing is expanded here."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHORTHANDS = frozenset(("@hourly", "@daily", "@weekly", "@monthly", "@yearly"))
_PART = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<every>\d{1,4}))?")
#: Lowest and highest number of each field, and the names that stand for numbers from the lowest.
_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 7, _WEEKDAYS),
)


def check_cron(text: str) -> None:
    """Refuse what is neither a shorthand nor five fields of numbers, names, ranges and steps.

    Raises:
        ValueError: if it isn't.
    """
    if text in _SHORTHANDS:
        return
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{len(fields)} fields")
    for field, (low, high, names) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            _check_part(part.lower(), low, high, names)


def check_timezone(text: str) -> None:
    """Refuse a name that the time zone database does not have.

    Raises:
        ValueError: if it is unknown.
    """
    try:
        ZoneInfo(text)
    except (LookupError, OSError) as error:
        raise ValueError(text) from error


def _check_part(part: str, low: int, high: int, names: tuple[str, ...]) -> None:
    match = _PART.fullmatch(part)
    if match is None or match["every"] == "0":
        raise ValueError(part)
    numbers = [
        low + names.index(text) if text in names else int(text)
        for text in (match["low"], match["high"])
        if text is not None
    ]
    if numbers != sorted(numbers) or any(not low <= number <= high for number in numbers):
        raise ValueError(part)
