"""When an outlook is due on the forecast topic: when it says something new, and now and then.

Pure: time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from models.forecast_record import Fence
from models.outlook import Outlook

#: An outlook that says nothing new is repeated after this, as a sign of life.
REPEAT_SECONDS = 10.0
#: What a broker takes by default is 1 MiB with the record's frame.
MOST_BYTES = 900_000
TOO_LONG = "forecast: too long for the topic, left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was published last of a workload, when, and in whose right."""

    outlook: Outlook
    fence: Fence
    at: float


def is_due(
    outlook: Outlook, fence: Fence, before: Published | None, *, now: float, least_seconds: float
) -> bool:
    """Say whether to publish; a workload at most every ``least_seconds``."""
    if before is None or before.fence != fence:
        return True
    if outlook is before.outlook or 0 <= now - before.at < least_seconds:
        return False
    is_new = _says(outlook) != _says(before.outlook)
    return is_new or not 0 <= now - before.at < REPEAT_SECONDS


def without_forecast(outlook: Outlook) -> Outlook:
    """Return an outlook that fits where the whole one does not, and says so."""
    return replace(outlook, forecast=None, degraded=(*outlook.degraded, TOO_LONG))


def _says(outlook: Outlook) -> tuple[object, ...]:
    forecast, reading = outlook.forecast, outlook.reading
    return (
        None if forecast is None else (forecast.issued_at, forecast.basis),
        None if reading is None else (reading.measured_at, reading.per_second),
        # Its sentences count seconds, and would be new at every tick.
        bool(outlook.degraded),
    )
