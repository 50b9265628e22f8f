"""The Kafka source against a real broker that dies, loses its log, or says no."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time

import numpy as np
import pytest
from kafka import KafkaConsumer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaTimeoutError
from kafka.structs import TopicPartition

from kafka_link.client import connect
from kafka_link.connection import KafkaConnection
from predictor.adapters.kafka import KafkaCluster, KafkaSource
from predictor.adapters.kafka_thread import consumer_settings
from predictor.errors import SourceUnavailableError
from predictor.settings import KafkaEvents, KafkaSettings
from tests.conftest import StartKafka
from tests.integration.predictor.kafka_readings import (
    HISTORY_SECONDS,
    STEP,
    a_producer,
    a_source,
    reaches,
    read_all,
    reading_when,
    send,
    total,
)
from tests.parts.kafka import KafkaBroker
from tests.parts.ports import free_port


@pytest.fixture
def broker(kafka_broker: KafkaBroker) -> KafkaBroker:
    return kafka_broker


async def test_history_and_what_comes_is_counted_by_event_time(broker: KafkaBroker) -> None:
    broker.create_topic("counted", 3)
    producer, now = a_producer(broker.address), math.floor(time.time())
    send(producer, "counted", *[now - 100.5] * 20, now - 90.5)
    source = a_source(broker.address, "counted")
    try:
        first = await reading_when(source, reaches(now - 50))
        send(producer, "counted", *[now - 40.5] * 10)
        second = await reading_when(source, lambda reading: total(reading) == 31)
    finally:
        await source.close()
        producer.close()
    hundred_ago = round(now - 101 - first.series.start)
    assert first.series.values[hundred_ago] == 20
    assert first.series.values[hundred_ago + 1] == 0
    assert np.isnan(first.series.values[: hundred_ago - 60]).all()
    assert second.series.between(now - 41, now - 40).values == [10]


async def test_demand_of_the_last_seconds_is_known_before_their_step_ends(
    broker: KafkaBroker,
) -> None:
    broker.create_topic("recent", 1)
    producer, now = a_producer(broker.address), math.floor(time.time())
    # As many in every second from before the first look to long after the last.
    times = [now + second + 0.5 for second in range(-30, 120)]
    send(producer, "recent", *times * 3)
    source = a_source(broker.address, "recent", step_seconds=600.0)
    try:
        reading = await reading_when(
            source,
            lambda one: one.recent is not None and one.recent.measured_at > now,
            step_seconds=600.0,
        )
    finally:
        await source.close()
        producer.close()
    assert reading.recent is not None
    assert reading.recent.per_second == 3
    assert reading.complete_until < reading.recent.measured_at <= time.time()


async def test_sources_of_one_topic_share_a_reader_and_keep_their_keys_apart(
    broker: KafkaBroker,
) -> None:
    broker.create_topic("keyed", 2)
    producer, now = a_producer(broker.address), math.floor(time.time())
    send(producer, "keyed", *[now - 20.5] * 7, key=b"chat", value=b'{"tokens": 3}')
    send(producer, "keyed", *[now - 20.5] * 5, key=b"code", value=b'{"tokens": "x"}')
    cluster = KafkaCluster(
        KafkaSettings(
            connection=KafkaConnection(bootstrap_servers=(broker.address,)), check_seconds=0.2
        )
    )
    chat, code = (
        cluster.source(
            KafkaEvents(topic="keyed", key=key, weight_field="tokens"),
            step_seconds=STEP,
            history_seconds=HISTORY_SECONDS,
        )
        for key in ("chat", "code")
    )
    try:
        assert total(await reading_when(chat, reaches(now - 10))) == 21
        late = cluster.source(
            KafkaEvents(topic="keyed"), step_seconds=STEP, history_seconds=HISTORY_SECONDS
        )
        assert total(await reading_when(late, reaches(now - 10))) == 12
        assert total(await reading_when(code, reaches(now - 10))) == 0
        assert code.counts().poison == 5
        assert (chat.counts().events, chat.counts().duplicates) == (7, 0)
        await late.close()
    finally:
        for source in (chat, code):
            await source.close()
        producer.close()


async def test_no_event_is_lost_or_counted_twice_when_the_broker_dies(
    start_kafka: StartKafka,
) -> None:
    broker = start_kafka()
    broker.create_topic("requests", 3)
    producer = a_producer(broker.address)
    sent: list[float] = []
    source = a_source(broker.address, "requests", silence_seconds=3)

    async def produce(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            at = time.time()
            producer.send("requests", value=b"{}", timestamp_ms=round(at * 1000))
            sent.append(at)
            await asyncio.sleep(0.02)

    try:
        await produce(3)
        await reading_when(source, reaches(sent[0]))
        await asyncio.to_thread(broker.kill)
        await produce(10)
        with pytest.raises(SourceUnavailableError, match=r"no broker reachable|does not answer"):
            await read_all(source)
        await asyncio.gather(asyncio.to_thread(broker.start), produce(5))
        await asyncio.to_thread(producer.flush, 60)
        reading = await reading_when(source, reaches(sent[-1] + 1), within_seconds=60)
    finally:
        await source.close()
        producer.close(timeout=2)
    assert total(reading) == len(sent)
    assert source.counts().events == len(sent)
    assert source.counts().late == 0
    assert source.counts().gaps == 0


async def test_history_that_retention_took_is_missing_not_zero(broker: KafkaBroker) -> None:
    broker.create_topic("short", 1)
    producer, now = a_producer(broker.address), math.floor(time.time())
    send(producer, "short", now - 100.5, now - 60.5, now - 40.5)
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=broker.address)) as admin:
        admin.delete_records({TopicPartition("short", 0): 1})
    source = a_source(broker.address, "short")
    try:
        reading = await reading_when(source, reaches(now - 10))
    finally:
        await source.close()
        producer.close()
    before, after = (
        reading.series.between(now - 110, now - 60),
        reading.series.between(now - 60, now - 39),
    )
    assert np.isnan(before.values).all()
    assert after.values.sum() == 1


async def test_offsets_alone_tell_how_many_came(broker: KafkaBroker) -> None:
    broker.create_topic("opaque", 2)
    producer = a_producer(broker.address)
    source = a_source(broker.address, "opaque", offsets_only=True)
    try:
        # The step in which reading began is missing: its beginning was not seen.
        first = await reading_when(source, reaches(time.time() + 1.5))
        assert total(first) == 0
        send(producer, "opaque", *[time.time()] * 50, value=b"\xff")
        await reading_when(source, lambda reading: total(reading) == 50)
    finally:
        await source.close()
        producer.close()
    assert source.counts().events == 50


async def test_a_topic_that_does_not_exist_is_said(broker: KafkaBroker) -> None:
    source = a_source(broker.address, "nosuch", silence_seconds=0.5)
    try:
        await problem_when(source, "topic 'nosuch' does not exist, or may not be seen")
    finally:
        await source.close()


async def test_a_broker_that_is_not_there_is_said_without_waiting_for_it() -> None:
    address = f"127.0.0.1:{free_port()}"
    source = a_source(address, "requests", silence_seconds=0.5)
    try:
        await problem_when(source, f"no broker reachable at {address}")
    finally:
        await source.close()


async def problem_when(source: KafkaSource, problem: str) -> None:
    """Return once reading fails for that reason."""
    async with asyncio.timeout(40):
        while True:
            try:
                await read_all(source)
            except SourceUnavailableError as error:
                if problem in str(error):
                    return
            await asyncio.sleep(0.05)


def test_a_connection_that_fails_leaves_no_thread_behind() -> None:
    settings = KafkaSettings(
        connection=KafkaConnection(bootstrap_servers=(f"127.0.0.1:{free_port()}",))
    )
    chosen = {**consumer_settings(settings, "requests"), "bootstrap_timeout_ms": 100}
    before = threading.active_count()
    with pytest.raises(KafkaTimeoutError):
        connect(KafkaConsumer, chosen)
    assert threading.active_count() == before
