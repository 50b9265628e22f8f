"""Known events from calendars: iCalendar addresses or files, and cron-like windows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
import icalendar
import recurring_ical_events

from predictor.calendar import CalendarWindow
from predictor.cron import occurrences, parse_cron
from predictor.errors import SourceUnavailableError

REFRESH_SECONDS = 900.0
RETRY_SECONDS = 60.0
TIMEOUT_SECONDS = 10.0
MAX_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What an event does to demand; at least one is set."""

    multiplier: float | None = None
    floor_per_second: float | None = None

    def window(self, name: str, start: float, end: float) -> CalendarWindow:
        """Return the effect over a span."""
        return CalendarWindow(
            name=name,
            start=start,
            end=end,
            multiplier=self.multiplier,
            floor_per_second=self.floor_per_second,
        )


class CronCalendar:
    """Windows of equal length that begin when a cron expression fires."""

    def __init__(
        self, *, name: str, cron: str, timezone: str, duration_seconds: float, effect: Effect
    ) -> None:
        """Parse the expression.

        Raises:
            ValueError: naming the field, its value and what is allowed.
        """
        if not 0 < duration_seconds < float("inf"):
            raise ValueError(
                f"calendar {name!r}: durationSeconds {duration_seconds} is not above 0"
            )
        self._name = name
        self._cron = parse_cron(cron)
        self._zone = zone(timezone)
        self._duration_seconds = duration_seconds
        self._effect = effect

    @property
    def name(self) -> str:
        """Say which calendar this is."""
        return self._name

    @property
    def remark(self) -> str:
        """Say nothing: an expression can't get out of reach."""
        return ""

    async def windows(self, *, start: float, end: float) -> tuple[CalendarWindow, ...]:
        """Return the windows that touch a span."""
        duration = self._duration_seconds
        begins = occurrences(self._cron, self._zone, start=start - duration, end=end)
        return tuple(self._effect.window(self._name, at, at + duration) for at in begins)


class ICalendar:
    """Events of an iCalendar address or file, read again every quarter of an hour.

    Once read, a calendar that can't be reached is used as it was, and its ``remark`` says so.
    """

    def __init__(
        self,
        *,
        name: str,
        ical: str,
        timezone: str,
        effect: Effect,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep what is needed; nothing is read yet. Events without a zone are in ``timezone``.

        Raises:
            ValueError: if the time zone is not known.
        """
        self._name = name
        self._ical = ical
        self._zone = zone(timezone)
        self._effect = effect
        self._clock = clock
        self._calendar: icalendar.Calendar | None = None
        self._problem = ""
        self._due_at = clock()

    @property
    def name(self) -> str:
        """Say which calendar this is."""
        return self._name

    @property
    def remark(self) -> str:
        """Say why the calendar is used as it was; empty if the last reading went well."""
        return f"{self._problem}; used as it was last read" if self._problem else ""

    async def windows(self, *, start: float, end: float) -> tuple[CalendarWindow, ...]:
        """Return the windows that touch a span.

        Raises:
            SourceUnavailableError: if the calendar could never be read.
        """
        if self._clock() >= self._due_at:
            await self._refresh()
        if self._calendar is None:
            raise SourceUnavailableError(self._problem)
        calendar = self._calendar
        return await asyncio.to_thread(self._expand, calendar, start, end)

    async def _refresh(self) -> None:
        try:
            text = await _fetch(self._ical)
            self._calendar = await asyncio.to_thread(_parse, text)
            self._problem = ""
            self._due_at = self._clock() + REFRESH_SECONDS
        except SourceUnavailableError as error:
            self._problem = str(error)
            self._due_at = self._clock() + RETRY_SECONDS

    def _expand(
        self, calendar: icalendar.Calendar, start: float, end: float
    ) -> tuple[CalendarWindow, ...]:
        span = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        try:
            # A day more at each end: times without a zone are compared as if in UTC.
            day = timedelta(days=1)
            events = recurring_ical_events.of(calendar).between(span[0] - day, span[1] + day)
        except Exception as error:  # The library has no error type of its own for bad rules.
            raise SourceUnavailableError(
                f"an event can't be expanded ({type(error).__name__})"
            ) from error
        windows = []
        for event in events:
            if str(event.get("STATUS", "")).upper() == "CANCELLED":
                continue
            begin, until = self._moment(event.start), self._moment(event.end)
            if until > start and begin < end and until > begin:
                windows.append(self._effect.window(self._name, begin, until))
        return tuple(windows)

    def _moment(self, at: date) -> float:
        if not isinstance(at, datetime):
            at = datetime(at.year, at.month, at.day, tzinfo=self._zone)
        return (at if at.tzinfo else at.replace(tzinfo=self._zone)).timestamp()


def zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        ValueError: if there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"timezone: {name!r} is not a time zone such as Europe/Berlin") from error


def _parse(text: bytes) -> icalendar.Calendar:
    try:
        return icalendar.Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        raise SourceUnavailableError("it is not an iCalendar document") from error


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise SourceUnavailableError("the file can't be read: not a regular file")
    with path.open("rb") as file:
        body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise SourceUnavailableError(f"it is larger than {MAX_BYTES >> 20} MiB")
    return body


async def _fetch(ical: str) -> bytes:
    """Return the document; never its address in an error, as it may hold a secret."""
    if not ical.startswith(("http://", "https://")):
        try:
            return await asyncio.to_thread(_read, Path(ical.removeprefix("file://")))
        except OSError as error:
            reason = (error.strerror or "not readable").lower()
            raise SourceUnavailableError(f"the file can't be read: {reason}") from error
    body = bytearray()
    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            httpx.AsyncClient(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client,
            client.stream("GET", ical) as response,
        ):
            if response.status_code != 200:
                raise SourceUnavailableError(f"HTTP {response.status_code}")
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_BYTES:
                    raise SourceUnavailableError(f"it is larger than {MAX_BYTES >> 20} MiB")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise SourceUnavailableError(f"it can't be fetched ({type(error).__name__})") from error
    return bytes(body)
