"""The outbox on a real file: what was kept outlives a kill, in order and bounded."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

from controller.adapters.event_spool import EventSpool
from controller.adapters.event_teller import STANDBY_KEEPS_SECONDS, EventTeller
from controller.cluster_view import Phase
from controller.told import Told
from models.forecast import WorkloadName
from tests.builders import CHAT, a_fleet, a_replica

OTHER = WorkloadName("other")
RESTORING = a_replica(phase=Phase.RESTORING)


def a_teller(spool: EventSpool, *, leads: bool = True) -> EventTeller:
    return EventTeller(spool, is_leading=lambda: leads, wake=lambda: None)


def ids(spool: EventSpool) -> list[str]:
    """Return the ids that wait, sending all of them."""
    found = []
    while lot := spool.first_of_each(10):
        found += [one.json.split('"id": "')[1].split('"')[0] for one in lot]
        spool.confirm(lot)
    return found


def test_what_was_kept_is_there_for_the_next_process(tmp_path: Path) -> None:
    killed = EventSpool(tmp_path / "spool")  # never closed
    a_teller(killed).witness(a_fleet(RESTORING))
    spool = EventSpool(tmp_path / "spool")
    a_teller(spool).witness(a_fleet(a_replica()))
    assert ids(spool) == ["restore.started/chat-1", "restore.ready/chat-1"]


def test_one_event_of_each_workload_is_handed_out_and_again_until_confirmed() -> None:
    spool = EventSpool()
    a_teller(spool).witness(a_fleet(a_replica(), a_replica("other-1", workload=OTHER)))
    first = spool.first_of_each(10)
    assert sorted(one.workload for one in first) == [CHAT, OTHER]
    assert spool.first_of_each(10) == first
    spool.confirm(first[:1])
    assert spool.waiting() == 3


def test_the_oldest_are_given_up_and_counted_when_too_many_wait() -> None:
    spool = EventSpool(most_waiting=2)
    a_teller(spool).witness(a_fleet(a_replica(), a_replica("chat-2", started_at=5.0)))
    assert spool.dropped == 2
    assert ids(spool) == ["restore.ready/chat-1", "restore.ready/chat-2"]


def test_who_does_not_lead_keeps_what_it_saw_for_a_while_only() -> None:
    spool = EventSpool()
    teller = a_teller(spool, leads=False)
    teller.witness(a_fleet(RESTORING, seen_at=100.0))
    teller.witness(a_fleet(RESTORING, seen_at=100.0 + STANDBY_KEEPS_SECONDS))
    assert spool.waiting() == 1
    teller.witness(a_fleet(RESTORING, seen_at=101.0 + STANDBY_KEEPS_SECONDS))
    assert spool.waiting() == 0


def test_a_leader_whose_lease_is_late_for_a_moment_forgets_nothing() -> None:
    spool, lease = EventSpool(), {"is_held": True}
    teller = EventTeller(spool, is_leading=lambda: lease["is_held"], wake=lambda: None)
    teller.witness(a_fleet(RESTORING, seen_at=100.0))
    lease["is_held"] = False
    teller.witness(a_fleet(RESTORING, seen_at=9_000.0))
    teller.witness(a_fleet(RESTORING, seen_at=9_100.0))
    assert spool.waiting() == 1


def test_what_can_t_be_rendered_costs_no_tick() -> None:
    spool = EventSpool()
    teller = a_teller(spool)
    teller.witness(a_fleet(a_replica(started_at=math.nan)))
    assert spool.waiting() == 0


def test_a_file_that_fails_costs_no_tick_and_what_it_missed_is_told_later(tmp_path: Path) -> None:
    file = tmp_path / "spool"
    spool = EventSpool(file)
    teller = a_teller(spool)
    with sqlite3.connect(file) as db:
        db.execute("ALTER TABLE waiting RENAME TO away")
    db.close()
    teller.witness(a_fleet(RESTORING))
    with sqlite3.connect(file) as db:
        db.execute("ALTER TABLE away RENAME TO waiting")
    db.close()
    teller.witness(a_fleet(a_replica()))
    assert ids(spool) == ["restore.started/chat-1", "restore.ready/chat-1"]


def test_what_can_t_be_read_is_told_anew(tmp_path: Path) -> None:
    file = tmp_path / "spool"
    EventSpool(file).keep([], {CHAT: Told()}, 0.0)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE told SET json = 'x'")
    db.close()
    assert EventSpool(file).told() == {}


def test_a_file_that_can_t_be_had_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="can't keep events"):
        EventSpool(tmp_path / "no" / "spool")
