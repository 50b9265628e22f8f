"""The store on real files: whole, damaged, and where none can be."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from predictor.adapters.store import BUSY_SECONDS, KEEP_DEMAND_SECONDS, Store, StoredRow
from tests.unit.predictor.builders import CHAT, NAN, START, STEP, a_series


def kept(store: Store, first: int, last: int, source: str = "combined") -> list[float]:
    series = store.demand(
        CHAT, source, start=START + first * STEP, end=START + last * STEP, step_seconds=STEP
    )
    return [float(one) for one in series.values]


def test_known_demand_outlives_the_process(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "headstart.db")
    store.record_demand(CHAT, "combined", a_series(1, NAN, 3))
    store.close()
    assert_array_equal(kept(Store(tmp_path / "new" / "headstart.db"), -1, 4), [NAN, 1, NAN, 3, NAN])


def test_a_step_kept_twice_has_the_newer_value(tmp_path: Path) -> None:
    store = Store(tmp_path / "headstart.db")
    store.record_demand(CHAT, "combined", a_series(1, 2))
    store.record_demand(CHAT, "combined", a_series(9, NAN))
    assert kept(store, 0, 2) == [9, 2]


def test_what_was_measured_otherwise_is_not_this_demand(tmp_path: Path) -> None:
    store = Store(tmp_path / "headstart.db")
    store.record_demand(CHAT, "combined 0f1e", a_series(1, 2))
    store.record_demand(CHAT, "combined 77aa", a_series(NAN, 9))
    assert kept(store, 0, 2, "combined 0f1e") == [1, 2]
    assert_array_equal(kept(store, 0, 2, "combined 77aa"), [NAN, 9])


def test_demand_that_is_too_old_is_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path / "headstart.db")
    store.record_demand(CHAT, "combined", a_series(1, 2))
    store.record_demand(CHAT, "combined", a_series(3, start=START + KEEP_DEMAND_SECONDS))
    assert_array_equal(kept(store, 0, 2), [NAN, 2])


def test_measurements_come_back_in_order_by_kind(tmp_path: Path) -> None:
    store = Store(tmp_path / "headstart.db")
    store.append("lead-time", "chat", '{"seconds": 60}')
    store.append("other", "chat", "{}")
    store.append("lead-time", "code", '{"seconds": 70}')
    assert store.read("lead-time") == (
        StoredRow(key="chat", json='{"seconds": 60}'),
        StoredRow(key="code", json='{"seconds": 70}'),
    )


@pytest.mark.parametrize("garbage", [b"not a database" * 200, b"SQLite format 3\0" + b"\7" * 5000])
def test_a_damaged_file_is_put_aside_and_a_new_one_begun(
    tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "headstart.db"
    path.write_bytes(garbage)
    store = Store(path)
    store.append("lead-time", "chat", "{}")
    assert len(store.read("lead-time")) == 1
    (aside,) = tmp_path.glob("headstart.db.damaged-*")
    assert aside.read_bytes() == garbage
    assert aside.name in caplog.text
    store.close()


def test_a_file_damaged_in_use_is_put_aside_too(tmp_path: Path) -> None:
    path = tmp_path / "headstart.db"
    store = Store(path)
    for number in range(500):
        store.append("lead-time", str(number), "x" * 100)
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    store = Store(path)
    store.append("lead-time", "chat", "{}")
    store.record_demand(CHAT, "combined", a_series(1))
    assert store.read("lead-time")[-1:] in ((), (StoredRow(key="chat", json="{}"),))
    assert kept(store, 0, 1) == [1]
    store.close()


def test_without_a_place_for_a_file_nothing_is_kept_and_nobody_is_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.ERROR):
        store = Store(tmp_path / "file" / "headstart.db")
    store.append("lead-time", "chat", "{}")
    store.record_demand(CHAT, "combined", a_series(1))
    assert store.read("lead-time") == ()
    assert_array_equal(kept(store, 0, 1), [NAN])
    assert "nothing is kept" in caplog.text


@pytest.mark.parametrize("odd", ["abc", float("inf"), -1.0, 1e308, b"odd"])
def test_a_row_that_can_t_be_demand_costs_its_step_alone_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, odd: object
) -> None:
    store = Store(tmp_path / "headstart.db")
    store.record_demand(CHAT, "combined", a_series(1, 2, 3))
    with contextlib.closing(sqlite3.connect(tmp_path / "headstart.db")) as other, other:
        other.execute("UPDATE demand SET per_second = ? WHERE per_second = 2", (odd,))
    for _ in range(2):
        assert_array_equal(kept(store, 0, 3), [1, NAN, 3])
    [line] = caplog.messages
    assert line.endswith(f"demand of {CHAT}: rows that can't be demand are skipped: 1")


def test_a_file_that_somebody_holds_is_waited_for_once_whatever_is_to_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "headstart.db")
    rows = [("start", "chat", str(number)) for number in range(50)]
    with contextlib.closing(sqlite3.connect(tmp_path / "headstart.db")) as other, other:
        other.execute("BEGIN EXCLUSIVE")
        assert not store.append_all(rows)
    assert len(caplog.messages) == 1
    assert store.append_all(rows)
    assert [row.json for row in store.read("start")] == [str(number) for number in range(50)]


@pytest.mark.parametrize("hold", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_process_that_begins_waits_for_whoever_holds_the_file(tmp_path: Path, hold: str) -> None:
    path = tmp_path / "headstart.db"
    Store(path).close()
    held = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    held.execute("PRAGMA journal_mode = DELETE")
    held.execute(f"BEGIN {hold}")
    let_go = threading.Timer(4 * BUSY_SECONDS, lambda: held.execute("COMMIT"))
    let_go.start()
    store = Store(path)
    let_go.join()
    held.close()
    store.append("start", "chat", "{}")
    assert [row.key for row in store.read("start")] == ["chat"]
    store.close()


def test_a_row_that_is_no_text_costs_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path / "headstart.db")
    for key in ("chat", "code"):
        store.append("start", key, '{"seconds": 1}')
    with contextlib.closing(sqlite3.connect(tmp_path / "headstart.db")) as other, other:
        other.execute("UPDATE measurement SET json = CAST(x'7bff7d' AS TEXT) WHERE key = 'chat'")
    assert store.read("start") == (
        StoredRow(key="chat", json="{\ufffd}"),
        StoredRow(key="code", json='{"seconds": 1}'),
    )
    store.close()
