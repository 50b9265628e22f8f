"""The Kafka source against topics that are packed, written in transactions, or grow."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections import Counter

import numpy as np
import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from tests.integration.predictor.kafka_readings import (
    a_producer,
    a_source,
    a_transactional_producer,
    reaches,
    reading_when,
    send,
    total,
)
from tests.parts.kafka import KafkaBroker
from tests.parts.service import until


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


class SteadyProducer:
    """Sends some twenty events a second, in turn to each partition that it knows of."""

    def __init__(self, address: str, topic: str) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=address, linger_ms=5, metadata_max_age_ms=200, metrics_enabled=False
        )
        self._topic = topic
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent: Counter[int] = Counter()
        self.partitions = 0

    def __enter__(self) -> SteadyProducer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopped.set()
        self._thread.join()
        self._producer.close()

    def _run(self) -> None:
        while not self._is_stopped.wait(0.05):
            self.partitions = len(self._producer.partitions_for(self._topic))
            at_ms = int(time.time() * 1000)
            turn = self.sent.total() % self.partitions
            # Before it is sent: what is seen was counted, so that a reading never has more.
            self.sent[at_ms // 1000] += 1
            self._producer.send(self._topic, value=b"{}", partition=turn, timestamp_ms=at_ms)


async def test_events_of_a_partition_that_is_added_are_never_missed_silently(
    kafka_broker: KafkaBroker,
) -> None:
    kafka_broker.create_topic("grows", 1)
    # As lenient with late events as the product is, looking as often for them.
    source = a_source(kafka_broker.address, "grows", lateness_seconds=2.0, check_seconds=1.0)
    with SteadyProducer(kafka_broker.address, "grows") as producer:
        try:
            began_at = math.ceil(time.time()) + 1
            await reading_when(source, reaches(began_at + 2))
            with contextlib.closing(
                KafkaAdminClient(bootstrap_servers=kafka_broker.address)
            ) as admin:
                admin.create_partitions({"grows": 2})
            until(lambda: producer.partitions == 2, "the producer uses the new partition")
            used_at = time.time()
            reading = None
            while reading is None or reading.complete_until < used_at + 5:
                reading = await reading_when(source, lambda _: True)
                known = reading.series.between(began_at, math.floor(reading.complete_until))
                sent = [producer.sent[began_at + step] for step in range(len(known.values))]
                assert known.values.tolist() == sent
                assert time.time() < used_at + 30
                await asyncio.sleep(0.1)
        finally:
            await source.close()
    assert source.counts().late == 0
