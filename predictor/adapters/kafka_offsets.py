"""Counts a topic's events by its log-end offsets alone: the work of a consumer thread.

Reads no payload. Compaction and transactions make offsets more than events; the operator who
chooses this accepts it. So offsets of open transactions count, too, when they come.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

from kafka import KafkaConsumer, TopicPartition

from kafka_link.client import CALL_TIMEOUT_MS
from predictor.event_counter import EventCounter
from predictor.settings import KafkaSettings

LOGGER = logging.getLogger(__name__)


class OffsetsReader:
    """Spreads the growth of the end offsets over the time between two looks.

    ``lock`` guards the counters; hold it to read one.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        clock: Callable[[], float],
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Begin without counters; ``wait`` lets time pass between two looks."""
        self._settings = settings
        self._clock = clock
        self._wait = wait or threading.Event().wait
        self.lock = threading.Lock()
        self.remarks: tuple[str, ...] = ()
        self._counters: list[EventCounter] = []
        self._partitions: list[TopicPartition] = []
        self._ends: dict[TopicPartition, int] = {}
        self._looked_at: float | None = None

    def add(self, counter: EventCounter) -> None:
        """Count for one more workload, from now on."""
        with self.lock:
            self._counters.append(counter)

    def remove(self, counter: EventCounter) -> bool:
        """Stop counting for one; say whether anybody is left."""
        with self.lock:
            self._counters = [other for other in self._counters if other is not counter]
            return bool(self._counters)

    def attach(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Take over the partitions; nothing is fetched from them."""
        self._partitions = partitions

    def turn(self, consumer: KafkaConsumer) -> bool:
        """Look once, and wait for the next look."""
        # Between question and answer; half a round trip off, at most.
        now = self._clock()
        ends = consumer.end_offsets(self._partitions, timeout_ms=CALL_TIMEOUT_MS)
        with self.lock:
            self._note(ends, now)
        self._wait(self._settings.check_seconds)
        return True

    def _note(self, ends: dict[TopicPartition, int], now: float) -> None:
        before, since = self._ends, self._looked_at
        self._ends, self._looked_at = dict(ends), now
        if since is None:
            return
        # A partition that is new began at 0.
        grown = {partition: end - before.get(partition, 0) for partition, end in ends.items()}
        is_reset = any(delta < 0 for delta in grown.values())
        for counter in self._counters:
            # Of the step under way at the first look, the beginning was not seen.
            step = counter.step_seconds
            counter.known_since(math.ceil(since / step) * step)
            if is_reset or now - since > counter.step_seconds + 3 * self._settings.check_seconds:
                # Recreated, or not looked at for so long that nobody knows when they came.
                counter.count_gap()
                counter.mark_missing(since, now, now=now)
            else:
                counter.spread(since, now, float(sum(grown.values())))
            counter.complete_until = now
        if is_reset:
            LOGGER.warning("kafka: end offsets fell, the topic was recreated or cut: a gap")
