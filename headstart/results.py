"""The files that a replay or backtest leaves behind, each written whole or not at all.

Times are seconds since the trace's start; what never came is empty. Numbers are rounded to what
a reader can use: times to a millisecond, other values to six digits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from headstart.output import write_whole
from headstart.parking_tally import ParkingTally
from headstart.plan_log import COLUMNS, PlanLog
from headstart.scoring import Score
from headstart.trial import ReplicaTimes
from models.forecast import FloatArray

REPLICA_COLUMNS = (
    "replica",
    "node",
    "kind",
    "decided_at",
    "started_at",
    "ready_at",
    "released_at",
    "outcome",
)
PLAN_COLUMNS = (*COLUMNS, "reason")
#: Rows that are formatted in one go: as Python's numbers they take eight times the memory.
ROWS_AT_ONCE = 20_000


class ReplicaLife(ReplicaTimes, Protocol):
    """One row of ``replicas.csv``: a replica's life, on any clock."""

    @property
    def replica(self) -> str:
        """Its name."""
        ...

    @property
    def node(self) -> str:
        """Where it ran."""
        ...

    @property
    def kind(self) -> str:
        """How it came to be: initial, restore, cold."""
        ...

    @property
    def decided_at(self) -> float | None:
        """When it was decided on."""
        ...

    @property
    def outcome(self) -> str:
        """What became of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What ``summary.json`` says; its keys are these names.

    ``attained_share`` and ``gpu_seconds`` are Headstart's; ``comparison`` has the same of every
    other policy, by name (reactive is Kubernetes' HPA). ``objective_attainment`` is None where
    money decides. ``hits`` are restores that were needed while they were ready and had no request
    late in the 10 s before; ``misses`` are requests that waited too long, ``wasted_gpu_seconds``
    GPU time that served nobody. ``parking`` is None, and left out, where restores have one stage;
    where they have two, ``restores`` are those that were given a GPU. ``money`` is what Headstart
    and the others, by name, spend on GPUs and missed requests where money decides, else left out.
    ``notes`` are sentences to be read with the figures, left out where there are none.
    """

    trace: str
    scored_from_seconds: float
    scored_until_seconds: float
    objective_attainment: float | None
    objective_wait_seconds: float
    capacity_per_replica: float
    attained_share: float
    gpu_seconds: float
    restores: int
    failures: int
    hits: int
    misses: float
    wasted_gpu_seconds: float
    wall_seconds: float
    comparison: Mapping[str, Score]
    parking: ParkingTally | None = None
    money: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()

    def content(self) -> dict[str, object]:
        """Return what is written."""
        content = asdict(self)
        for name in ("parking", "money", "notes"):
            if not content[name]:
                del content[name]
        return content


def write_replicas(path: Path, records: Iterable[ReplicaLife], *, origin: float) -> None:
    """Write ``replicas.csv``, in the order of starts; ``origin`` is the trace's start."""

    def rows() -> Iterator[str]:
        yield ",".join(REPLICA_COLUMNS) + "\n"
        for r in sorted(records, key=_began_at):
            when = (r.decided_at, r.started_at, r.ready_at, r.released_at)
            times = ",".join(_seconds(instant, origin) for instant in when)
            yield f"{_text(r.replica)},{_text(r.node)},{r.kind!s},{times},{r.outcome!s}\n"

    write_whole(path, rows())


def write_plans(path: Path, plans: PlanLog) -> None:
    """Write ``plans.csv``, a row a plan; a demand not known is empty."""
    reasons = plans.reasons()

    def rows() -> Iterator[str]:
        yield ",".join(PLAN_COLUMNS) + "\n"
        for first in range(0, plans.count, ROWS_AT_ONCE):
            part = plans.numbers[first : min(first + ROWS_AT_ONCE, plans.count)]
            for number, row in enumerate(part.tolist(), start=first):
                cells = ("" if cell != cell else f"{cell:.10g}" for cell in row)
                yield f"{','.join(cells)},{reasons[number]}\n"

    write_whole(path, rows())


def write_summary(path: Path, summary: Summary) -> None:
    """Write ``summary.json``."""
    content = json.dumps(summary.content(), indent=2, allow_nan=False)
    write_whole(path, [content, "\n"])


def write_forecasts(
    path: Path,
    *,
    origins: FloatArray,
    horizons_seconds: Sequence[float],
    quantiles: Sequence[float],
    values: FloatArray,
) -> None:
    """Write ``forecasts.csv``: ``values[origin, horizon, quantile]`` in the trace's unit per bin.

    ``origins`` are ends of the last bin seen, in seconds since the trace's start. A row with a
    value missing (NaN) is left out: there was no forecast.
    """
    count, horizons = len(origins), len(horizons_seconds)
    table = np.empty((count, horizons, 2 + len(quantiles)))
    table[:, :, 0] = np.asarray(origins)[:, None]
    table[:, :, 1] = np.asarray(horizons_seconds)
    table[:, :, 2:] = values
    flat = table.reshape(count * horizons, -1)
    flat = flat[~np.isnan(flat).any(axis=1)]
    row = ",".join(["%.10g", "%.10g", *["%.6g"] * len(quantiles)]) + "\n"

    def pieces() -> Iterator[str]:
        yield ",".join(["origin", "horizon_seconds", *[f"{q:g}" for q in quantiles]]) + "\n"
        for first in range(0, len(flat), ROWS_AT_ONCE):
            part = flat[first : first + ROWS_AT_ONCE]
            yield row * len(part) % tuple(part.ravel().tolist())

    write_whole(path, pieces())


def _began_at(record: ReplicaLife) -> float:
    """Return when a replica started, or when it was decided on if it never had a GPU."""
    began_at = record.decided_at if record.started_at is None else record.started_at
    return began_at or 0.0


def _seconds(instant: float | None, origin: float) -> str:
    """Return seconds since the origin, to a millisecond; empty for None."""
    return "" if instant is None else f"{round(instant - origin, 3) + 0.0:.10g}"


def _text(value: str) -> str:
    """Return a CSV field, quoted where it must be."""
    if any(mark in value for mark in ',"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value
