"""Reads a topic's events for all workloads that count them: the work of a consumer thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from kafka_link.client import CALL_TIMEOUT_MS
from predictor.adapters.poison_log import PoisonLog
from predictor.event_counter import EventCounter, TopicRecord
from predictor.read_target import ReadTarget, read_target
from predictor.settings import KafkaSettings
from predictor.topic_gaps import Gap, OpenGaps

LOGGER = logging.getLogger(__name__)
POLL_MS = 200
BATCH = 500
#: Producers hold events back while a broker is away, and deliver them within this after it is.
RECOVERY_SECONDS = 10.0
AskedEnds = Callable[[list[TopicPartition]], Mapping[TopicPartition, int]]


class TopicReader:
    """Hands each record of a topic to each counter, from where the oldest wants its history.

    ``lock`` guards the counters; hold it to read one. ``remarks`` says what holds reading up.
    """

    def __init__(
        self, settings: KafkaSettings, written: AskedEnds, *, clock: Callable[[], float]
    ) -> None:
        """Begin without counters; ``written`` are ends that include open transactions."""
        self._settings, self._written = settings, written
        self._clock = clock
        self.lock = threading.Lock()
        self._counters: list[EventCounter] = []
        self._by_key: dict[bytes | None, list[EventCounter]] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._repeated_below: dict[TopicPartition, int] = {}
        self._gaps: OpenGaps[TopicPartition] = OpenGaps()
        self._target: ReadTarget[TopicPartition] | None = None
        self.remarks: tuple[str, ...] = ()
        self._caught_up_at: float | None = None
        self._hold_until = 0.0
        self._checked_at = 0.0
        self._must_rewind = False
        self._poison = PoisonLog("event")

    def add(self, counter: EventCounter) -> None:
        """Count for one more workload: the topic is read again from its history's start."""
        with self.lock:
            self._counters.append(counter)
            self._by_key.setdefault(counter.key, []).append(counter)
            self._must_rewind = True
            # From here on, no event means no demand; a record found earlier moves this back.
            counter.known_since(self._clock())

    def remove(self, counter: EventCounter) -> bool:
        """Stop counting for one; say whether anybody is left."""
        with self.lock:
            self._counters = [other for other in self._counters if other is not counter]
            self._by_key[counter.key].remove(counter)
            return bool(self._counters)

    def attach(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Go on where reading ended; note as gaps what is gone from there."""
        consumer.assign(partitions)
        begins = consumer.beginning_offsets(partitions, timeout_ms=CALL_TIMEOUT_MS)
        ends = consumer.end_offsets(partitions, timeout_ms=CALL_TIMEOUT_MS)
        if self._caught_up_at is not None:
            self._hold_until = self._clock() + RECOVERY_SECONDS
        self._target = None
        for partition in partitions:
            position = self._positions.get(partition)
            if position is None:
                # A partition that came later has all its events still to be read.
                self._positions[partition] = begins[partition]
                with self.lock:
                    self._must_rewind |= self._caught_up_at is None
            elif not begins[partition] <= position <= ends[partition]:
                self._open_gap(consumer, partition, position, begins[partition])
            consumer.seek(partition, self._positions[partition])

    def turn(self, consumer: KafkaConsumer) -> bool:
        """Rewind if asked to, read what is there, and see how far that reaches."""
        if self._must_rewind:
            self._rewind(consumer)
        polled = consumer.poll(timeout_ms=POLL_MS)
        for partition, records in polled.items():
            for low in range(0, len(records), BATCH):
                self._take(partition, records[low : low + BATCH])
        is_heard = bool(polled)
        if time.monotonic() - self._checked_at >= self._settings.check_seconds:
            is_heard = True
            self._look_ahead(consumer)
            self._checked_at = time.monotonic()
        self._note_caught_up()
        return is_heard

    def _look_ahead(self, consumer: KafkaConsumer) -> None:
        """See how far there is to read, and whether something holds it back."""
        # Before the question: what arrives while it is under way belongs to the next.
        asked_at = self._clock()
        ends = self._ends(consumer)  # Only this notices a lost permission or a dead broker.
        if self._target is None:
            self._target = read_target(ends, self._written(list(ends)), asked_at=asked_at)
        held = self._target.held_back(self._positions, ends, now=asked_at)
        self.remarks = tuple(
            f"an open transaction holds back the events of {one.topic}-{one.partition}"
            for one in held[:1]
        )

    def _ends(self, consumer: KafkaConsumer) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = consumer.end_offsets(
            list(consumer.assignment()), timeout_ms=CALL_TIMEOUT_MS
        )
        for partition in ends:
            # Past what a transaction's markers occupy, of which no record tells.
            position = consumer.position(partition, timeout_ms=CALL_TIMEOUT_MS)
            self._positions[partition] = max(self._positions[partition], position or 0)
        return ends

    def _rewind(self, consumer: KafkaConsumer) -> None:
        with self.lock:
            self._must_rewind = False
            if not self._counters:
                return
            start = min(counter.history_start for counter in self._counters)
        partitions = sorted(consumer.assignment())
        begins = consumer.beginning_offsets(partitions, timeout_ms=CALL_TIMEOUT_MS)
        ends = consumer.end_offsets(partitions, timeout_ms=CALL_TIMEOUT_MS)
        asked = {partition: int(max(0.0, start) * 1000) for partition in partitions}
        found = consumer.offsets_for_times(asked, timeout_ms=CALL_TIMEOUT_MS)
        for partition in partitions:
            hit = found.get(partition)
            offset = ends[partition] if hit is None else hit.offset
            self._note_history(partition, start, offset=offset, begin=begins[partition])
            seen = self._positions[partition]
            self._repeated_below[partition] = max(self._repeated_below.get(partition, 0), seen)
            self._positions[partition] = offset
            consumer.seek(partition, offset)
        self._target = None

    def _note_history(
        self, partition: TopicPartition, start: float, *, offset: int, begin: int
    ) -> None:
        if offset > begin:
            with self.lock:
                for counter in self._counters:
                    counter.known_since(start)
        elif begin > 0 and self._caught_up_at is None:
            # Retention took what came before; from the first record on it is known again.
            self._gaps.open(partition, start)

    def _open_gap(
        self, consumer: KafkaConsumer, partition: TopicPartition, position: int, begin: int
    ) -> None:
        since = self._caught_up_at if self._caught_up_at is not None else 0.0
        if position > begin:
            # The log got shorter: recreated, or cut. What came since we were last level with it.
            found = consumer.offsets_for_times(
                {partition: int(since * 1000)}, timeout_ms=CALL_TIMEOUT_MS
            )
            hit = found.get(partition)
            begin = hit.offset if hit is not None else self._end(consumer, partition)
        LOGGER.warning(
            "kafka: %s-%d: offset %d is gone, reading goes on at %d; the steps between are missing",
            partition.topic,
            partition.partition,
            position,
            begin,
        )
        self._gaps.open(partition, since)
        self._positions[partition] = begin
        self._repeated_below[partition] = 0
        with self.lock:
            for counter in self._counters:
                counter.count_gap()
                counter.restart_partition(partition.partition)

    def _end(self, consumer: KafkaConsumer, partition: TopicPartition) -> int:
        return int(consumer.end_offsets([partition], timeout_ms=CALL_TIMEOUT_MS)[partition])

    def _mark(self, gap: Gap, now: float) -> None:
        """Mark a gap's steps as missing. Needs the lock."""
        for counter in self._counters:
            counter.mark_missing(*gap, now=now)

    def _take(self, partition: TopicPartition, records: list[Any]) -> None:
        now = self._clock()
        repeated_below = self._repeated_below.get(partition, 0)
        with self.lock:
            everyone = self._by_key.get(None, [])
            for raw in records:
                record = _record(raw)
                if gap := self._gaps.ended_by(partition, record.recorded_at, now=now):
                    self._mark(gap, now)
                keyed = self._by_key.get(record.key, []) if record.key is not None else []
                for counter in (*everyone, *keyed):
                    fault = counter.take(record, now=now, repeated_below=repeated_below)
                    if fault is not None:
                        self._poison.skip(raw, fault)
                self._positions[partition] = record.offset + 1
            self._note_existence(min(_recorded_at(raw) for raw in records))

    def _note_existence(self, recorded_at: float) -> None:
        """Tell those still reading history that the topic existed by then. Needs the lock."""
        for counter in self._counters:
            if counter.complete_until is None:
                counter.known_since(recorded_at)

    def _note_caught_up(self) -> None:
        if self._target is None or self._must_rewind:
            return
        if not self._target.is_reached(self._positions):
            return
        asked_at, self._target = self._target.asked_at, None
        with self.lock:
            for gap in self._gaps.ended_at(asked_at):
                self._mark(gap, asked_at)
            if self._clock() < self._hold_until:
                return
            self._caught_up_at = asked_at
            for counter in self._counters:
                counter.complete_until = asked_at - self._settings.lateness_seconds


def _record(raw: Any) -> TopicRecord:
    return TopicRecord(
        partition=raw.partition,
        offset=raw.offset,
        recorded_at=_recorded_at(raw),
        key=raw.key,
        value=raw.value,
    )


def _recorded_at(raw: Any) -> float:
    """Return a record's time in seconds; one without (-1, from ancient producers) has 1970."""
    return max(0, raw.timestamp or 0) / 1000.0
