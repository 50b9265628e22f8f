"""What the loop learned is there after a restart."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.level_account import Account
from controller.objective import Calibration
from controller.outcomes import Outcomes
from controller.shadow_fleets import LEVELS, Shadows
from controller.tick_report import TickReport
from controller.tick_state import TickState, WorkloadState
from headstart.loop_memory import LoopMemory, remembered
from models.codec import encode_measurement
from models.forecast import WorkloadName
from models.lead_time import LeadTimeKey, LeadTimeMeasurement, LeadTimes, learn, measurements
from predictor.adapters.store import Store
from tests.unit.bad_memories import BAD_MEMORIES

CHAT = WorkloadName("chat")


def a_start(at: float) -> LeadTimeMeasurement:
    return LeadTimeMeasurement(key=LeadTimeKey(snapshot="llama"), at=at, seconds=12.5, ready=True)


def a_state(*starts: LeadTimeMeasurement, level: float = 3.25) -> TickState:
    lead_times = LeadTimes()
    for start in starts:
        lead_times = learn(lead_times, start)
    workload = WorkloadState(
        calibration=Calibration(level=level, lead_time_quantile=0.93),
        outcomes=Outcomes(peak_per_second=80.0, usual_per_second=20.0, seen_seconds=600.0),
    )
    return TickState(workloads={CHAT: workload}, lead_times=lead_times)


def test_starts_and_calibration_come_back(tmp_path: Path) -> None:
    states = [TickState(), a_state(a_start(1.0)), a_state(a_start(1.0), a_start(2.0), level=4.0)]
    store = Store(tmp_path / "state.db")
    memory = LoopMemory(store, lambda: states[0])
    for tick in (0.0, 60.0, 120.0):
        memory.observe(TickReport(now=tick, fleet=None))
        states = states[1:] or states
    store.close()

    state = remembered(again := Store(tmp_path / "state.db"))
    again.close()

    assert measurements(state.lead_times) == (a_start(1.0), a_start(2.0))
    assert state.workloads == a_state(level=4.0).workloads


def test_a_start_is_stored_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    state = a_state(a_start(1.0))
    memory = LoopMemory(store, lambda: state)
    state = a_state(a_start(1.0), a_start(2.0))
    for tick in range(3):
        memory.observe(TickReport(now=float(tick), fleet=None))
        state = replace(state)

    assert len(store.read("start")) == 1
    store.close()


def test_what_comes_while_another_holds_the_file_is_kept_once_it_is_let_go(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    state = TickState()
    memory = LoopMemory(store, lambda: state)
    state = a_state(a_start(1.0))
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as other, other:
        other.execute("BEGIN EXCLUSIVE")
        memory.observe(TickReport(now=0.0, fleet=None))
    assert store.read("start") == store.read("calibration") == ()

    for tick in (5.0, 10.0):
        memory.observe(TickReport(now=tick, fleet=None))

    kept = remembered(store)
    rows = [len(store.read(kind)) for kind in ("start", "calibration")]
    store.close()
    assert measurements(kept.lead_times) == (a_start(1.0),)
    assert kept.workloads == state.workloads
    assert rows == [1, 1]


def test_a_file_found_damaged_has_all_starts_again_a_tick_later(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with contextlib.closing(Store(path)) as store:
        store.append_all([("start", "llama", "x" * 100) for _ in range(500)])
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    store = Store(path)
    state = a_state(a_start(1.0))
    memory = LoopMemory(store, lambda: state)
    for tick in (60.0, 65.0):
        state = replace(state, lead_times=learn(state.lead_times, a_start(tick)))
        memory.observe(TickReport(now=tick, fleet=None))

    kept = remembered(store)
    store.close()
    assert store.begun_anew == 1
    # The newest came first into the new file; each of them is there once.
    ats = [one.at for one in measurements(kept.lead_times)]
    assert sorted(ats) == [1.0, 60.0, 65.0]


def test_a_file_put_aside_while_it_is_taken_up_has_all_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with contextlib.closing(Store(path)) as store:
        store.append("start", "llama", json.dumps(encode_measurement(a_start(1.0))))
        store.append_all([("calibration", "chat", "x" * 4000) for _ in range(500)])
    with contextlib.closing(Store(path)) as store:
        assert [row.key for row in store.read("start")] == ["llama"]
        whole = path.read_bytes()
        path.write_bytes(whole[:16384] + b"\xff" * (len(whole) - 16384))
        store.read("calibration")
        memory = LoopMemory(store, lambda: a_state(a_start(1.0)))
        for tick in (60.0, 65.0):
            memory.observe(TickReport(now=tick, fleet=None))
        assert store.begun_anew == 1
        assert [row.key for row in store.read("start")] == ["llama"]


def test_what_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.append("start", "llama", "no JSON")
    store.append("calibration", "chat", '{"level": "high"}')

    state = remembered(store)
    store.close()

    assert (measurements(state.lead_times), dict(state.workloads)) == ((), {})


@pytest.mark.parametrize(("field", "value"), BAD_MEMORIES)
def test_a_calibration_beyond_what_can_be_learned_is_said_and_costs_nobody_else_theirs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, field: str, value: object
) -> None:
    store = Store(tmp_path / "state.db")
    LoopMemory(store, a_state).observe(TickReport(now=0.0, fleet=None))
    [row] = store.read("calibration")
    store.append("calibration", "code", json.dumps({**json.loads(row.json), field: value}))

    state = remembered(store)
    store.close()

    assert set(state.workloads) == {CHAT}
    [line] = caplog.messages
    assert line.startswith(f"a stored calibration of code can't be used: calibration.{field}: ")


@pytest.mark.parametrize(("field", "value"), [("seconds", 1e308), ("sizeGib", 1.7e308)])
def test_a_start_of_years_or_of_a_size_beyond_all_is_skipped(
    tmp_path: Path, field: str, value: float
) -> None:
    store = Store(tmp_path / "state.db")
    wire = {**encode_measurement(a_start(1.0)), field: value}
    store.append("start", "llama", json.dumps(wire))
    assert measurements(remembered(store).lead_times) == ()
    store.close()


def test_a_clock_that_is_set_back_keeps_no_calibration_from_being_stored(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    memory = LoopMemory(store, a_state)
    for now in (7200.0, 3600.0, 3605.0):
        memory.observe(TickReport(now=now, fleet=None))
    assert len(store.read("calibration")) == 2
    store.close()


def one_that_has_found(late: float) -> WorkloadState:
    each = np.full(len(LEVELS), late)
    found = Shadows(began_at_level=2.5, long=Account.of(9.0, each, each))
    return WorkloadState(calibration=Calibration(level=1.5, lead_time_quantile=0.9), shadows=found)


def test_what_each_has_found_of_levels_is_kept_within_the_hour(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    names = [WorkloadName(f"chat-{number}") for number in range(130)]
    found = {name: one_that_has_found(number / 20) for number, name in enumerate(names)}
    state = TickState(workloads=found)
    memory = LoopMemory(store, lambda: state)
    rows = []
    for minute in range(60):
        memory.observe(TickReport(now=60.0 * minute, fleet=None))
        rows.append(len(store.read("evidence")))

    kept = remembered(store).workloads
    store.close()

    assert max(np.diff(rows)) <= 3
    for number, name in enumerate(names):
        shadows = kept[name].shadows
        assert shadows is not None
        assert shadows.began_at_level == 2.5
        assert shadows.long.late.tolist() == [number / 20] * len(LEVELS)


def test_a_turn_is_over_once_its_evidence_could_be_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    names = [WorkloadName(name) for name in ("chat", "code")]
    state = TickState(workloads={name: one_that_has_found(1.0) for name in names})
    memory = LoopMemory(store, lambda: state)
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as other, other:
        other.execute("BEGIN EXCLUSIVE")
        memory.observe(TickReport(now=0.0, fleet=None))
    for now in (60.0, 120.0):
        memory.observe(TickReport(now=now, fleet=None))
    kept = [row.key for row in store.read("evidence")]
    store.close()
    assert kept == ["chat", "code"]


def test_evidence_that_can_t_be_read_is_said_and_costs_no_calibration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "state.db")
    LoopMemory(store, a_state).observe(TickReport(now=0.0, fleet=None))
    store.append("evidence", CHAT, '{"believedLevel": "high"}')
    store.append("evidence", "deep", "[" * 100_000)
    store.append("calibration", "deep", "[" * 100_000)
    store.append("start", "deep", "[" * 100_000)
    store.append("evidence", "unknown", "{}")

    kept = remembered(store).workloads
    store.close()

    assert kept == a_state().workloads
    *others, line = caplog.messages
    assert [other.split("can't")[0] for other in others] == [
        "a stored start of deep ",
        "a stored calibration of deep ",
    ]
    assert line.startswith("stored evidence of chat can't be used: evidence.believedLevel: 'high'")
