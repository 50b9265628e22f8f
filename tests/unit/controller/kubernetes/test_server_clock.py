"""Whose clock counts when this machine's differs from the API server's."""

from __future__ import annotations

import pytest

from controller.adapters.kubernetes.server_clock import ServerClock
from tests.unit.controller.kubernetes.watched import HandClock

#: 2027-01-15 08:00:00 UTC.
NOW = 1_800_000_000.0
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"


@pytest.mark.parametrize("own", [NOW - 1.5, NOW, NOW + 0.9, NOW + 2.9])
def test_a_clock_that_is_right_but_for_a_moment_is_let_be(own: float) -> None:
    clock = ServerClock(HandClock(own))
    clock.hear(DATE, sent_at=own, received_at=own + 0.1)
    assert (clock(), clock.ahead_seconds) == (own, 0.0)


@pytest.mark.parametrize("wrong", [-300.0, 300.0])
def test_a_clock_that_is_minutes_off_is_moved_to_the_servers(wrong: float) -> None:
    own = HandClock(NOW + wrong)
    clock = ServerClock(own)
    clock.hear(DATE, sent_at=own(), received_at=own() + 0.1)
    assert abs(clock() - NOW) <= 1.0
    moved = clock.ahead_seconds
    own.now += 60.0
    clock.hear("Fri, 15 Jan 2027 08:01:00 GMT", sent_at=own(), received_at=own() + 0.2)
    assert clock.ahead_seconds == moved


def test_a_clock_that_was_set_right_counts_again() -> None:
    own = HandClock(NOW + 300.0)
    clock = ServerClock(own)
    clock.hear(DATE, sent_at=own(), received_at=own())
    own.now = NOW
    clock.hear(DATE, sent_at=own(), received_at=own())
    assert (clock(), clock.ahead_seconds) == (NOW, 0.0)


def test_a_slow_answer_and_one_without_a_date_prove_nothing() -> None:
    clock = ServerClock(HandClock(NOW))
    clock.hear(DATE, sent_at=NOW - 9.0, received_at=NOW + 9.0)
    for date in (None, "", "soon"):
        clock.hear(date, sent_at=NOW + 900.0, received_at=NOW + 900.0)
    assert clock() == NOW
