"""A second opinion on a replay: attained share and GPU-seconds from its files alone.

Shares no code with the product and imports none of it. A plain simulation in small time steps
with a list of parcels: each step's demand joins the end of the line, the ready replicas serve
from its front, and a parcel is late if its middle leaves the queue too long after it came.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Opinion:
    """What the second opinion found."""

    attained_share: float
    gpu_seconds: float
    demand: float


@dataclass(frozen=True)
class Row:
    """One replica; None where a time never came."""

    started_at: float | None
    ready_at: float | None
    released_at: float | None


def read_replicas(path: Path) -> list[Row]:
    """Read ``replicas.csv``."""

    def seconds(text: str) -> float | None:
        return float(text) if text else None

    with path.open(newline="") as file:
        return [
            Row(
                seconds(line["started_at"]),
                seconds(line["ready_at"]),
                seconds(line["released_at"]),
            )
            for line in csv.DictReader(file)
        ]


def gpu_seconds(rows: Sequence[Row], start: float, end: float) -> float:
    """Add up what each replica costs within the scored part."""
    total = 0.0
    for row in rows:
        if row.started_at is not None:
            until = end if row.released_at is None else min(row.released_at, end)
            total += max(0.0, until - max(row.started_at, start))
    return total


def ready_count(rows: Sequence[Row], instant: float) -> int:
    """Count the replicas that serve at one instant."""
    return sum(
        row.ready_at is not None
        and row.ready_at <= instant
        and (row.released_at is None or instant < row.released_at)
        for row in rows
    )


def judge(
    rows: Sequence[Row],
    requests_per_bin: Sequence[float],
    bin_seconds: float,
    span: tuple[float, float],
    capacity_per_replica: float,
    *,
    wait_seconds: float = 2.0,
    step_seconds: float = 0.1,
) -> Opinion:
    """Play the trace through the replicas; times in seconds since the trace's start."""
    start, end = span
    steps = round((end - start) / step_seconds)
    # Those who came just before the end may still be served in time by the last replicas.
    tail = round(wait_seconds / step_seconds) + 2
    line: deque[list[float]] = deque()
    demand = late = 0.0
    for step in range(steps + tail):
        middle = start + (step + 0.5) * step_seconds
        if step < steps:
            requests = requests_per_bin[int(middle // bin_seconds)]
            if requests > 0:  # NaN, where the trace has a gap, is not
                line.append([middle, requests / bin_seconds * step_seconds])
                demand += line[-1][1]
        ready = ready_count(rows, min(middle, end - step_seconds / 2))
        late += _serve(line, ready * capacity_per_replica * step_seconds, middle - wait_seconds)
    late += sum(amount for _, amount in line)
    share = 1.0 - late / demand if demand else 1.0
    return Opinion(share, gpu_seconds(rows, start, end), demand)


def _serve(line: deque[list[float]], budget: float, came_too_early: float) -> float:
    """Serve from the front of the line; return how much of it had waited too long."""
    late = 0.0
    while line and budget > 0:
        came, amount = line[0]
        served = min(amount, budget)
        budget -= served
        if came <= came_too_early:
            late += served
        if served == amount:
            line.popleft()
        else:
            line[0][1] = amount - served
    return late
