"""By how much a server's clock is ahead, as its answers tell."""

from __future__ import annotations

import time

import pytest

from models.server_time import ahead_seconds

#: 2027-01-15 08:00:00 UTC.
TOLD, DATE = 1_800_000_000.0, "Fri, 15 Jan 2027 08:00:00 GMT"


def heard(ours: float, *, known: float = 0.0, took: float = 0.0, date: str | None = DATE) -> float:
    """Return the difference once an answer came while our clock was at a time."""
    sent_at = ours - took
    return ahead_seconds(known, date, sent_at=sent_at, received_at=ours, tolerated_seconds=5.0)


@pytest.mark.parametrize("off", [-5.0, 0.0, 5.0])
def test_what_is_tolerated_is_no_difference(off: float) -> None:
    assert heard(TOLD + off) == 0.0
    assert heard(TOLD + off, known=300.0) == 0.0


@pytest.mark.parametrize("off", [-3600.0, -7.0, 7.0, 3600.0])
def test_more_is_known_to_half_a_second_and_stays_while_answers_agree(off: float) -> None:
    assert heard(TOLD + off) == 0.5 - off
    assert heard(TOLD + off, known=2.0 - off) == 2.0 - off


def test_a_slow_answer_proves_no_more_than_that_it_was_given_meanwhile() -> None:
    assert heard(TOLD + 60.0, took=60.0) == 0.0
    assert heard(TOLD + 100.0, took=60.0) == -69.5


@pytest.mark.parametrize(
    "date", ["Fri Jan 15 08:00:00 2027", "Fri, 15 Jan 2027 08:00:00 -0000", f"{DATE}, {DATE}"]
)
def test_a_date_without_a_zone_is_no_local_time(date: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert heard(TOLD, date=date) == 0.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_clock_that_is_set_back_meanwhile_proves_nothing() -> None:
    assert heard(TOLD - 3600.0, took=-3600.0) == 0.0


@pytest.mark.parametrize("date", [None, "", "soon", "Fri, 15 Jan 99999 08:00:00 GMT"])
def test_an_answer_without_a_date_proves_nothing(date: str | None) -> None:
    assert heard(TOLD + 900.0, known=40.0, date=date) == 40.0
