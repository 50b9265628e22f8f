"""Calendars from files and addresses, and cron-like windows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from predictor.adapters.icalendar import CronCalendar, Effect, ICalendar
from predictor.calendar import CalendarWindow
from predictor.errors import SourceUnavailableError
from tests.integration.predictor.loopback import Handler, web_server

DOUBLE = Effect(multiplier=2.0)
DOCUMENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
{events}
END:VCALENDAR
"""


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def document(*events: str) -> str:
    bodies = [
        f"BEGIN:VEVENT\nUID:{number}\nDTSTAMP:20260101T000000Z\n{event}\nEND:VEVENT"
        for number, event in enumerate(events)
    ]
    return DOCUMENT.format(events="\n".join(bodies)).replace("\n", "\r\n")


def a_calendar(ical: str, *, timezone: str = "Europe/Berlin", **more: object) -> ICalendar:
    return ICalendar(name="launches", ical=ical, timezone=timezone, effect=DOUBLE, **more)  # type: ignore[arg-type]


async def spans(tmp_path: Path, *events: str) -> list[tuple[str, str]]:
    """Return the windows of June 2026, as UTC times."""
    file = tmp_path / "launches.ics"
    file.write_text(document(*events), encoding="utf-8")
    windows = await a_calendar(str(file)).windows(
        start=moment("2026-06-01"), end=moment("2026-07-01")
    )
    return [(day(window.start), day(window.end)) for window in windows]


def day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %H:%M")


async def test_an_event_in_utc(tmp_path: Path) -> None:
    event = "DTSTART:20260610T100000Z\nDTEND:20260610T113000Z"
    assert await spans(tmp_path, event) == [("10 10:00", "10 11:30")]


async def test_an_event_without_a_zone_is_in_ours(tmp_path: Path) -> None:
    event = "DTSTART:20260610T100000\nDURATION:PT1H"
    assert await spans(tmp_path, event) == [("10 08:00", "10 09:00")]


async def test_an_event_of_a_whole_day(tmp_path: Path) -> None:
    assert await spans(tmp_path, "DTSTART;VALUE=DATE:20260610") == [("09 22:00", "10 22:00")]


async def test_an_event_that_repeats_but_for_one_day(tmp_path: Path) -> None:
    event = (
        "DTSTART:20260105T090000Z\nDTEND:20260105T100000Z\n"
        "RRULE:FREQ=WEEKLY;BYDAY=MO\nEXDATE:20260608T090000Z"
    )
    assert [start for start, _ in await spans(tmp_path, event)] == [
        "01 09:00",
        "15 09:00",
        "22 09:00",
        "29 09:00",
    ]


async def test_a_cancelled_event_has_no_effect(tmp_path: Path) -> None:
    event = "DTSTART:20260610T100000Z\nDTEND:20260610T113000Z\nSTATUS:CANCELLED"
    assert await spans(tmp_path, event) == []


async def test_once_read_a_calendar_that_is_gone_is_used_as_it_was() -> None:
    now = [0.0]
    text = document("DTSTART:20260610T100000Z\nDTEND:20260610T113000Z")
    june = {"start": moment("2026-06-01"), "end": moment("2026-07-01")}
    with web_server(lambda handler: handler.reply(text)) as (url, _):
        calendar = a_calendar(f"{url}/launches.ics", clock=lambda: now[0])
        assert len(await calendar.windows(**june)) == 1
        assert calendar.remark == ""
    now[0] = 1e6
    assert len(await calendar.windows(**june)) == 1
    assert calendar.remark == "it can't be fetched (ConnectError); used as it was last read"


async def test_a_calendar_that_is_back_is_no_longer_remarked_on(tmp_path: Path) -> None:
    now = [0.0]
    file = tmp_path / "launches.ics"
    calendar = a_calendar(str(file), clock=lambda: now[0])
    remarks = []
    for text in (document(), "no calendar", document()):
        file.write_text(text, encoding="utf-8")
        await calendar.windows(start=0, end=1)
        remarks.append(calendar.remark)
        now[0] += 1e6
    assert remarks == ["", "it is not an iCalendar document; used as it was last read", ""]


def failing(handler: Handler) -> None:
    handler.reply("no", status=500)


async def test_a_calendar_that_was_never_read_is_said_without_its_address() -> None:
    with web_server(failing) as (url, _):
        calendar = a_calendar(f"{url}/private-token/launches.ics")
        with pytest.raises(SourceUnavailableError, match=r"^HTTP 500$"):
            await calendar.windows(start=0, end=1)


async def test_a_missing_file_and_one_that_is_no_calendar_are_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="can't be read: no such file"):
        await a_calendar(str(tmp_path / "nosuch.ics")).windows(start=0, end=1)
    (tmp_path / "page.ics").write_text("<html>", encoding="utf-8")
    with pytest.raises(SourceUnavailableError, match="not an iCalendar document"):
        await a_calendar(str(tmp_path / "page.ics")).windows(start=0, end=1)


async def test_what_is_no_regular_file_is_not_read() -> None:
    with pytest.raises(SourceUnavailableError, match="can't be read: not a regular file"):
        await a_calendar("file:///dev/zero").windows(start=0, end=1)


async def test_a_cron_window_under_way_is_found_and_has_its_effect() -> None:
    calendar = CronCalendar(
        name="morning",
        cron="0 9 * * mon-fri",
        timezone="Europe/Berlin",
        duration_seconds=7200,
        effect=Effect(floor_per_second=50),
    )
    windows = await calendar.windows(
        start=moment("2026-06-10T08:00"), end=moment("2026-06-10T12:00")
    )
    assert windows == (
        CalendarWindow(
            name="morning",
            start=moment("2026-06-10T07:00"),
            end=moment("2026-06-10T09:00"),
            floor_per_second=50,
        ),
    )


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone: 'Mars/Base' is not a time zone"):
        a_calendar("x.ics", timezone="Mars/Base")
