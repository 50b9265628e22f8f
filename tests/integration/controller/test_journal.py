import json
import logging
from pathlib import Path

import pytest

from controller.actions import Cancel, Release
from controller.adapters.journal import Journal
from controller.cluster_view import ReplicaName
from controller.tick_report import RefusedAction, TickReport
from tests.builders import a_fleet, a_plan, a_start

CANCEL = Cancel(name=ReplicaName("hung"), reason="not ready after 600 s")
RELEASE = Release(name=ReplicaName("idle"), drain_seconds=30.0, reason="target 1")


def a_report(at: float = 100.0, **others: object) -> TickReport:
    given: dict[str, object] = {"now": at, "fleet": a_fleet(), **others}
    return TickReport(**given)  # type: ignore[arg-type]


def entries(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_was_done_is_written_down_with_its_plan(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.jsonl"
    journal = Journal(path)
    plans = (a_plan(starts=1), a_plan(workload="search"))
    refused = (RefusedAction(action=CANCEL, why="it is ready"),)
    journal.observe(a_report(plans=plans, acted=(a_start(), RELEASE), refused=refused))
    (entry,) = entries(path)
    assert json.dumps(entry["plans"]).count('"workload"') == 1
    assert entry["acted"] == [
        {
            "action": "start",
            "name": "chat-1",
            "reason": "forecast: target 1",
            "workload": "chat",
            "node": "node-00",
            "kind": "restore",
            "attempt": 1,
        },
        {"action": "release", "name": "idle", "reason": "target 1"},
    ]
    assert entry["refused"] == [
        {
            "action": "cancel",
            "name": "hung",
            "reason": "not ready after 600 s",
            "why": "it is ready",
        }
    ]


def test_a_tick_in_which_nothing_happened_is_not_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.observe(a_report(plans=(a_plan(),)))
    assert list(tmp_path.iterdir()) == []


def test_trouble_is_written_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for at, trouble in enumerate(["", "cluster: gone", "cluster: gone", "", ""]):
        journal.observe(a_report(float(at), trouble=trouble))
    assert [(entry["at"], entry["trouble"]) for entry in entries(path)] == [
        (1.0, "cluster: gone"),
        (3.0, ""),
    ]


def test_the_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, most_bytes=1000)
    for at in range(100):
        journal.observe(a_report(float(at), events=("a line",)))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["journal.jsonl", "journal.jsonl.1"]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2000
    assert entries(path)[-1]["at"] == 99.0


def test_a_disk_that_fails_is_said_once_and_costs_only_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "journal.jsonl")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            journal.observe(a_report(events=("a line",)))
    assert [record.message.count("it goes on without") for record in caplog.records] == [1]
