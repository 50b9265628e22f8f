"""Outlooks from the forecast topic: the newest word of who has the right to say it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from kafka import TopicPartition

from controller.adapters.forecast_topic import FENCE_SECONDS, ForecastTopic
from models.forecast import WorkloadName
from models.forecast_record import Fence, ForecastRecord, encode_record
from models.outlook import Outlook
from tests.builders import CHAT

FIRST, SECOND = TopicPartition("forecasts", 0), TopicPartition("forecasts", 1)
CODE = WorkloadName("code")
FENCE = Fence(group="predictors", era=1, generation=4)


@dataclass(frozen=True, kw_only=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Broker:
    """A topic's log, and the consumer of it; ``batch`` records a poll."""

    logs: dict[TopicPartition, list[Record]] = field(
        default_factory=lambda: {FIRST: [], SECOND: []}
    )
    begins: dict[TopicPartition, int] = field(default_factory=dict)
    batch: int = 100
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    now: float = 1000.0

    def say(
        self,
        at: float | None,
        *,
        fence: Fence = FENCE,
        partition: TopicPartition = FIRST,
        workload: WorkloadName = CHAT,
    ) -> None:
        outlook = None
        if at is not None:
            outlook = Outlook(workload=workload, published_at=at, reading=None, forecast=None)
        record = ForecastRecord(workload=workload, fence=fence, outlook=outlook)
        self.write(*encode_record(record), partition=partition)

    def write(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]],
        *,
        partition: TopicPartition = FIRST,
    ) -> None:
        log = self.logs[partition]
        offset = log[-1].offset + 1 if log else 0
        log.append(
            Record(
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                key=key,
                value=value,
                headers=headers,
            )
        )

    def beginning_offsets(
        self, partitions: Sequence[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {one: self.begins.get(one, 0) for one in partitions}

    def end_offsets(
        self, partitions: Sequence[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {one: self.logs[one][-1].offset + 1 if self.logs[one] else 0 for one in partitions}

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.positions = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.positions[partition] = offset

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self.positions[partition]

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        found = {}
        for partition, position in self.positions.items():
            left = [one for one in self.logs[partition] if one.offset >= position][: self.batch]
            if left:
                found[partition] = left
                self.positions[partition] = left[-1].offset + 1
        return found


def a_topic(broker: Broker) -> ForecastTopic:
    topic = ForecastTopic(monotonic=lambda: broker.now)
    topic.attach(broker, [FIRST, SECOND])
    return topic


def said(topic: ForecastTopic, workload: WorkloadName = CHAT) -> float | None:
    outlook = topic.latest(workload)
    return None if outlook is None else outlook.published_at


def test_the_log_is_read_from_its_beginning_and_shown_when_all_was_read() -> None:
    broker = Broker(batch=1)
    broker.say(100.0)
    broker.say(105.0)
    topic = a_topic(broker)
    topic.turn(broker)
    assert (topic.is_caught_up, said(topic)) == (False, None)
    topic.turn(broker)
    assert (topic.is_caught_up, said(topic)) == (True, 105.0)


def test_an_empty_topic_is_read_at_once() -> None:
    topic = a_topic(broker := Broker())
    assert topic.turn(broker)
    assert topic.is_caught_up


def test_a_workload_that_is_gone_has_no_outlook() -> None:
    broker = Broker()
    broker.say(100.0)
    broker.say(None)
    topic = a_topic(broker)
    topic.turn(broker)
    assert said(topic) is None


@pytest.mark.parametrize("late", [110.0, None])
def test_a_publisher_that_lost_its_turn_is_not_heard(late: float | None) -> None:
    broker = Broker()
    broker.say(105.0, fence=replace(FENCE, generation=5))
    broker.say(late)
    topic = a_topic(broker)
    topic.turn(broker)
    assert (said(topic), topic.late, topic.records) == (105.0, 1, 1)


def test_a_right_that_nobody_uses_keeps_others_from_being_heard_only_so_long() -> None:
    broker = Broker()
    broker.say(105.0, fence=replace(FENCE, generation=5))
    topic = a_topic(broker)
    topic.turn(broker)
    broker.now += FENCE_SECONDS
    broker.say(200.0)
    topic.turn(broker)
    assert said(topic) == 200.0


def test_a_workload_that_moved_is_not_removed_by_where_it_was() -> None:
    broker = Broker()
    broker.say(105.0, partition=SECOND)
    topic = a_topic(broker)
    topic.turn(broker)
    broker.say(None, fence=replace(FENCE, generation=9), partition=FIRST)
    topic.turn(broker)
    assert said(topic) == 105.0


def test_poison_is_counted_skipped_and_told_with_its_offset(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = Broker()
    broker.say(100.0)
    broker.write(b"chat", b"{", broker.logs[FIRST][0].headers)
    broker.write(b"chat", b"{}", [])
    broker.say(105.0)
    topic = a_topic(broker)
    with caplog.at_level(logging.WARNING):
        topic.turn(broker)
    assert (said(topic), topic.poison, topic.records) == (105.0, 2, 2)
    [line] = caplog.messages
    assert line.startswith("kafka: forecasts-0: record at offset 1 skipped: value: no JSON")


def test_a_record_that_is_refused_leaves_the_last_outlook_which_says_so_until_the_next() -> None:
    broker = Broker()
    broker.say(100.0)
    broker.say(100.0, workload=CODE)
    broker.write(b"chat", b'{"workload": "chat", "publishedAt": -5}', broker.logs[FIRST][0].headers)
    topic = a_topic(broker)
    topic.turn(broker)
    known, other = topic.latest(CHAT), topic.latest(CODE)
    assert known is not None
    assert other is not None
    [why] = known.degraded
    assert (known.published_at, other.degraded) == (100.0, ())
    assert why.startswith("predictor: what it says now is not used: outlook.")
    broker.say(105.0)
    topic.turn(broker)
    newest = topic.latest(CHAT)
    assert newest is not None
    assert (newest.published_at, newest.degraded) == (105.0, ())


def test_a_new_connection_goes_on_where_the_last_one_ended() -> None:
    broker = Broker()
    broker.say(100.0)
    topic = a_topic(broker)
    topic.turn(broker)
    broker.say(105.0)
    topic.attach(broker, [FIRST, SECOND])
    assert said(topic) == 100.0
    topic.turn(broker)
    assert (said(topic), topic.records) == (105.0, 2)


def test_a_topic_that_was_made_anew_is_read_from_its_beginning() -> None:
    broker = Broker()
    broker.say(100.0, fence=replace(FENCE, generation=70))
    broker.say(100.0, workload=WorkloadName("code"), partition=SECOND)
    topic = a_topic(broker)
    topic.turn(broker)
    broker.logs[FIRST].clear()
    topic.attach(broker, [FIRST, SECOND])
    broker.say(200.0, fence=replace(FENCE, generation=1))
    topic.turn(broker)
    assert (said(topic), said(topic, WorkloadName("code"))) == (200.0, 100.0)


def test_what_was_compacted_away_at_the_end_is_not_waited_for() -> None:
    broker = Broker()
    broker.say(100.0)
    broker.say(105.0)
    topic = a_topic(broker)
    broker.logs[FIRST].pop()
    broker.positions[FIRST] = 2
    topic.turn(broker)
    assert topic.is_caught_up


def test_a_record_on_which_reading_fails_does_not_keep_it_there() -> None:
    broker = Broker()
    broker.say(100.0)
    # No client makes such headers; it stands for whatever nobody thought of.
    broker.write(b"chat", b"{}", None)  # type: ignore[arg-type]
    broker.say(105.0)
    topic = a_topic(broker)
    topic.turn(broker)
    assert (said(topic), topic.poison, topic.records) == (105.0, 1, 2)
    topic.attach(broker, [FIRST, SECOND])
    topic.turn(broker)
    assert (topic.poison, topic.records) == (1, 2)
