"""The topic's reader on a real broker, turned by hand, while transactions are open."""

from __future__ import annotations

import contextlib
import time

from kafka import KafkaConsumer, TopicPartition

from kafka_link.client import connect
from kafka_link.connection import KafkaConnection
from predictor.adapters.kafka_thread import consumer_settings
from predictor.adapters.kafka_topic import TopicReader
from predictor.adapters.kafka_written_ends import WrittenEnds
from predictor.event_counter import EventCounter
from predictor.settings import KafkaEvents, KafkaSettings
from tests.integration.predictor.kafka_readings import a_producer, a_transactional_producer, send
from tests.parts.kafka import KafkaBroker

EVENTS = 20


def test_a_transaction_that_opens_while_reading_lags_is_not_taken_for_no_demand(
    kafka_broker: KafkaBroker,
) -> None:
    kafka_broker.create_topic("lags", 2)
    settings = KafkaSettings(
        connection=KafkaConnection(bootstrap_servers=(kafka_broker.address,)), check_seconds=1e-9
    )
    counter = EventCounter(
        KafkaEvents(topic="lags"), step_seconds=1, history_seconds=60, now=time.time()
    )
    # One event a turn: so an answer of a busy partition, of a hundred thousand, lasts for seconds.
    chosen = {**consumer_settings(settings, "lags"), "max_poll_records": 1}
    with contextlib.ExitStack() as stack:
        consumer = connect(KafkaConsumer, chosen)
        stack.callback(consumer.close)
        written = stack.enter_context(contextlib.closing(WrittenEnds(settings, "lags")))
        busy = stack.enter_context(contextlib.closing(a_producer(kafka_broker.address)))
        held = stack.enter_context(
            contextlib.closing(a_transactional_producer(kafka_broker.address, "lagging"))
        )
        send(busy, "lags", time.time(), partition=0)
        send(busy, "lags", *[time.time()] * EVENTS, partition=1)
        reader = TopicReader(settings, written, clock=time.time)
        reader.add(counter)
        reader.attach(consumer, [TopicPartition("lags", 0), TopicPartition("lags", 1)])
        while counter.counts().events < EVENTS // 2:
            reader.turn(consumer)
        held.begin_transaction()
        opened_at = time.time()
        send(held, "lags", opened_at, partition=0)
        # What is waited for is that nothing happens: events may be late by less than this.
        while time.time() < opened_at + settings.lateness_seconds + 2.0:
            if time.time() > opened_at + settings.lateness_seconds + 1.0:
                reader.turn(consumer)
            assert (counter.complete_until or 0.0) <= opened_at
        held.commit_transaction()
        while (counter.complete_until or 0.0) <= opened_at:
            reader.turn(consumer)
    assert (counter.counts().events, counter.counts().late) == (EVENTS + 2, 0)
