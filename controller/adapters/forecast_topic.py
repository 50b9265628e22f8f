"""Outlooks from the compacted topic that predictors publish on; the work of a consumer thread.

Read from the log's beginning at start, and shown once all of that was read: what comes first may
be long outdated. Where several predictors share the workloads, one that has lost a partition may
still be heard late; its records are known by their fence, and skipped.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from kafka_link.client import CALL_TIMEOUT_MS
from models.forecast import WorkloadName
from models.forecast_record import Fence, decode_fence, decode_record, decode_workload
from models.outlook import Outlook, with_refusal

_log = logging.getLogger(__name__)
POLL_MS = 200
CHECK_SECONDS = 1.0
#: A right to publish that was not used for so long does not keep others from being heard.
FENCE_SECONDS = 60.0
POISON_LOG_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The newest record of a workload; ``outlook`` None if it is gone."""

    partition: int
    fence: Fence
    outlook: Outlook | None
    taken_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Why the newest record of a workload is not used."""

    partition: int
    why: str
    at: float


class ForecastTopic:
    """The newest outlook of every workload; what was last known stays while the broker is away.

    ``attach`` and ``turn`` are for the thread that owns the consumer, the rest for anybody.
    ``poison`` counts records that can't be read, ``late`` those of a publisher that had lost its
    turn, ``records`` all others.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with nothing known."""
        self._monotonic, self._clock = monotonic, clock
        self._refused: dict[WorkloadName, _Refusal] = {}
        self._known: dict[WorkloadName, _Known] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._unread: dict[TopicPartition, int] | None = None
        self._checked_at = 0.0
        self._poison_logged_at = -POISON_LOG_EVERY_SECONDS
        self.is_caught_up = False
        self.records = 0
        self.late = 0
        self.poison = 0

    def latest(self, workload: WorkloadName) -> Outlook | None:
        """Return the newest outlook; None before all was read, and of a workload that is gone.

        It says if a newer one was refused.
        """
        if not self.is_caught_up:
            return None
        known, refusal = self._known.get(workload), self._refused.get(workload)
        outlook = known.outlook if known is not None else None
        if refusal is None:
            return outlook
        return with_refusal(outlook, workload, refusal.why, at=refusal.at)

    def attach(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Go on where reading ended; from the beginning where that is no longer there."""
        begins = consumer.beginning_offsets(partitions, timeout_ms=CALL_TIMEOUT_MS)
        ends = consumer.end_offsets(partitions, timeout_ms=CALL_TIMEOUT_MS)
        consumer.assign(partitions)
        for partition in partitions:
            position = self._positions.get(partition, -1)
            if not begins[partition] <= position <= ends[partition]:
                self._forget(partition)
                position = begins[partition]
            self._positions[partition] = position
            consumer.seek(partition, position)
        self._unread = {one: end for one, end in ends.items() if self._positions[one] < end}

    def turn(self, consumer: KafkaConsumer) -> bool:
        """Read what there is; say whether the broker was heard."""
        found = consumer.poll(timeout_ms=POLL_MS)
        for partition, records in found.items():
            for record in records:
                self._positions[partition] = record.offset + 1
                self._take(record)
        if self._unread is not None:
            self._note_read(consumer, self._unread)
        now = self._monotonic()
        if now - self._checked_at < CHECK_SECONDS:
            return bool(found)
        self._checked_at = now
        # A poll is silent alike when nothing was written, and when nothing may be read.
        consumer.end_offsets(list(self._positions), timeout_ms=CALL_TIMEOUT_MS)
        return True

    def _note_read(self, consumer: KafkaConsumer, unread: dict[TopicPartition, int]) -> None:
        """Show what is known once every partition was read to where it ended at the start."""
        for partition, end in list(unread.items()):
            # The last offsets may have been compacted away: the consumer knows, we don't.
            if consumer.position(partition, timeout_ms=CALL_TIMEOUT_MS) >= end:
                del unread[partition]
        if not unread:
            self._unread = None
            self.is_caught_up = True

    def _take(self, raw: Any) -> None:
        try:
            record = decode_record(raw.key, raw.value, raw.headers)
        except Exception as error:  # Else this record would be read again without end.
            self.poison += 1
            self._log_poison(raw, error)
            # What goes wrong even here is counted and logged all the same.
            with contextlib.suppress(Exception):
                self._note_refused(raw, str(error)[:200])
            return
        if self._is_late(record.workload, record.fence, raw):
            self.late += 1
            return
        self.records += 1
        self._refused.pop(record.workload, None)
        self._known[record.workload] = _Known(
            partition=raw.partition,
            fence=record.fence,
            outlook=record.outlook,
            taken_at=self._monotonic(),
        )

    def _is_late(self, workload: WorkloadName, fence: Fence | None, raw: Any) -> bool:
        known = self._known.get(workload)
        if known is None:
            return False
        if raw.partition != known.partition:
            # A workload moves when partitions are added; where it was, it is removed.
            return raw.value is None
        is_in_force = self._monotonic() - known.taken_at < FENCE_SECONDS
        return is_in_force and fence is not None and fence.yields_to(known.fence)

    def _forget(self, partition: TopicPartition) -> None:
        """Let go of a partition's workloads: the topic was made anew, or its log lost."""
        number = partition.partition
        for workload in [name for name, one in self._known.items() if one.partition == number]:
            del self._known[workload]
        for workload in [name for name, one in self._refused.items() if one.partition == number]:
            del self._refused[workload]

    def _note_refused(self, raw: Any, why: str) -> None:
        """Have the workload say so, unless what its publisher says no longer counts."""
        workload = decode_workload(raw.key)
        fence = None
        with contextlib.suppress(Exception):
            fence = decode_fence(raw.headers)
        if not self._is_late(workload, fence, raw):
            at = self._clock()
            self._refused[workload] = _Refusal(partition=raw.partition, why=why, at=at)

    def _log_poison(self, raw: Any, error: Exception) -> None:
        now = self._monotonic()
        if now - self._poison_logged_at >= POISON_LOG_EVERY_SECONDS:
            self._poison_logged_at = now
            _log.warning(
                "kafka: %s-%d: record at offset %d skipped: %s (others may follow, unlogged)",
                raw.topic,
                raw.partition,
                raw.offset,
                str(error)[:200],
            )
