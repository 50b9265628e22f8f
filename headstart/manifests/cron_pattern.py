"""Cron expressions and time zones' names as patterns, as far as a pattern can tell.

``controller.cron_text`` is the judge: what it accepts must match, not all that matches is right.
"""

from __future__ import annotations

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_WEEKDAYS = "sun|mon|tue|wed|thu|fri|sat"
#: Minute, hour, day of the month, month, weekday (Sunday is 0 and 7).
_VALUES = (
    "0*[1-5]?[0-9]",
    "0*(?:1?[0-9]|2[0-3])",
    "0*(?:[1-9]|[12][0-9]|3[01])",
    f"(?:0*(?:[1-9]|1[0-2])|{_MONTHS})",
    f"(?:0*[0-7]|{_WEEKDAYS})",
)
_EVERY = "(?:/(?:[1-9][0-9]{0,3}|0[0-9]{1,3}))?"


def _field(value: str) -> str:
    part = rf"(?:\*|{value}(?:-{value})?){_EVERY}"
    return f"{part}(?:,{part})*"


CRON_PATTERN = (
    r"(?i)^(?:@(?:hourly|daily|weekly|monthly|yearly)|\s*"
    + r"\s+".join(map(_field, _VALUES))
    + r"\s*)$"
)
TIMEZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*$"
