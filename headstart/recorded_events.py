"""A trace out of the request events that a Kafka topic still has, instead of a file."""

from __future__ import annotations

import asyncio
import math
import time

import numpy as np

from headstart.errors import RunFailedError
from headstart.recorded_demand import DAY_SECONDS, STEP_SECONDS, checked_days, trace_since
from headstart.traces import Trace
from kafka_link.connection import KafkaConnection
from predictor.adapters.kafka import KafkaCluster, KafkaSource
from predictor.errors import SourceUnavailableError
from predictor.ports import SourceReading
from predictor.settings import KafkaEvents, KafkaSettings

#: By then what keeps the topic from being read is final.
PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.2


def recorded_events(
    connection: KafkaConnection,
    events: KafkaEvents,
    *,
    days: float,
    now: float,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Trace:
    """Return the demand of the ``days`` before ``now``, from the first event on.

    It gives up when no event has come in for ``patience_seconds``.

    Raises:
        UsageError: if the days can't be used.
        RunFailedError: if the topic can't be read, or has no event of that time.
    """
    checked_days(days)
    end = math.floor(now / STEP_SECONDS) * STEP_SECONDS
    start = end - max(1, round(days * DAY_SECONDS / STEP_SECONDS)) * STEP_SECONDS
    try:
        reading = asyncio.run(_read(connection, events, (start, end), patience_seconds))
    except SourceUnavailableError as error:
        raise RunFailedError(f"--kafka: {error}") from error
    series = reading.series.between(start, min(end, reading.complete_until))
    seen = np.nan_to_num(series.values) > 0.0
    if not seen.any():
        raise RunFailedError(
            f"--topic: {events.topic} has no event of the last {days:g} days that could be counted"
        )
    return trace_since(events.topic, series, seen)


async def _read(
    connection: KafkaConnection,
    events: KafkaEvents,
    span: tuple[float, float],
    patience_seconds: float,
) -> SourceReading:
    cluster = KafkaCluster(KafkaSettings(connection=connection))
    source = cluster.source(
        events, step_seconds=STEP_SECONDS, history_seconds=time.time() - span[0]
    )
    try:
        return await _when_read(source, span, patience_seconds)
    finally:
        await source.close()


async def _when_read(
    source: KafkaSource, span: tuple[float, float], patience_seconds: float
) -> SourceReading:
    """Return the reading once all history is in; give up when nothing comes in any more."""
    counted, since = 0, time.monotonic()
    while True:
        try:
            return await source.read(start=span[0], end=span[1], step_seconds=STEP_SECONDS)
        except SourceUnavailableError:
            if source.counts().events > counted:
                counted, since = source.counts().events, time.monotonic()
            if time.monotonic() - since > patience_seconds:
                raise
        await asyncio.sleep(_LOOK_SECONDS)
