"""What is known of one workload's demand to come: from its calendars, and from announcements."""

from __future__ import annotations

from models.forecast import Forecast
from predictor.announced import failed, judge, windows_of
from predictor.calendar import CalendarWindow
from predictor.errors import SourceUnavailableError
from predictor.workload import Track


async def calendar_windows(track: Track, forecast: Forecast) -> tuple[CalendarWindow, ...]:
    """Return the calendars' windows that touch a forecast, and remark what is wrong with them."""
    start = forecast.issued_at - forecast.step_seconds
    end = forecast.issued_at + forecast.horizon_seconds
    windows: list[CalendarWindow] = []
    for calendar in track.demand.calendars:
        try:
            windows += await calendar.windows(start=start, end=end)
            remark = calendar.remark
        except SourceUnavailableError as error:
            remark = str(error)
        if remark:
            track.remarks = (*track.remarks, f"calendar {calendar.name}: {remark}")
    return tuple(windows)


def announced_windows(track: Track, now: float) -> tuple[CalendarWindow, ...]:
    """Judge announcements by what was measured, and return the windows of those that count."""
    announcements = track.demand.announcements
    if announcements is None:
        return ()
    if announcements.remark:
        track.remarks = (*track.remarks, f"announcements: {announcements.remark}")
    current, grace_seconds = announcements.current(now), announcements.grace_seconds
    track.announced = judge(track.announced, current, track.reading)
    for name in failed(track.announced, current, grace_seconds=grace_seconds, now=now):
        said = f"announcement {name}: its demand did not come, and is waited for no longer"
        track.remarks = (*track.remarks, said)
    issued_at = now if track.forecast is None else track.forecast.issued_at
    return windows_of(
        track.announced, current, grace_seconds=grace_seconds, issued_at=issued_at, now=now
    )
