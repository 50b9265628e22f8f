"""The small local store: demand per step, and measurements as opaque JSON, in SQLite.

Never raises to its user: forecasts matter more than their archive. What goes wrong is logged,
and a damaged file is put aside and a new one begun.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from models.forecast import WorkloadName
from models.series import MOST_PER_SECOND, DemandSeries

LOGGER = logging.getLogger(__name__)
T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS demand (
    workload TEXT NOT NULL,
    step_seconds REAL NOT NULL,
    start_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    per_second REAL NOT NULL,
    PRIMARY KEY (workload, step_seconds, start_ms, source)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS measurement (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS measurement_kind ON measurement (kind, number);
"""
KEEP_DEMAND_SECONDS = 30 * 86_400.0
KEEP_MEASUREMENTS = 10_000
#: Some who write wait on an event loop, which must not stand still for whoever holds the file.
BUSY_SECONDS = 0.5
#: A process that begins waits for it: what it can't take up now it has lost.
OPENING_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """One measurement as it was appended."""

    key: str
    json: str


class Store:
    """One file; any thread may call. Without a file it could use, it remembers nothing."""

    def __init__(self, path: Path) -> None:
        """Open the file or begin one."""
        self._path = path
        self._begun_anew = 0
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._doubted: set[WorkloadName] = set()
        with self._lock:
            self._connect()

    @property
    def begun_anew(self) -> int:
        """How often a damaged file was put aside: what had been kept till then is not any more."""
        return self._begun_anew

    def record_demand(self, workload: WorkloadName, source: str, series: DemandSeries) -> None:
        """Keep the known steps of a series; a step kept before gets the newer value."""
        known = np.flatnonzero(~np.isnan(series.values))
        step = series.step_seconds
        rows = [
            (workload, step, round((series.start + i * step) * 1000), source, series.values[i])
            for i in known.tolist()
        ]
        oldest_ms = round((series.end - KEEP_DEMAND_SECONDS) * 1000)

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO demand VALUES (?, ?, ?, ?, ?)", rows)
            connection.execute(
                "DELETE FROM demand WHERE workload = ? AND step_seconds = ? AND start_ms < ?",
                (workload, step, oldest_ms),
            )

        if rows:
            self._with(write, None)

    def demand(
        self, workload: WorkloadName, source: str, *, start: float, end: float, step_seconds: float
    ) -> DemandSeries:
        """Return what was kept of [start, end) under this source; missing where nothing was.

        So is what can't be demand: whoever wrote it, it costs its own step alone, and is said once.
        """
        steps = max(0, round((end - start) / step_seconds))
        values = np.full(steps, np.nan)

        def read(connection: sqlite3.Connection) -> list[tuple[int, object]]:
            return connection.execute(
                "SELECT start_ms, per_second FROM demand "
                "WHERE workload = ? AND step_seconds = ? AND start_ms >= ? AND start_ms < ? "
                "AND source = ?",
                (workload, step_seconds, round(start * 1000), round(end * 1000), source),
            ).fetchall()

        nothing: list[tuple[int, object]] = []
        found = self._with(read, nothing)
        known = [(at, demand) for at, one in found if (demand := _demand(one)) is not None]
        self._note_odd(workload, len(found) - len(known))
        for start_ms, per_second in known:
            place = round((start_ms / 1000 - start) / step_seconds)
            if 0 <= place < steps:
                values[place] = per_second
        return DemandSeries(start=start, step_seconds=step_seconds, values=values)

    def _note_odd(self, workload: WorkloadName, rows: int) -> None:
        if rows and workload not in self._doubted:
            self._doubted.add(workload)
            text = "store %s: demand of %s: rows that can't be demand are skipped: %d"
            LOGGER.warning(text, self._path, workload, rows)

    def append(self, kind: str, key: str, json: str) -> None:
        """Keep one measurement; of each kind the newest 10,000 stay."""
        self.append_all([(kind, key, json)])

    def append_all(self, rows: Collection[tuple[str, str, str]]) -> bool:
        """Keep measurements, each its kind, key and JSON, with one wait for the file at the most.

        False if they could not be kept now, but might be later.
        """

        def write(connection: sqlite3.Connection) -> bool:
            connection.executemany(
                "INSERT INTO measurement (kind, key, json) VALUES (?, ?, ?)", rows
            )
            connection.executemany(
                "DELETE FROM measurement WHERE kind = ? AND number <= (SELECT number FROM "
                "measurement WHERE kind = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
                [(kind, kind, KEEP_MEASUREMENTS) for kind in {row[0] for row in rows}],
            )
            return True

        if not rows or self._connection is None:
            return True
        return self._with(write, False)

    def read(self, kind: str) -> tuple[StoredRow, ...]:
        """Return the measurements of a kind, oldest first."""

        def select(connection: sqlite3.Connection) -> list[tuple[str, str]]:
            return connection.execute(
                "SELECT CAST(key AS TEXT), CAST(json AS TEXT) FROM measurement "
                "WHERE kind = ? ORDER BY number",
                (kind,),
            ).fetchall()

        nothing: list[tuple[str, str]] = []
        return tuple(StoredRow(key=key, json=json) for key, json in self._with(select, nothing))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._disconnect()

    def _with(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Do the work in one transaction; once more in a new file if this one is damaged."""
        with self._lock:
            for _ in range(2):
                if self._connection is None:
                    return otherwise
                try:
                    with self._connection:
                        return work(self._connection)
                except sqlite3.OperationalError as error:
                    LOGGER.error("store %s: not written or read: %s", self._path, error)
                    return otherwise
                except sqlite3.DatabaseError as error:
                    self._begin_anew(error)
            return otherwise

    def _connect(self) -> None:
        until = time.monotonic() + OPENING_SECONDS
        while True:
            try:
                return self._open()
            except sqlite3.OperationalError as error:
                self._disconnect()
                # While another writes, some are refused at once whatever the timeout.
                if error.sqlite_errorcode == sqlite3.SQLITE_BUSY and time.monotonic() < until:
                    time.sleep(BUSY_SECONDS / 10)
                    continue
                LOGGER.error("store %s: can't be opened, nothing is kept: %s", self._path, error)
                return None
            except sqlite3.DatabaseError as error:
                return self._begin_anew(error)

    def _open(self) -> None:
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, check_same_thread=False
        )
        # What is no text costs its own row, which its reader refuses, and not all of its kind.
        self._connection.text_factory = lambda text: text.decode(errors="replace")
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last seconds; the sources still have them.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        self._disconnect()
        aside = self._path.with_name(f"{self._path.name}.damaged-{int(time.time())}")
        LOGGER.error(
            "store %s: damaged (%s); kept as %s, a new one begun", self._path, error, aside
        )
        try:
            self._path.rename(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._open()
            self._begun_anew += 1
        except (OSError, sqlite3.Error) as again:
            LOGGER.error("store %s: can't be begun anew: %s", self._path, again)
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _demand(stored: object) -> float | None:
    """Return what SQLite has as demand, whatever type it has it in; None if it can't be."""
    if isinstance(stored, int | float) and 0 <= stored <= MOST_PER_SECOND:
        return float(stored)
    return None
