"""The Kafka source against topics that are packed, written in transactions, or grow."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from kafka import KafkaProducer

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


def a_transactional_producer(address: str, name: str) -> KafkaProducer:
    producer = KafkaProducer(
        bootstrap_servers=address, transactional_id=name, linger_ms=5, metrics_enabled=False
    )
    producer.init_transactions()
    return producer


async def test_what_a_transaction_takes_back_is_no_demand(kafka_broker: KafkaBroker) -> None:
    kafka_broker.create_topic("taken-back", 1)
    producer, now = a_transactional_producer(kafka_broker.address, "back"), math.floor(time.time())
    source = a_source(kafka_broker.address, "taken-back")
    try:
        for count in (7, 5):
            producer.begin_transaction()
            send(producer, "taken-back", *[now - 20.5] * count)
            producer.abort_transaction() if count == 7 else producer.commit_transaction()
        assert total(await reading_when(source, reaches(now - 10))) == 5
        # The topic ends with what was taken back and its marker, of which no record tells.
        producer.begin_transaction()
        send(producer, "taken-back", *[now - 15.5] * 3)
        producer.abort_transaction()
        assert total(await reading_when(source, reaches(time.time() + 1))) == 5
    finally:
        await source.close()
        producer.close()
    assert (source.counts().events, source.counts().late) == (5, 0)


async def test_an_open_transaction_delays_what_is_known_and_is_said(
    kafka_broker: KafkaBroker,
) -> None:
    kafka_broker.create_topic("open", 1)
    held, others = (
        a_transactional_producer(kafka_broker.address, "held"),
        a_producer(kafka_broker.address),
    )
    source = a_source(kafka_broker.address, "open")
    try:
        await reading_when(source, reaches(time.time() + 1))
        held.begin_transaction()
        opened_at = time.time()
        send(held, "open", opened_at)
        send(others, "open", *[opened_at + 1] * 4)
        reading = await reading_when(source, lambda one: bool(one.warnings))
        assert reading.warnings == ("an open transaction holds back the events of open-0",)
        assert time.time() - opened_at > 4
        assert reading.complete_until <= opened_at
        held.commit_transaction()
        after = await reading_when(source, reaches(opened_at + 3))
    finally:
        await source.close()
        held.close()
        others.close()
    assert (total(after), after.warnings) == (5, ())
    assert source.counts().late == 0
    known = after.series.between(math.ceil(reading.complete_until), math.floor(opened_at) + 3)
    assert not np.isnan(known.values).any()
