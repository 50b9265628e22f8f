from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from predictor.cron import occurrences, parse_cron

BERLIN = ZoneInfo("Europe/Berlin")


def firings(cron: str, start: str, end: str, zone: ZoneInfo = BERLIN) -> list[str]:
    """Return when an expression fires between two UTC times, as UTC times."""
    moments = occurrences(
        parse_cron(cron),
        zone,
        start=datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp(),
        end=datetime.fromisoformat(end).replace(tzinfo=UTC).timestamp(),
    )
    return [datetime.fromtimestamp(one, UTC).strftime("%m-%d %H:%M") for one in moments]


def test_a_local_hour_moves_with_daylight_saving() -> None:
    assert firings("0 9 * * *", "2026-03-28", "2026-03-30") == ["03-28 08:00", "03-29 07:00"]


def test_a_time_that_daylight_saving_skips_comes_when_the_clocks_have_moved() -> None:
    assert firings("30 2 * * *", "2026-03-29", "2026-03-30") == ["03-29 01:00"]


def test_a_time_that_comes_twice_counts_once() -> None:
    assert firings("30 2 * * *", "2026-10-25", "2026-10-26") == ["10-25 00:30"]


def test_a_zone_whose_clocks_move_by_half_an_hour() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    assert firings("15 2 4 10 *", "2026-10-03", "2026-10-05", lord_howe) == ["10-03 15:30"]


def test_lists_ranges_steps_and_names() -> None:
    days = firings("0 12 * mar mon-wed,fri", "2026-03-02", "2026-03-09")
    assert days == ["03-02 11:00", "03-03 11:00", "03-04 11:00", "03-06 11:00"]
    assert len(firings("*/15 8-10 * * *", "2026-06-01", "2026-06-02")) == 12
    assert len(firings("5/20 * * * *", "2026-06-01 10:00", "2026-06-01 11:00")) == 3


def test_seven_is_sunday() -> None:
    sundays = firings("0 12 * * 7", "2026-03-01", "2026-03-09")
    assert sundays == firings("0 12 * * 0", "2026-03-01", "2026-03-09")
    assert sundays == ["03-01 11:00", "03-08 11:00"]


def test_either_day_field_matches_if_both_are_restricted() -> None:
    assert firings("0 12 15 * mon", "2026-06-14", "2026-06-17", ZoneInfo("UTC")) == ["06-15 12:00"]
    assert len(firings("0 12 16 * mon", "2026-06-14", "2026-06-17", ZoneInfo("UTC"))) == 2


def test_a_day_that_not_every_month_has() -> None:
    assert firings("0 12 31 * *", "2026-01-01", "2026-05-01", ZoneInfo("UTC")) == [
        "01-31 12:00",
        "03-31 12:00",
    ]


def test_the_span_has_its_start_and_not_its_end() -> None:
    hour = firings("0 * * * *", "2026-06-01 10:00", "2026-06-01 11:00")
    assert hour == ["06-01 10:00"]


def test_shorthands() -> None:
    assert parse_cron("@Daily") == parse_cron("0 0 * * *")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("* * * *", "cron: '* * * *' has 4 fields, five are needed"),
        ("60 * * * *", "cron: minute '60' is not within 0 to 59"),
        ("* 24 * * *", "cron: hour '24' is not within 0 to 23"),
        ("* * 0 * *", "cron: day of month '0' is not within 1 to 31"),
        ("* * * foo *", "cron: month 'foo' is not within 1 to 12"),
        ("* * * * 8", "cron: day of week '8' is not within 0 to 7"),
        ("9-5 * * * *", "cron: minute '9-5' is not within 0 to 59"),
        ("*/0 * * * *", "cron: minute '*/0' is not within 0 to 59"),
        ("1,,2 * * * *", "cron: minute '' is not within 0 to 59"),
        ("@never", "cron: '@never' has 1 fields, five are needed"),
    ],
)
def test_a_bad_expression_is_refused_by_field(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        parse_cron(text)
