"""Up to which offsets a topic must be read before all is known until a time. Pure: no clock."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

#: A transaction that is open for longer is said to be.
OPEN_SAID_SECONDS = 5.0
Partition = TypeVar("Partition", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTarget(Generic[Partition]):
    """The ends of a topic's partitions as they were asked for, open transactions included."""

    asked_at: float
    offsets: Mapping[Partition, int]

    def is_reached(self, positions: Mapping[Partition, int]) -> bool:
        """Say whether reading is that far."""
        return all(positions[partition] >= offset for partition, offset in self.offsets.items())

    def held_back(
        self, positions: Mapping[Partition, int], readable: Mapping[Partition, int], *, now: float
    ) -> list[Partition]:
        """Return the partitions of which all that is readable was read, for long, yet not all."""
        if now - self.asked_at < OPEN_SAID_SECONDS:
            return []
        return [
            partition
            for partition, offset in self.offsets.items()
            if readable[partition] <= positions[partition] < offset
        ]


def read_target(
    readable: Mapping[Partition, int], written: Mapping[Partition, int], *, asked_at: float
) -> ReadTarget[Partition]:
    """Return what must be read; both ends of each partition were asked for at ``asked_at``.

    Readable is what transactions that are over leave; what is written beyond has yet to come, or
    to be taken back: until then nobody knows what it is.
    """
    offsets = {partition: max(end, written[partition]) for partition, end in readable.items()}
    return ReadTarget(asked_at=asked_at, offsets=offsets)
