"""What every policy is judged on: one demand, one objective, and replicas as step functions.

No policy and no verdict in here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from models.forecast import FloatArray


class ReplicaTimes(Protocol):
    """When one replica was paid and when it served; None where that never came."""

    @property
    def started_at(self) -> float | None:
        """When its GPU began to be paid."""
        ...

    @property
    def ready_at(self) -> float | None:
        """When it began to serve."""
        ...

    @property
    def released_at(self) -> float | None:
        """When its GPU was given back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """A count that changes at instants: ``counts[i]`` holds from ``times[i]`` on, 0 before."""

    times: FloatArray
    counts: FloatArray

    @classmethod
    def from_changes(cls, up: FloatArray, down: FloatArray) -> Steps:
        """Count one more from each instant of ``up`` and one less from each of ``down``."""
        instants = np.concatenate([up, down])
        changes = np.concatenate([np.ones(len(up)), -np.ones(len(down))])
        times, place = np.unique(instants, return_inverse=True)
        return cls(times=times, counts=np.cumsum(np.bincount(place, changes, len(times))))

    def at(self, instants: FloatArray) -> FloatArray:
        """Return the count at each instant."""
        held = np.concatenate([[0.0], self.counts])
        return np.asarray(held[np.searchsorted(self.times, instants, side="right")])

    def area(self, start: float, end: float) -> float:
        """Return the integral of the count over [start, end), in count-seconds."""
        inside = self.times[(self.times > start) & (self.times < end)]
        edges = np.concatenate([[start], inside, [end]])
        return float(np.dot(self.at(edges[:-1]), np.diff(edges)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Capacity:
    """How many replicas serve, and for how many GPUs are paid, over time."""

    ready: Steps
    paid: Steps

    @classmethod
    def from_records(cls, records: Iterable[ReplicaTimes]) -> Capacity:
        """Count replicas: paid from start to release, ready from readiness to release."""
        rows = [(r.started_at, r.ready_at, r.released_at) for r in records]
        started, ready, released = (
            np.array([np.nan if value is None else value for value in column], dtype=np.float64)
            for column in (zip(*rows, strict=True) if rows else ((), (), ()))
        )
        return cls(ready=_between(ready, released), paid=_between(started, released))

    @classmethod
    def from_counts(cls, times: FloatArray, counts: FloatArray) -> Capacity:
        """Take counts that are ready as soon as they are paid."""
        steps = Steps(times=times, counts=counts)
        return cls(ready=steps, paid=steps)


def _between(begins: FloatArray, ends: FloatArray) -> Steps:
    """Count what has begun and not ended; NaN never comes, and what never began never ends."""
    began = ~np.isnan(begins)
    # A replica cancelled while it was restoring may be released before it would have been ready.
    began &= ~(ends <= begins)
    return Steps.from_changes(begins[began], ends[began & ~np.isnan(ends)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """The demand, the scored part of it, and the objective.

    ``demand_per_second[i]`` arrives evenly during the ``bin_seconds`` that begin at
    ``origin + i * bin_seconds``; NaN is missing and carries no demand. ``start`` and ``end``
    bound the scored part, on the same clock as ``origin`` and the replicas' times.
    ``attainment`` is the share of requests that shall wait less than ``wait_seconds``.
    ``min_replicas`` and ``max_replicas`` are the policy's limits, for all who are no bound.
    """

    demand_per_second: FloatArray
    bin_seconds: float
    start: float
    end: float
    capacity_per_replica: float
    wait_seconds: float = 2.0
    attainment: float = 0.99
    gpus_per_replica: int = 1
    origin: float = 0.0
    min_replicas: int = 0
    max_replicas: int | None = None

    def __post_init__(self) -> None:
        """Refuse a trial that can't be judged.

        Raises:
            ValueError: if the span is empty, or capacity or bins are not above 0.
        """
        if self.bin_seconds <= 0:
            raise ValueError(f"bin_seconds: {self.bin_seconds} is not above 0")
        if self.capacity_per_replica <= 0:
            raise ValueError(f"capacity_per_replica: {self.capacity_per_replica} is not above 0")
        if self.end <= self.start:
            raise ValueError(f"end: {self.end} is not after the start, {self.start}")

    def rate_at(self, instants: FloatArray) -> FloatArray:
        """Return the demand per second at each instant; 0 where missing or not known."""
        place = np.floor((instants - self.origin) / self.bin_seconds).astype(np.int64)
        known = (place >= 0) & (place < len(self.demand_per_second))
        rates = np.zeros(len(instants))
        rates[known] = np.nan_to_num(self.demand_per_second[place[known]])
        return rates

    def edges(self) -> FloatArray:
        """Return the instants within the scored part where demand may change, ends included."""
        first = int(np.floor((self.start - self.origin) / self.bin_seconds)) + 1
        last = int(np.ceil((self.end - self.origin) / self.bin_seconds))
        inside = self.origin + np.arange(first, last) * self.bin_seconds
        inside = inside[(inside > self.start) & (inside < self.end)]
        return np.concatenate([[self.start], inside, [self.end]])

    def within_limits(self, count: int) -> int:
        """Return the number of replicas nearest to ``count`` that the policy allows."""
        count = max(count, self.min_replicas)
        return count if self.max_replicas is None else min(count, self.max_replicas)

    def to(self, end: float) -> Trial:
        """Return the trial with its scored part ending at ``end``."""
        return replace(self, end=end)
