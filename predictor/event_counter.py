"""Counts the events of one workload, each offset once. Pure: time is an argument.

One thread at a time; the Kafka reader guards it with its lock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.outlook import DemandReading
from models.series import DemandSeries
from predictor.event_totals import EventTotals
from predictor.ports import KafkaCounts
from predictor.request_event import RequestEvent, parse_event
from predictor.settings import KafkaEvents
from predictor.topic_gaps import MAX_AHEAD_SECONDS, Gap, gap_sentence, joined

#: A gap is said to be one until it lies so far back.
GAP_SAID_SECONDS = 300.0
#: The newest demand is that of so many seconds, wherever in a step they end: whoever reacts to a
#: surge need not wait for the step's end.
RECENT_SECONDS = 5.0
#: For so long, events are counted by the second, too.
_RECENT_KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRecord:
    """One record as Kafka has it; ``recorded_at`` in seconds since the epoch."""

    partition: int
    offset: int
    recorded_at: float
    key: bytes | None
    value: bytes | None


class EventCounter:
    """Demand from the records of one topic.

    ``key`` is the record key that it wants, None for all.
    ``complete_until`` is up to which event time all is known; None until history is read.
    """

    def __init__(
        self, events: KafkaEvents, *, step_seconds: float, history_seconds: float, now: float
    ) -> None:
        """Begin with nothing; history reaches back from ``now``."""
        self._events = events
        self.key = events.key.encode() if events.key is not None else None
        self._history_seconds = history_seconds
        self._totals = EventTotals(start=now - history_seconds, step_seconds=step_seconds)
        self._seconds = EventTotals(start=now - _RECENT_KEPT_SECONDS, step_seconds=1.0)
        self._next_offsets: dict[int, int] = {}
        self._tally = {"events": 0, "poison": 0, "late": 0, "future": 0, "duplicates": 0, "gaps": 0}
        self._known_from = math.inf
        self._handed_out_until = -math.inf
        self._newest_gap: Gap | None = None
        self.complete_until: float | None = None

    @property
    def history_start(self) -> float:
        """From when on events are wanted."""
        return self._totals.start

    @property
    def step_seconds(self) -> float:
        """How long the steps are that events are counted by."""
        return self._totals.step_seconds

    def counts(self) -> KafkaCounts:
        """Return what became of the events."""
        return KafkaCounts(**self._tally)

    def take(self, record: TopicRecord, *, now: float, repeated_below: int = 0) -> str | None:
        """Count one record that has our key; return what is wrong with a poison one.

        Offsets below ``repeated_below`` are read again on purpose: seen ones are no duplicates.
        """
        due = self._next_offsets.get(record.partition, 0)
        if record.offset < due:
            self._tally["duplicates"] += record.offset >= repeated_below
            return None
        self._next_offsets[record.partition] = record.offset + 1
        try:
            event = parse_event(self._events, recorded_at=record.recorded_at, value=record.value)
            self._count(event, now)
        except ValueError as error:
            self._tally["poison"] += 1
            return str(error)
        return None

    def known_since(self, time: float) -> None:
        """Note that the topic existed at a time: no events since then means no demand."""
        self._known_from = min(self._known_from, max(time, self.history_start))

    def restart_partition(self, partition: int) -> None:
        """Forget how far a partition was read: its offsets begin anew."""
        self._next_offsets.pop(partition, None)

    def count_gap(self) -> None:
        """Count that events were gone before they could be read."""
        self._tally["gaps"] += 1

    def spread(self, start: float, end: float, weight: float) -> None:
        """Count events of which only number and span are known."""
        self._tally["events"] += int(weight)
        self._totals.spread(start, end, weight)
        self._seconds.spread(start, end, weight)

    def mark_missing(self, start: float, end: float, *, now: float) -> None:
        """Mark steps whose events were not all seen; never further ahead than events count."""
        start, end = max(start, self.history_start), min(end, now + self._most_ahead_seconds)
        if end <= start:
            return
        self._totals.mark_missing(start, end)
        self._seconds.mark_missing(start, end)
        self._newest_gap = joined(self._newest_gap, (start, end))

    def remarks(self, *, complete_until: float) -> tuple[str, ...]:
        """Name the newest gap for as long as it is news."""
        gap = self._newest_gap
        if gap is None or gap[1] < complete_until - GAP_SAID_SECONDS:
            return ()
        return (gap_sentence(gap),)

    def series(self, *, start: float, end: float, complete_until: float) -> DemandSeries:
        """Return the demand of [start, end), and note what was handed out as complete."""
        self._handed_out_until = max(self._handed_out_until, min(end, complete_until))
        self._totals.forget_before(complete_until - self._history_seconds)
        return self._totals.series(start=start, end=end, known_from=min(self._known_from, end))

    def recent(self, *, complete_until: float) -> DemandReading | None:
        """Return the newest demand; None if it was not all seen, or steps are no longer."""
        until = math.floor(complete_until)
        self._seconds.forget_before(until - _RECENT_KEPT_SECONDS)
        if self.step_seconds <= RECENT_SECONDS:
            return None
        newest = self._seconds.series(
            start=until - RECENT_SECONDS, end=until, known_from=min(self._known_from, until)
        )
        if np.isnan(newest.values).any():
            return None
        return DemandReading(
            measured_at=float(until),
            window_seconds=RECENT_SECONDS,
            per_second=float(newest.values.mean()),
        )

    @property
    def _most_ahead_seconds(self) -> float:
        return self._totals.step_seconds + MAX_AHEAD_SECONDS

    def _count(self, event: RequestEvent, now: float) -> None:
        """Count an event that can be read.

        Raises:
            ValueError: if nobody would believe its step's demand with it.
        """
        if event.at > now + self._most_ahead_seconds:
            self._tally["future"] += 1
            return
        if event.at < self._totals.start:
            # While history is read, these are no surprise: the search is by record time.
            self._tally["late"] += self.complete_until is not None
            return
        if not self._totals.has_room(event.at, event.weight):
            raise ValueError(f"a weight of {event.weight:g} is too much for its step")
        step = self._totals.step_seconds
        if (math.floor(event.at / step) + 1) * step <= self._handed_out_until:
            self._tally["late"] += 1
        if self.complete_until is None:
            self.known_since(event.at)
        self._tally["events"] += 1
        self._totals.add(event.at, event.weight)
        if event.at >= self._seconds.start:
            self._seconds.add(event.at, event.weight)
