"""Readings of a topic on a real broker, and what is sent to it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from kafka import KafkaProducer

from kafka_link.connection import KafkaConnection
from predictor.adapters.kafka import KafkaCluster, KafkaSource
from predictor.errors import SourceUnavailableError
from predictor.ports import SourceReading
from predictor.settings import KafkaEvents, KafkaSettings

STEP = 1.0
HISTORY_SECONDS = 3600.0


def a_source(
    address: str,
    topic: str,
    *,
    silence_seconds: float = 10.0,
    step_seconds: float = STEP,
    lateness_seconds: float = 0.5,
    check_seconds: float = 0.2,
    **events: Any,
) -> KafkaSource:
    settings = KafkaSettings(
        connection=KafkaConnection(bootstrap_servers=(address,)),
        silence_seconds=silence_seconds,
        check_seconds=check_seconds,
        lateness_seconds=lateness_seconds,
    )
    return KafkaCluster(settings).source(
        KafkaEvents(topic=topic, **events),
        step_seconds=step_seconds,
        history_seconds=HISTORY_SECONDS,
    )


def a_producer(address: str) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=address,
        linger_ms=5,
        reconnect_backoff_max_ms=500,
        delivery_timeout_ms=60_000,
        metrics_enabled=False,
    )


def a_transactional_producer(address: str, name: str) -> KafkaProducer:
    producer = KafkaProducer(
        bootstrap_servers=address, transactional_id=name, linger_ms=5, metrics_enabled=False
    )
    producer.init_transactions()
    return producer


def send(producer: KafkaProducer, topic: str, *times: float, **record: object) -> None:
    for at in times:
        producer.send(topic, timestamp_ms=round(at * 1000), **{"value": b"{}", **record})
    producer.flush(timeout=60)


async def read_all(source: KafkaSource, step_seconds: float = STEP) -> SourceReading:
    newest = math.floor(time.time() / step_seconds)
    return await source.read(
        start=(newest - round(HISTORY_SECONDS / step_seconds)) * step_seconds,
        end=(newest + 5) * step_seconds,
        step_seconds=step_seconds,
    )


async def reading_when(
    source: KafkaSource,
    is_met: Callable[[SourceReading], bool],
    within_seconds: float = 40,
    step_seconds: float = STEP,
) -> SourceReading:
    """Return the first reading that meets the condition."""
    async with asyncio.timeout(within_seconds):
        while True:
            try:
                reading = await read_all(source, step_seconds)
            except SourceUnavailableError:
                pass
            else:
                if is_met(reading):
                    return reading
            await asyncio.sleep(0.05)


def total(reading: SourceReading) -> float:
    return round(float(np.nansum(reading.series.values)) * STEP, 6)


def reaches(at: float) -> Callable[[SourceReading], bool]:
    return lambda reading: reading.complete_until >= at
