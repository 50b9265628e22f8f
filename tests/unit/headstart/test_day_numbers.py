"""Times that are a spreadsheet's numbers of days, told from seconds that are as large."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.timestamps import day_number_hint, to_epoch_seconds


def hint(texts: list[str], *, is_log: bool) -> str:
    return day_number_hint(texts, to_epoch_seconds(texts), is_log=is_log)


def spaced(first: float, by: float, count: int, decimals: int) -> list[str]:
    return [f"{first + index * by:.{decimals}f}" for index in range(count)]


def arrivals(decimals: int) -> list[str]:
    times = np.random.default_rng(7).uniform(40_000, 43_600, 2_000)
    return [f"{one:.{decimals}f}" for one in sorted(times)]


@pytest.mark.parametrize("count", [401, 3600])
def test_an_hour_of_seconds_is_no_ten_years_of_days(count: int) -> None:
    assert hint(spaced(40_000, 1, count, 0), is_log=False) == ""


@pytest.mark.parametrize("by", [0.5, 0.25, 0.2, 0.1, 0.01, 0.125, 0.025])
def test_parts_of_a_second_are_no_parts_of_a_day(by: float) -> None:
    texts = spaced(40_000, by, 3600, 3)
    assert [hint(texts, is_log=is_log) for is_log in (False, True)] == ["", ""]


@pytest.mark.parametrize("by", [1.0, 0.5])
def test_seconds_may_begin_anywhere_in_one(by: float) -> None:
    # So much of a day is a whole number of its seconds, too.
    assert hint(spaced(40_000 + 900 / 86_400, by, 1000, 6), is_log=False) == ""


@pytest.mark.parametrize("decimals", [0, 1, 2, 3, 4, 5, 6, 9])
def test_a_log_told_in_seconds_is_one(decimals: int) -> None:
    assert hint(arrivals(decimals), is_log=True) == ""


@pytest.mark.parametrize("minutes", [1, 5, 15, 60])
@pytest.mark.parametrize("decimals", [5, 6, 10])
def test_bins_of_minutes_are_told_from_seconds(minutes: int, decimals: int) -> None:
    texts = spaced(46_083, minutes / 1440, 2000, decimals)
    assert hint(texts, is_log=False).startswith(
        "looks like a spreadsheet's number of a day (2026-03-02T00:00:00Z)"
    )


def test_a_year_of_days_is_told_from_seconds_whenever_in_the_day_they_begin() -> None:
    for first in (46_083.0, 46_083 + 6 / 24 + 15 / 1440):
        assert "2026-03-02T0" in hint(spaced(first, 1, 366, 6), is_log=False)


def test_a_log_of_whole_seconds_of_days_is_told_from_seconds() -> None:
    seconds = np.random.default_rng(7).integers(0, 86_400 * 30, 2_000)
    texts = [f"{46_083 + one / 86_400:.6f}" for one in sorted(seconds.tolist())]
    assert "2026-03-02T01:37:15Z" in hint(texts, is_log=True)
