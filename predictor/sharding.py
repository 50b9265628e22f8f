"""Which predictor forecasts which workload: by the partition of the forecast topic that it holds.

Pure: the consumer group that hands partitions out is an adapter's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from models.codec import CodecError
from models.forecast import WorkloadName
from models.forecast_record import (
    Fence,
    Headers,
    decode_fence,
    decode_record,
    decode_workload,
    next_fence,
)
from models.outlook import Outlook

_SEED, _FACTOR, _SHIFT, _WORD = 0x9747B28C, 0x5BD1E995, 24, 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """What came with a partition: the right to publish, and what the log said last.

    ``outlooks`` are the newest ones of our group, by workload; ``workloads`` all that it had.
    """

    fence: Fence
    workloads: frozenset[WorkloadName] = frozenset()
    outlooks: Mapping[WorkloadName, Outlook] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a predictor holds at a time.

    ``partitions`` is how many the topic has, 0 as long as that is not known. ``assigned`` are
    ours by the group's newest word, ``taken`` those of which the log was read to its end.
    ``problem`` says why nothing may be published just now.
    """

    partitions: int = 0
    assigned: frozenset[int] = frozenset()
    taken: Mapping[int, Takeover] = field(default_factory=lambda: MappingProxyType({}))
    problem: str | None = "not in the group yet"

    def partition_of(self, workload: WorkloadName) -> int | None:
        """Return the partition of a workload; None as long as there is no topic."""
        return partition_of(workload, self.partitions) if self.partitions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReport:
    """What one predictor has of the whole, for health and metrics.

    ``publishing`` are the partitions that it may publish for, of the ``assigned`` ones;
    ``problem`` says why it may not just now.
    """

    partitions: int
    assigned: tuple[int, ...]
    publishing: tuple[int, ...]
    workloads: tuple[WorkloadName, ...]
    problem: str | None

    def why_unready(self) -> str | None:
        """Say why not all that is ours is published; None if it is."""
        if self.problem is not None:
            return f"the group: {self.problem}"
        if len(self.publishing) < len(self.assigned):
            missing = len(self.assigned) - len(self.publishing)
            return f"the group: {missing} partitions are being taken over"
        return None

    def summary(self) -> str:
        """Say how much is ours."""
        mine, workloads = len(self.assigned), len(self.workloads)
        return f"{mine} of {self.partitions} partitions, {workloads} workloads"


class PartitionLog:
    """A partition as it is read from its beginning: the newest record of each workload.

    Values are decoded at the end alone, as most are outdated when the next is read.
    """

    def __init__(self, *, group: str, generation: int) -> None:
        """Begin with nothing read, to take over in this generation."""
        self._group, self._generation = group, generation
        self._highest: Fence | None = None
        self._newest: dict[bytes, tuple[Fence, bytes, Headers]] = {}

    def take(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Take in the next record; what can't be read is left to those who follow the topic."""
        try:
            fence = decode_fence(headers)
        except CodecError:
            return
        if fence.group != self._group or key is None:
            return
        if self._highest is None or self._highest.yields_to(fence):
            self._highest = fence
        known = self._newest.get(key)
        if known is not None and fence.yields_to(known[0]):
            return
        if value is None:
            self._newest.pop(key, None)
        else:
            self._newest[key] = (fence, value, headers)

    def takeover(self) -> Takeover:
        """Return what comes with the partition, now that all was read."""
        workloads, outlooks = set(), {}
        for key, (_, value, headers) in self._newest.items():
            try:
                workloads.add(decode_workload(key))
                record = decode_record(key, value, headers)
            except (CodecError, ValueError):
                continue
            if record.outlook is not None:
                outlooks[record.workload] = record.outlook
        return Takeover(
            fence=next_fence(self._highest, group=self._group, generation=self._generation),
            workloads=frozenset(workloads),
            outlooks=MappingProxyType(outlooks),
        )


def partition_of(workload: WorkloadName, partitions: int) -> int:
    """Return a workload's partition: the one that Kafka's own clients choose for this key.

    Murmur2 (A. Appleby, 2008) with Kafka's seed, the sign bit cleared, modulo the partitions.

    Raises:
        ValueError: if there is no partition.
    """
    if partitions < 1:
        raise ValueError(f"partitions: {partitions} is not at least 1")
    return (_murmur2(workload.encode()) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    whole = len(data) & ~3
    mixed = _SEED ^ len(data)
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _FACTOR & _WORD
        word = (word ^ word >> _SHIFT) * _FACTOR & _WORD
        mixed = (mixed * _FACTOR & _WORD) ^ word
    if whole < len(data):
        mixed = (mixed ^ int.from_bytes(data[whole:], "little")) * _FACTOR & _WORD
    mixed = (mixed ^ mixed >> 13) * _FACTOR & _WORD
    return mixed ^ mixed >> 15
