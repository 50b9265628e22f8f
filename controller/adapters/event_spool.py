"""What is to be told and not confirmed yet, and what was told: in SQLite, in a file or in memory.

A process that is killed finds in the file what it had decided to tell. Any thread may call.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from controller.cloud_event import CloudEvent
from controller.told import Told, told_of_json
from models.fields import CodecError
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)
T = TypeVar("T")
#: Beyond this many that wait, the oldest are given up: a broker is away for days.
MOST_WAITING = 10_000
_BUSY_SECONDS = 2.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workload TEXT NOT NULL,
    kept_at REAL NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS waiting_workload ON waiting (workload, number);
CREATE TABLE IF NOT EXISTS told (workload TEXT PRIMARY KEY, json TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEvent:
    """An event that was not confirmed yet."""

    number: int
    workload: WorkloadName
    json: str


class EventSpool:
    """The outbox; events and what is told by them are kept together or not at all."""

    def __init__(self, path: Path | None = None, *, most_waiting: int = MOST_WAITING) -> None:
        """Open the file or begin one; None keeps everything in memory.

        Raises:
            OSError: in one line, if the file can't be used.
        """
        self._path, self._most = path, most_waiting
        self._lock = threading.Lock()
        self.dropped = 0
        try:
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=_BUSY_SECONDS,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A killed process loses nothing by it; a power cut may take the last seconds.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise OSError(f"{path}: can't keep events: {error}") from error

    def told(self) -> dict[WorkloadName, Told]:
        """Return what was told; what can't be read is told anew, under the same ids."""
        rows = self._do(lambda db: db.execute("SELECT workload, json FROM told").fetchall())
        told = {}
        for workload, text in rows:
            try:
                told[WorkloadName(workload)] = told_of_json(text)
            except CodecError as error:
                _log.warning("%s: what was told of it can't be read: %s", workload, error)
        return told

    def keep(
        self, events: Sequence[CloudEvent], told: Mapping[WorkloadName, Told | None], now: float
    ) -> None:
        """Add events, and what is told with them (None forgets a workload), in one transaction.

        Raises:
            OSError: if it can't be kept.
        """
        rows = [(event.workload, now, event.to_json()) for event in events]
        kept = [(name, one.to_json()) for name, one in told.items() if one is not None]
        gone = [(name,) for name, one in told.items() if one is None]

        def write(db: sqlite3.Connection) -> int:
            db.executemany("INSERT INTO waiting (workload, kept_at, json) VALUES (?, ?, ?)", rows)
            db.executemany("INSERT OR REPLACE INTO told VALUES (?, ?)", kept)
            db.executemany("DELETE FROM told WHERE workload = ?", gone)
            excess = _count(db) - self._most
            if excess > 0:
                db.execute(
                    "DELETE FROM waiting WHERE number IN "
                    "(SELECT number FROM waiting ORDER BY number LIMIT ?)",
                    (excess,),
                )
            return max(0, excess)

        self.dropped += self._do(write)

    def first_of_each(self, most: int) -> list[WaitingEvent]:
        """Return the oldest event of each workload."""
        rows = self._do(
            lambda db: db.execute(
                "SELECT number, workload, json FROM waiting WHERE number IN "
                "(SELECT MIN(number) FROM waiting GROUP BY workload) ORDER BY number LIMIT ?",
                (most,),
            ).fetchall()
        )
        return [
            WaitingEvent(number=number, workload=WorkloadName(workload), json=text)
            for number, workload, text in rows
        ]

    def confirm(self, events: Sequence[WaitingEvent]) -> None:
        """Let go of events that are safe where they were sent."""
        numbers = [(event.number,) for event in events]
        self._do(lambda db: db.executemany("DELETE FROM waiting WHERE number = ?", numbers))

    def give_up(self, events: Sequence[WaitingEvent]) -> None:
        """Let go of events that can never be sent, and count them as dropped."""
        self.confirm(events)
        self.dropped += len(events)

    def forget_before(self, at: float) -> None:
        """Let go of what was kept before a time, for others will have told it."""
        self._do(lambda db: db.execute("DELETE FROM waiting WHERE kept_at < ?", (at,)))

    def waiting(self) -> int:
        """Return how many events are not confirmed."""
        return self._do(_count)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._lock, self._connection:
                return work(self._connection)
        except sqlite3.Error as error:
            raise OSError(f"{self._path or 'events'}: {error}") from error


def _count(db: sqlite3.Connection) -> int:
    [(count,)] = db.execute("SELECT COUNT(*) FROM waiting")
    return int(count)
