"""The Kafka source against topics that are packed, written in transactions, or grow."""

from __future__ import annotations

import math
import time

import pytest

from tests.integration.predictor.kafka_readings import (
    a_producer,
    a_source,
    reaches,
    reading_when,
    send,
    total,
)
from tests.parts.kafka import KafkaBroker


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_events_may_be_compressed_with_whatever_kafka_knows(
    kafka_broker: KafkaBroker, codec: str
) -> None:
    topic = f"packed-{codec}"
    # The broker packs what it is sent, so that its own idea of the codec is what is read.
    kafka_broker.create_topic(topic, 1, {"compression.type": codec})
    producer, now = a_producer(kafka_broker.address), math.floor(time.time())
    send(producer, topic, *[now - 20.5] * 500)
    source = a_source(kafka_broker.address, topic)
    try:
        assert total(await reading_when(source, reaches(now - 10))) == 500
    finally:
        await source.close()
        producer.close()
