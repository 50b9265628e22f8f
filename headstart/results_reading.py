"""The files of a replay, read back; what is wrong with one is said in one line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import UsageError, shown
from headstart.results import PLAN_COLUMNS, REPLICA_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRow:
    """One replica of ``replicas.csv``; times in seconds since the trace's start."""

    replica: str
    node: str
    kind: str
    decided_at: float | None
    started_at: float | None
    ready_at: float | None
    released_at: float | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One plan of ``plans.csv``; ``time`` in seconds since the trace's start."""

    time: float
    demand_per_second: float | None
    target: int
    floor: int
    reactive: int
    ready: int
    restoring: int
    lead_time_seconds: float
    quantile_level: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of a file, with what is needed to complain about it."""

    place: str
    fields: Mapping[str, str]

    def optional(self, name: str) -> float | None:
        """Return a number, None if the field is empty."""
        text = self.fields[name]
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UsageError(
                f"{self.place}: {name}: {shown(text)} is not allowed: must be a number"
            )
        return value

    def number(self, name: str) -> float:
        """Return a number that must be there."""
        value = self.optional(name)
        if value is None:
            raise UsageError(f"{self.place}: {name}: '' is not allowed: must be a number")
        return value

    def count(self, name: str) -> int:
        """Return a whole number of at least 0."""
        text = self.fields[name]
        if not (text.isascii() and text.isdigit()):
            raise UsageError(
                f"{self.place}: {name}: {shown(text)} is not allowed: "
                "must be a whole number of at least 0"
            )
        return int(text)


def read_replicas(path: Path) -> tuple[ReplicaRow, ...]:
    """Read ``replicas.csv``.

    Raises:
        UsageError: if it can't be read, or a field is wrong.
    """
    return tuple(
        ReplicaRow(
            replica=line.fields["replica"],
            node=line.fields["node"],
            kind=line.fields["kind"],
            decided_at=line.optional("decided_at"),
            started_at=line.optional("started_at"),
            ready_at=line.optional("ready_at"),
            released_at=line.optional("released_at"),
            outcome=line.fields["outcome"],
        )
        for line in _lines(path, REPLICA_COLUMNS)
    )


def read_plans(path: Path) -> tuple[PlanRow, ...]:
    """Read ``plans.csv``.

    Raises:
        UsageError: if it can't be read, or a field is wrong.
    """
    return tuple(
        PlanRow(
            time=line.number("time"),
            demand_per_second=line.optional("demand_per_second"),
            target=line.count("target"),
            floor=line.count("floor"),
            reactive=line.count("reactive"),
            ready=line.count("ready"),
            restoring=line.count("restoring"),
            lead_time_seconds=line.number("lead_time_seconds"),
            quantile_level=line.number("quantile_level"),
            reason=line.fields["reason"],
        )
        for line in _lines(path, PLAN_COLUMNS)
    )


def _lines(path: Path, columns: tuple[str, ...]) -> Iterator[_Line]:
    """Yield the lines of a CSV file that begins with the header wanted."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not a text file: must be one that a replay wrote") from None
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from error
    reader = csv.reader(text.splitlines())
    header = next(reader, [])
    if tuple(header) != columns:
        raise UsageError(
            f"{path}:1: header: {shown(','.join(header))} is not allowed: "
            f"must be {','.join(columns)}"
        )
    for fields in reader:
        place = f"{path}:{reader.line_num}"
        if len(fields) != len(columns):
            raise UsageError(
                f"{place}: {len(fields)} fields are not allowed: must be {len(columns)}"
            )
        yield _Line(place=place, fields=dict(zip(columns, fields, strict=True)))
