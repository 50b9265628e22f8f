from __future__ import annotations

from predictor.read_target import OPEN_SAID_SECONDS, ReadTarget, read_target

NOW = 1_700_000_000.0


def a_target() -> ReadTarget[str]:
    """All that is written: 10 of the first, of which 6 can be read; 4 of the second."""
    return read_target({"first": 6, "second": 4}, {"first": 10, "second": 3}, asked_at=NOW)


def test_all_is_read_when_what_open_transactions_hold_back_is_read_too() -> None:
    assert not a_target().is_reached({"first": 6, "second": 4})
    assert not a_target().is_reached({"first": 10, "second": 3})
    assert a_target().is_reached({"first": 10, "second": 4})


def test_a_transaction_that_stays_open_holds_its_partition_back() -> None:
    readable, later = {"first": 6, "second": 4}, NOW + OPEN_SAID_SECONDS
    positions = {"first": 6, "second": 4}
    assert a_target().held_back(positions, readable, now=later) == ["first"]
    assert a_target().held_back(positions, readable, now=later - 1) == []
    assert a_target().held_back({**positions, "first": 5}, readable, now=later) == []
    assert a_target().held_back({**positions, "first": 10}, readable, now=later) == []
