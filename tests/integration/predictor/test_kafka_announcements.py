"""Announced demand on a real broker: read from the beginning, replaced, taken back, skipped."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaProducer

from kafka_link.connection import KafkaConnection
from models.forecast import WorkloadName
from predictor.adapters.kafka_announcements import AnnouncementTopic
from predictor.settings import KafkaSettings
from tests.parts.kafka import KafkaBroker
from tests.parts.service import until

CHAT = WorkloadName("chat")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def producer(kafka_broker: KafkaBroker) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(bootstrap_servers=kafka_broker.address, metrics_enabled=False)
    yield producer
    producer.close(timeout=10)


def a_topic(broker: KafkaBroker, name: str) -> AnnouncementTopic:
    connection = KafkaConnection(bootstrap_servers=(broker.address,))
    return AnnouncementTopic(KafkaSettings(connection=connection, check_seconds=0.1), name)


def announce(producer: KafkaProducer, topic: str, event_id: str, **data: Any) -> int:
    """Send an announcement, and return its offset."""
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/marketing",
        "type": "dev.headstart.demand.announced",
        "data": {"workload": "chat", "start": soon(100), "end": soon(200), **data},
    }
    sent = producer.send(topic, key=b"chat", value=json.dumps(event).encode())
    return int(sent.get(timeout=30).offset)


def soon(seconds: float) -> float:
    return round(time.time()) + seconds


async def test_what_was_announced_before_is_known_and_changes_arrive(
    kafka_broker: KafkaBroker, producer: KafkaProducer
) -> None:
    kafka_broker.create_topic("announced", 2)
    announce(producer, "announced", "a", multiplier=2)
    announce(producer, "announced", "b", floorPerSecond=7)
    announce(producer, "announced", "over", multiplier=2, start=soon(-20), end=soon(-10))
    topic = a_topic(kafka_broker, "announced")
    mine, other = topic.of(CHAT), topic.of(WorkloadName("other"))
    try:
        until(lambda: mine.remark == "", "everything read")
        known = {one.id: one for one in mine.current(time.time())}
        assert {name: one.multiplier for name, one in known.items()} == {"a": 2.0, "b": None}
        assert other.current(time.time()) == ()
        announce(producer, "announced", "a", multiplier=3)
        announce(producer, "announced", "b", cancelled=True)
        until(lambda: len(mine.current(time.time())) == 1, "what was taken back")
        assert [one.multiplier for one in mine.current(time.time())] == [3.0]
        assert mine.current(soon(500)) == ()
    finally:
        await mine.close()
        assert topic.thread is not None
        await other.close()
    assert topic.thread is None


async def test_poison_is_counted_logged_with_its_offset_and_skipped(
    kafka_broker: KafkaBroker, producer: KafkaProducer, caplog: pytest.LogCaptureFixture
) -> None:
    kafka_broker.create_topic("poisoned", 1)
    producer.send("poisoned", value=b"\x00\xff")
    absurd = announce(producer, "poisoned", "absurd", multiplier=1e6)
    announce(producer, "poisoned", "good", multiplier=2)
    topic = a_topic(kafka_broker, "poisoned")
    with caplog.at_level(logging.WARNING):
        mine = topic.of(CHAT)
        try:
            until(lambda: mine.remark == "", "everything read")
            assert [one.id for one in mine.current(time.time())] == ["good"]
        finally:
            await mine.close()
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if "announcement at offset 0 skipped: event: is no JSON" in line]
    [line] = [line for line in said if f"at offset {absurd} skipped" in line]
    assert "data.multiplier: 1000000.0 given, a number from 1 to 10 is allowed" in line
