"""What a member of the group holds, shared by the threads that change it and those that ask.

The right to publish is a lease as well: it ends where the broker might have given a partition
to another without our hearing of it, counted from the last time that the broker confirmed us.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from models.forecast_record import Fence
from predictor.sharding import Holding, PartitionLog, Takeover

#: A member that was not heard for this long loses its partitions to the others.
SESSION_SECONDS = 10.0
#: How long a confirmation counts by our own clock: a little less.
LEASE_SECONDS = SESSION_SECONDS - 1.0
#: Whoever lost its membership keeps its workloads in mind so long: mostly they come back.
LOST_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A partition on its way to be ours: what was read, and where that is all."""

    log: PartitionLog
    end: int


class ShardState:
    """Each method may be called by any thread."""

    def __init__(self, group: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing held."""
        self._group, self._monotonic = group, monotonic
        self._lock = threading.Lock()
        self._partitions = 0
        self._assigned: frozenset[int] = frozenset()
        self._readings: dict[int, _Reading] = {}
        self._taken: dict[int, Takeover] = {}
        self._lost_at: float | None = None
        self._confirmed_at = -LEASE_SECONDS
        self._problem = "not in the group yet"

    def holding(self) -> Holding:
        """Return what is held now."""
        with self._lock:
            return Holding(
                partitions=self._partitions,
                assigned=self._assigned,
                taken=MappingProxyType(dict(self._taken)),
                problem=None if self._is_leased() else self._problem,
            )

    def may_publish(self, partition: int, fence: Fence) -> bool:
        """Say whether this right is still ours, to be asked right before each record."""
        with self._lock:
            takeover = self._taken.get(partition)
            return takeover is not None and takeover.fence == fence and self._is_leased()

    def confirm(self, *, asked_at: float) -> None:
        """Note that the broker takes us for a member: the lease counts from when it was asked."""
        with self._lock:
            self._confirmed_at = asked_at
            self._problem = "no word from the group"

    def complain(self, problem: str) -> None:
        """Note what is wrong, to be said once the lease has ended."""
        with self._lock:
            self._problem = problem

    def drop(self, partitions: Iterable[int] | None = None) -> None:
        """Publish no more for these, or for any: they were revoked, or the connection ended."""
        with self._lock:
            everything = self._readings.keys() | self._taken.keys()
            for partition in everything if partitions is None else list(partitions):
                self._readings.pop(partition, None)
                self._taken.pop(partition, None)

    def lose(self) -> None:
        """Note that the group goes on without us: nothing may be published."""
        self.drop()
        with self._lock:
            self._lost_at = self._monotonic()

    def regain(self) -> None:
        """Note that something was assigned again."""
        with self._lock:
            self._lost_at = None

    @property
    def is_lost(self) -> bool:
        """Say whether we were lost, and nothing was assigned since; not for ever."""
        with self._lock:
            lost_at = self._lost_at
        return lost_at is not None and self._monotonic() - lost_at < LOST_SECONDS

    def follow(self, assigned: frozenset[int], *, partitions: int) -> list[int]:
        """Take the group's newest word of what is ours; return what is to be read."""
        self.drop((self._readings.keys() | self._taken.keys()) - assigned)
        with self._lock:
            self._partitions, self._assigned = partitions, assigned
            return sorted(assigned - self._readings.keys() - self._taken.keys())

    def begin(self, partition: int, *, generation: int, end: int) -> None:
        """Expect a partition's records up to the offset ``end``."""
        log = PartitionLog(group=self._group, generation=generation)
        with self._lock:
            self._readings[partition] = _Reading(log=log, end=end)

    def take(self, partition: int, records: Iterable[Any]) -> None:
        """Take in what was read of a partition; nobody asked for what is ours already."""
        reading = self._readings.get(partition)
        if reading is not None:
            for record in records:
                reading.log.take(record.key, record.value, record.headers)

    def unread(self) -> list[tuple[int, int]]:
        """Return the partitions that are being read, and the offsets where that ends."""
        with self._lock:
            return [(partition, one.end) for partition, one in self._readings.items()]

    def take_over(self, partition: int) -> None:
        """Make a partition ours, as all of it was read."""
        reading = self._readings.get(partition)
        if reading is None:
            return
        takeover = reading.log.takeover()
        with self._lock:
            # Gone if the group took it away meanwhile, on the consumer's own thread.
            if self._readings.get(partition) is reading:
                del self._readings[partition]
                self._taken[partition] = takeover

    def _is_leased(self) -> bool:
        return self._monotonic() < self._confirmed_at + LEASE_SECONDS
