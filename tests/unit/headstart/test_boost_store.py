from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from controller.adapters.boost_memory import LocalBoosts
from controller.boosts import Alert, Boost, BoostLimits
from controller.errors import BoostsNotKeptError
from headstart.boost_store import stored_boosts
from predictor.adapters.store import Store
from tests.builders import CHAT

NOW = 1_000.0


def an_alert(name: str = "a", *, replicas: float = 2.0, is_firing: bool = True) -> Alert:
    boost = Boost(replicas=replicas)
    return Alert(fingerprint=name, workload=CHAT, boost=boost, is_firing=is_firing)


async def hear(boosts: LocalBoosts, *alerts: Alert, now: float = NOW) -> None:
    before = boosts.known().at(now, BoostLimits())
    after, _ = before.with_alerts(alerts, now=now, limits=BoostLimits())
    await boosts.keep(before, after)


def begun(folder: Path) -> LocalBoosts:
    """Return the boosts of a process that has just begun."""
    return stored_boosts(Store(folder / "state.db"), lambda: None)


async def test_boosts_and_their_ends_outlive_a_restart(tmp_path: Path) -> None:
    first = begun(tmp_path)
    await hear(first, an_alert("a"), an_alert("b", replicas=5.0))
    await hear(first, an_alert("b", is_firing=False))
    again = begun(tmp_path)
    assert again.known() == first.known()
    assert dict(again.known().in_force(NOW, BoostLimits())) == {CHAT: Boost(replicas=2.0)}
    assert dict(again.known().in_force(NOW + 600.0, BoostLimits())) == {}


async def test_what_can_t_be_read_is_skipped_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "state.db")
    for text in ("{", "[]", '{"id": "a"}', '{"id": "b", "replicas": -1}'):
        store.append("boost", CHAT, text)
    assert stored_boosts(store, lambda: None).known().heard == {}
    assert len(caplog.records) == 4


async def test_without_a_store_they_are_kept_while_the_process_lives() -> None:
    changes: list[None] = []
    boosts = stored_boosts(None, lambda: changes.append(None))
    await hear(boosts, an_alert())
    await hear(boosts, an_alert(), now=NOW + 500.0)
    assert len(changes) == 1
    await hear(boosts, an_alert(is_firing=False), now=NOW + 501.0)
    assert len(changes) == 2
    assert dict(boosts.known().in_force(NOW + 501.0, BoostLimits())) == {}


async def test_what_can_t_be_written_now_is_in_force_refused_and_written_with_the_next_word(
    tmp_path: Path,
) -> None:
    boosts = begun(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as other, other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BoostsNotKeptError, match="can't be written down now"):
            await hear(boosts, *(an_alert(str(number)) for number in range(20)))
    assert dict(boosts.known().in_force(NOW, BoostLimits())) == {CHAT: Boost(replicas=2.0)}
    assert begun(tmp_path).known().heard == {}
    # Told again, as after any 503, nothing about it is new.
    await hear(boosts, an_alert("0"))
    assert begun(tmp_path).known() == boosts.known()


async def test_where_no_file_can_be_alerts_are_taken_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    boosts = begun(tmp_path)
    await hear(boosts, an_alert())
    assert dict(boosts.known().in_force(NOW, BoostLimits())) == {CHAT: Boost(replicas=2.0)}
