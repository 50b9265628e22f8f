"""The topic's reader against a fake consumer, whose log loses its beginning or its end."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from kafka import TopicPartition
from numpy.testing import assert_array_equal

from kafka_link.connection import KafkaConnection
from predictor.adapters.kafka_offsets import OffsetsReader
from predictor.adapters.kafka_topic import RECOVERY_SECONDS, TopicReader
from predictor.event_counter import EventCounter
from predictor.settings import KafkaEvents, KafkaSettings
from tests.unit.predictor.builders import NAN

NOW = 1_700_000_000.0
ONLY = TopicPartition("requests", 0)
SETTINGS = KafkaSettings(
    connection=KafkaConnection(bootstrap_servers=("unused:9092",)), check_seconds=1e-9
)


@dataclass(frozen=True)
class Record:
    offset: int
    at: float


class FakeConsumer:
    """One partition's log; offsets are those of the records, wherever they begin."""

    def __init__(self) -> None:
        self.log: list[Record] = []
        self.begin = 0
        self._position = 0
        self.open_from: int | None = None

    def append(self, *times: float) -> None:
        for at in times:
            self.log.append(Record(self._end(), at))

    def delete_before(self, offset: int) -> None:
        self.begin = max(self.begin, offset)
        self.log = [record for record in self.log if record.offset >= offset]

    def recreate(self) -> None:
        self.log, self.begin = [], 0

    def _end(self) -> int:
        return self.log[-1].offset + 1 if self.log else self.begin

    def _readable_end(self) -> int:
        return self._end() if self.open_from is None else self.open_from

    def assign(self, partitions: list[TopicPartition]) -> None:
        assert partitions == [ONLY]

    def assignment(self) -> set[TopicPartition]:
        return {ONLY}

    def beginning_offsets(
        self, partitions: list[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {ONLY: self.begin}

    def end_offsets(
        self, partitions: list[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {ONLY: self._readable_end()}

    def offsets_for_times(
        self, asked: dict[TopicPartition, int], timeout_ms: int
    ) -> dict[TopicPartition, object]:
        found = [record for record in self.log if record.at * 1000 >= asked[ONLY]]
        return {ONLY: SimpleNamespace(offset=found[0].offset) if found else None}

    def written(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {ONLY: self._end()}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._position = offset

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self._position

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[object]]:
        end = self._readable_end()
        due = [record for record in self.log if self._position <= record.offset < end]
        self._position = max(self._position, end)
        records: list[object] = [
            SimpleNamespace(
                partition=0, offset=one.offset, timestamp=one.at * 1000, key=None, value=b""
            )
            for one in due
        ]
        return {ONLY: records} if records else {}


class Reading:
    """A reader of the fake topic with one counter: steps of 10 s, ten minutes of history."""

    def __init__(self, reader: type[TopicReader] | type[OffsetsReader] = TopicReader) -> None:
        self.now = NOW
        self.consumer = FakeConsumer()
        self.counter = self._counter()
        if reader is TopicReader:
            self.reader: TopicReader | OffsetsReader = TopicReader(
                SETTINGS, self.consumer.written, clock=self._clock
            )
        else:
            self.reader = OffsetsReader(SETTINGS, clock=self._clock, wait=lambda seconds: None)
        self.reader.add(self.counter)

    def _clock(self) -> float:
        return self.now

    def _counter(self) -> EventCounter:
        return EventCounter(
            KafkaEvents(topic="requests"), step_seconds=10, history_seconds=600, now=self.now
        )

    def add_counter(self) -> EventCounter:
        counter = self._counter()
        self.reader.add(counter)
        return counter

    def connect(self) -> None:
        self.reader.attach(self.consumer, [ONLY])

    def turn(self, *, after: float = 0.0) -> None:
        self.now += after
        self.reader.turn(self.consumer)
        self.reader.turn(self.consumer)

    def remarks(self) -> tuple[str, ...]:
        return self.counter.remarks(complete_until=self.now)

    def held_up(self) -> tuple[str, ...]:
        return self.reader.remarks

    def demand(self, first: float, last: float, counter: EventCounter | None = None) -> list[float]:
        series = (counter or self.counter).series(
            start=NOW + first, end=NOW + last, complete_until=NOW
        )
        return [float(one) for one in series.values]


def test_history_begins_where_it_is_wanted() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 5000, NOW - 595, NOW - 15)
    reading.connect()
    reading.turn()
    assert reading.counter.counts().events == 2
    assert_array_equal(reading.demand(-600, -580), [0.1, 0])
    assert reading.counter.complete_until == NOW - SETTINGS.lateness_seconds


def test_reading_goes_on_after_a_new_connection_where_it_ended() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 15)
    reading.connect()
    reading.turn()
    reading.consumer.append(NOW - 5)
    reading.connect()
    reading.turn()
    assert (reading.counter.counts().events, reading.counter.counts().duplicates) == (2, 0)


def test_after_an_outage_steps_are_not_complete_until_producers_had_time() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 15)
    reading.connect()
    reading.turn()
    before = reading.counter.complete_until
    reading.connect()
    reading.turn(after=RECOVERY_SECONDS - 1)
    assert reading.counter.complete_until == before
    reading.turn(after=2)
    assert reading.counter.complete_until == reading.now - SETTINGS.lateness_seconds


def test_events_that_retention_took_unread_are_missing_not_zero() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 15)
    reading.connect()
    reading.turn()
    reading.consumer.append(NOW + 5, NOW + 15, NOW + 25, NOW + 35)
    reading.consumer.delete_before(3)
    reading.connect()
    reading.turn(after=60)
    assert reading.counter.counts().gaps == 1
    assert_array_equal(reading.demand(-20, 50), [0.1, 0, NAN, NAN, NAN, 0.1, 0])


def test_a_gap_without_events_after_it_ends_when_reading_is_level() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 15)
    reading.connect()
    reading.turn()
    reading.consumer.append(NOW + 5)
    reading.consumer.delete_before(2)
    reading.connect()
    reading.turn(after=20)
    assert_array_equal(reading.demand(-10, 30), [0, NAN, NAN, 0])


def test_what_an_open_transaction_holds_back_is_unknown_not_zero() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 15)
    reading.connect()
    reading.turn()
    before = reading.counter.complete_until
    reading.consumer.open_from = 1
    reading.consumer.append(NOW + 5, NOW + 15)
    reading.turn(after=20)
    reading.turn(after=20)
    assert reading.counter.complete_until == before
    assert reading.held_up() == ("an open transaction holds back the events of requests-0",)
    reading.consumer.open_from = None
    reading.turn()
    assert reading.held_up() == ()
    assert_array_equal(reading.demand(-20, 30), [0.1, 0, 0.1, 0.1, 0])
    assert reading.counter.counts().late == 0


@pytest.mark.parametrize("ahead", [3_000.0, 10 * 365 * 86_400.0])
def test_a_gap_before_a_record_of_the_far_future_ends_with_the_next_record(ahead: float) -> None:
    reading = Reading()
    reading.consumer.append(NOW - 15)
    reading.connect()
    reading.turn()
    reading.consumer.append(NOW + 5, NOW + ahead, NOW + 25, NOW + 35)
    reading.consumer.delete_before(2)
    reading.connect()
    reading.turn(after=60)
    assert reading.counter.counts().future == 1
    assert_array_equal(reading.demand(-20, 50), [0.1, 0, NAN, NAN, NAN, 0.1, 0])
    assert len(reading.remarks()) == 1


def test_a_gap_before_nothing_but_the_far_future_ends_now() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 500, NOW + 3_000)
    reading.consumer.delete_before(1)
    reading.connect()
    reading.turn()
    reading.turn(after=30)
    assert_array_equal(reading.demand(-20, 30), [NAN, NAN, 0, 0, 0])


def test_a_topic_made_anew_is_a_gap_and_counted_from_there() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 35, NOW - 25, NOW - 15)
    reading.connect()
    reading.turn()
    reading.consumer.recreate()
    reading.consumer.append(NOW + 12)
    reading.connect()
    reading.turn(after=30)
    assert reading.counter.counts().gaps == 1
    assert reading.counter.counts().events == 4
    assert_array_equal(reading.demand(-20, 30), [0.1, 0, NAN, NAN, 0])


def test_a_counter_that_comes_later_gets_its_history_and_nobody_counts_twice() -> None:
    reading = Reading()
    reading.consumer.append(NOW - 25, NOW - 15)
    reading.connect()
    reading.turn()
    later = reading.add_counter()
    reading.consumer.append(NOW - 5)
    reading.turn()
    assert_array_equal(reading.demand(-30, 0), [0.1] * 3)
    assert_array_equal(reading.demand(-30, 0, later), [0.1] * 3)
    assert reading.counter.counts().duplicates == 0


def test_an_empty_topic_is_no_demand_from_now_on() -> None:
    reading = Reading()
    reading.connect()
    reading.turn(after=30)
    assert_array_equal(reading.demand(-20, 20), [NAN, NAN, 0, 0])


def test_offsets_grow_evenly_between_two_looks() -> None:
    reading = Reading(OffsetsReader)
    reading.connect()
    reading.now += 1e-3
    reading.reader.turn(reading.consumer)
    for _ in range(2):
        reading.consumer.append(*[reading.now] * 50)
        reading.now += 10
        reading.reader.turn(reading.consumer)
    assert_array_equal([round(one, 2) for one in reading.demand(0, 20)], [NAN, 5.0])
    assert reading.counter.counts().events == 100


def test_offsets_that_fall_are_a_gap_and_never_negative_demand() -> None:
    reading = Reading(OffsetsReader)
    reading.consumer.append(*[NOW] * 50)
    reading.connect()
    reading.reader.turn(reading.consumer)
    reading.consumer.recreate()
    reading.now += 10
    reading.reader.turn(reading.consumer)
    assert reading.counter.counts().gaps == 1
    assert_array_equal(reading.demand(0, 10), [NAN])
