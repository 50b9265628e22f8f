"""The reader of whole topics against a fake consumer: nothing keeps it at one record."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest
from kafka import TopicPartition

from predictor.adapters.kafka_whole_topic import WholeTopic
from predictor.adapters.poison_log import PoisonLog

ONLY = TopicPartition("announced", 0)


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    value: bytes


class FakeConsumer:
    """One partition's log, and where reading stands."""

    def __init__(self, *values: bytes) -> None:
        self._log = [Record(ONLY.topic, 0, offset, value) for offset, value in enumerate(values)]
        self._position = 0

    def assign(self, partitions: list[TopicPartition]) -> None:
        assert partitions == [ONLY]

    def beginning_offsets(
        self, partitions: list[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {ONLY: 0}

    def end_offsets(
        self, partitions: list[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {ONLY: len(self._log)}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._position = offset

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self._position

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        found = self._log[self._position :]
        self._position = len(self._log)
        return {ONLY: found} if found else {}


@pytest.mark.parametrize("error", [AttributeError("no decode"), ValueError("no"), KeyError("id")])
def test_a_record_that_nobody_can_take_is_counted_told_and_passed(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[bytes] = []

    def take(record: Record) -> None:
        if record.value == b"poison":
            raise error
        taken.append(record.value)

    poison = PoisonLog("announcement")
    consumer = FakeConsumer(b"first", b"poison", b"last")
    whole = WholeTopic(take, poison=poison, check_seconds=0.0)
    whole.attach(consumer, [ONLY])
    with caplog.at_level(logging.WARNING):
        whole.turn(consumer)
    assert (taken, poison.count, whole.has_read_all) == ([b"first", b"last"], 1, True)
    [line] = caplog.messages
    assert line.startswith("kafka: announced-0: announcement at offset 1 skipped: ")
    whole.attach(consumer, [ONLY])
    whole.turn(consumer)
    assert (taken, poison.count) == ([b"first", b"last"], 1)
