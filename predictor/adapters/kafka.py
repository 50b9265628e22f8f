"""Demand from request events in Kafka: the DemandSource on kafka-python."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.series import DemandSeries
from predictor.adapters.kafka_offsets import OffsetsReader
from predictor.adapters.kafka_thread import ConsumerThread
from predictor.adapters.kafka_topic import TopicReader
from predictor.adapters.kafka_written_ends import WrittenEnds
from predictor.errors import SourceUnavailableError
from predictor.event_counter import EventCounter
from predictor.ports import KafkaCounts, SourceReading
from predictor.settings import KafkaEvents, KafkaSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A topic being read: the work, and the thread that does it."""

    work: TopicReader | OffsetsReader
    thread: ConsumerThread


class KafkaCluster:
    """Makes sources of one cluster; those of the same topic share one thread and one consumer."""

    def __init__(self, settings: KafkaSettings, *, clock: Callable[[], float] = time.time) -> None:
        """Keep what is needed; nothing is connected before the first source."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._readings: dict[tuple[str, bool], _Reading] = {}

    def source(
        self,
        events: KafkaEvents,
        *,
        step_seconds: float,
        history_seconds: float,
        name: str = "kafka",
    ) -> KafkaSource:
        """Return a source that counts by steps of ``step_seconds``, history included.

        By offsets alone there is no history: that source begins with now.
        """
        counter = EventCounter(
            events,
            step_seconds=step_seconds,
            history_seconds=history_seconds,
            now=self._clock(),
        )
        key = (events.topic, events.offsets_only)
        with self._lock:
            reading = self._readings.get(key)
            if reading is None:
                reading = self._readings[key] = self._begin(events)
                reading.work.add(counter)
                reading.thread.start()
            else:
                reading.work.add(counter)
        return KafkaSource(
            name=name,
            counter=counter,
            work=reading.work,
            thread=reading.thread,
            release=lambda: self._release(key, counter),
        )

    def _begin(self, events: KafkaEvents) -> _Reading:
        if events.offsets_only:
            offsets = OffsetsReader(self._settings, clock=self._clock)
            thread = ConsumerThread(self._settings, events.topic, offsets, sees_uncommitted=True)
            return _Reading(work=offsets, thread=thread)
        written = WrittenEnds(self._settings, events.topic)
        work = TopicReader(self._settings, written, clock=self._clock)
        thread = ConsumerThread(self._settings, events.topic, work, at_end=written.close)
        return _Reading(work=work, thread=thread)

    def _release(self, key: tuple[str, bool], counter: EventCounter) -> None:
        with self._lock:
            reading = self._readings.get(key)
            if reading is None or reading.work.remove(counter):
                return
            del self._readings[key]
        reading.thread.stop()


class KafkaSource:
    """One workload's events of one topic."""

    def __init__(
        self,
        *,
        name: str,
        counter: EventCounter,
        work: TopicReader | OffsetsReader,
        thread: ConsumerThread,
        release: Callable[[], None],
    ) -> None:
        """Keep the counter; KafkaCluster makes these."""
        self._name = name
        self._counter = counter
        self._work = work
        self._thread = thread
        self._release = release

    @property
    def name(self) -> str:
        """Say which source this is."""
        return self._name

    def counts(self) -> KafkaCounts:
        """Return what became of the events so far."""
        with self._work.lock:
            return self._counter.counts()

    async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
        """Return the steps of [start, end); a step may be several of those counted by.

        Raises:
            SourceUnavailableError: if the broker is silent, or history is still being read.
            ValueError: if the step is no multiple of the one counted by.
        """
        multiple = round(step_seconds / self._counter.step_seconds)
        if multiple < 1 or abs(multiple * self._counter.step_seconds - step_seconds) > 1e-9:
            raise ValueError(
                f"step_seconds: {step_seconds:g} is no multiple of {self._counter.step_seconds:g}"
            )
        if (problem := self._thread.silence()) is not None:
            raise SourceUnavailableError(problem)
        with self._work.lock:
            complete_until = self._counter.complete_until
            if complete_until is None:
                raise SourceUnavailableError(
                    "; ".join(("still reading the topic's history", *self._work.remarks))
                )
            series = self._counter.series(start=start, end=end, complete_until=complete_until)
            recent = self._counter.recent(complete_until=complete_until)
            gaps = self._counter.remarks(complete_until=complete_until)
        return SourceReading(
            series=_by_step(series, multiple),
            complete_until=math.floor(complete_until / step_seconds) * step_seconds,
            warnings=(*self._work.remarks, *gaps),
            recent=recent,
        )

    async def close(self) -> None:
        """Stop counting; the topic's last source ends its thread."""
        await asyncio.to_thread(self._release)


def _by_step(series: DemandSeries, multiple: int) -> DemandSeries:
    """Return the mean of each ``multiple`` steps; missing if one of them is."""
    whole = len(series.values) // multiple * multiple
    values = np.asarray(series.values[:whole].reshape(-1, multiple).mean(axis=1))
    return DemandSeries(
        start=series.start, step_seconds=series.step_seconds * multiple, values=values
    )
