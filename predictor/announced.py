"""Announced demand beside the demand that came: which announcements still count. Pure.

An announcement is a head start. Before it begins it is believed. From then on measured demand
speaks: until it has come, the announced level is held for a grace time, and if it has not come by
then the announcement has failed, and counts no more. So a wrong one costs the replicas it asked
for over the grace time and the hold, whatever length it announced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from models.outlook import DemandReading
from predictor.announcement import Announcement
from predictor.calendar import CalendarWindow

#: Announced demand has come once this share of the announced rise was measured.
CAME_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was measured around one announcement.

    ``before_per_second`` is the last demand measured before it began, None if nobody looked;
    ``highest_per_second`` the highest since.
    """

    before_per_second: float | None = None
    highest_per_second: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedState:
    """What was measured around each announcement, by its id."""

    judged: Mapping[str, Judged] = field(default_factory=dict)


def judge(
    state: AnnouncedState, announced: Sequence[Announcement], reading: DemandReading | None
) -> AnnouncedState:
    """Take in the newest reading; announcements that there are no more are forgotten."""
    judged = {}
    for one in announced:
        known = state.judged.get(one.id, Judged())
        if reading is not None and reading.measured_at <= one.start:
            known = replace(known, before_per_second=reading.per_second)
        elif reading is not None:
            highest = max(known.highest_per_second, reading.per_second)
            known = replace(known, highest_per_second=highest)
        judged[one.id] = known
    return AnnouncedState(judged=judged)


def windows_of(
    state: AnnouncedState,
    announced: Sequence[Announcement],
    *,
    grace_seconds: float,
    issued_at: float,
    now: float,
) -> tuple[CalendarWindow, ...]:
    """Return what the announcements do to a forecast that was issued at a time."""
    windows: list[CalendarWindow] = []
    for one in announced:
        known = state.judged.get(one.id, Judged())
        until = min(one.end, one.start + grace_seconds)
        if one.start <= now < until:
            windows.append(_held(one, known, until))
        # As long as the forecast knows nothing of its beginning, it counts in any case.
        if now < one.start or issued_at <= one.start or _has_come(one, known):
            windows.append(_window(one))
    return tuple(windows)


def failed(
    state: AnnouncedState, announced: Sequence[Announcement], *, grace_seconds: float, now: float
) -> tuple[str, ...]:
    """Return the ids of those whose demand did not come in time."""
    return tuple(
        one.id
        for one in announced
        if one.start + grace_seconds <= now < one.end
        and not _has_come(one, state.judged.get(one.id, Judged()))
    )


def _has_come(one: Announcement, known: Judged) -> bool:
    before = known.before_per_second or 0.0
    level = _level(one, known)
    rise = level - before
    # A level that was there before needs no rise to come.
    return level > 0 and known.highest_per_second >= before + CAME_SHARE * max(rise, 0.0)


def _level(one: Announcement, known: Judged) -> float:
    """Return the announced demand per second; 0 if it is a multiple of nobody knows what."""
    if one.floor_per_second is not None:
        return one.floor_per_second
    return (one.multiplier or 1.0) * (known.before_per_second or 0.0)


def _held(one: Announcement, known: Judged, until: float) -> CalendarWindow:
    """Return the announced level for the grace time.

    As a floor: the multiple of a forecast issued since would be one of demand that did not rise,
    and it would have to fall when the announcement ends.
    """
    return CalendarWindow(
        name=one.id, start=one.start, end=until, floor_per_second=_level(one, known)
    )


def _window(one: Announcement) -> CalendarWindow:
    return CalendarWindow(
        name=one.id,
        start=one.start,
        end=one.end,
        multiplier=one.multiplier,
        floor_per_second=one.floor_per_second,
    )
