"""Round numbers on axes, and how times and amounts are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime

#: Distances between time labels that read well, in seconds.
TIME_STEPS = (10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800)
DAY_SECONDS = 86400


def round_ticks(highest: float, about: int = 4) -> tuple[float, ...]:
    """Return ascending round values from 0 to at least ``highest``, about that many steps."""
    if not math.isfinite(highest) or highest <= 0:
        return (0.0, 1.0)
    rough = highest / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return tuple(step * i for i in range(math.ceil(highest / step - 1e-9) + 1))


def time_ticks(start: float, end: float, origin: float = 0.0, about: int = 8) -> tuple[float, ...]:
    """Return instants in [start, end] that fall on round times since ``origin``; all in seconds."""
    step = next((s for s in TIME_STEPS if (end - start) / s <= about), TIME_STEPS[-1])
    step *= math.ceil((end - start) / step / (2 * about)) or 1
    first = math.ceil((start + origin) / step) * step - origin
    return tuple(first + step * i for i in range(int((end - first) // step) + 1))


def clock_text(seconds: float, origin: float | None, *, span_seconds: float) -> str:
    """Write an instant: the time of day (UTC) if the origin is known, else time elapsed.

    With a span above a day the date, or the day's number, comes first.
    """
    return _instant(
        round(seconds),
        origin,
        shows_day=span_seconds > DAY_SECONDS,
        shows_seconds=span_seconds < 1200,
    )


def listed_text(seconds: float, origin: float | None, *, start: float, end: float) -> str:
    """Write an instant of a list to the second, with the day if [start, end] is on several."""
    first, last = ((at + (origin or 0.0)) // DAY_SECONDS for at in (start, end))
    return _instant(round(seconds), origin, shows_day=first != last, shows_seconds=True)


def _instant(whole: int, origin: float | None, *, shows_day: bool, shows_seconds: bool) -> str:
    if origin is not None:
        moment = datetime.fromtimestamp(origin + whole, tz=UTC)
        text = moment.strftime("%H:%M:%S" if shows_seconds else "%H:%M")
        return f"{moment:%b} {moment.day}, {text}" if shows_day else text
    hours = whole % DAY_SECONDS // 3600 if shows_day else whole // 3600
    text = f"{hours}:{whole % 3600 // 60:02d}" + (f":{whole % 60:02d}" if shows_seconds else "")
    return f"day {whole // DAY_SECONDS + 1}, {text}" if shows_day else text


def number_text(value: float) -> str:
    """Write an amount with about three digits that matter, thousands apart."""
    if not math.isfinite(value):
        return "unknown"
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def count_text(count: float, noun: str) -> str:
    """Write a number of things, ``noun`` being what one of them is called."""
    return f"{number_text(count)} {noun}{'' if count == 1 else 's'}"


def hours_text(seconds: float) -> str:
    """Write hours with one digit after the point, so that columns of them line up."""
    hours = seconds / 3600
    return f"{hours:,.1f}" if hours < 1000 else f"{hours:,.0f}"


def share_text(share: float) -> str:
    """Write a share in percent; near 100 % with the digits that make the difference.

    Rounded down, so that a share just under its objective is never shown as met.
    """
    if not math.isfinite(share):
        return "unknown"
    digits = 3 if share > 0.999 else 2 if share > 0.99 else 1
    scale: float = 10.0**digits
    text = f"{math.floor(share * 100 * scale + 1e-6) / scale:.{digits}f}"
    return text.rstrip("0").rstrip(".") + " %"


def span_text(seconds: float) -> str:
    """Write a duration in the unit that a person would use."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    if seconds < 2 * DAY_SECONDS:
        return f"{seconds / 3600:.3g} hours"
    return f"{seconds / DAY_SECONDS:.3g} days"
