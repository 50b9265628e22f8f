"""Where a controller has its outlooks from: a predictor's stream, or the forecast topic."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from controller.adapters.forecast_topic import ForecastTopic
from controller.adapters.predictor import PredictorStream
from controller.ports import Outlooks
from headstart.forecast_options import TopicSetting
from headstart.process_metrics import show_connection, show_forecast_topic
from predictor.adapters.kafka_thread import ConsumerThread
from predictor.settings import KafkaSettings

_SPREAD = random.Random()
Parts = Sequence[Coroutine[Any, Any, None]]


async def open_outlooks(
    stack: AsyncExitStack, registry: CollectorRegistry, source: str | TopicSetting
) -> tuple[Outlooks, Parts]:
    """Return the outlooks of a predictor's URL or of a topic, and what is to run for them."""
    if isinstance(source, TopicSetting):
        return _topic(stack, registry, source), ()
    client = await stack.enter_async_context(httpx.AsyncClient(base_url=source))
    stream = PredictorStream(client, luck=_SPREAD.random)
    show_connection(registry, lambda: stream.is_connected)
    return stream, (stream.follow(),)


def _topic(
    stack: AsyncExitStack, registry: CollectorRegistry, source: TopicSetting
) -> ForecastTopic:
    topic = ForecastTopic()
    # Predictors use no transactions, and one that somebody left open must not hold outlooks up.
    thread = ConsumerThread(
        KafkaSettings(connection=source.connection), source.topic, topic, sees_uncommitted=True
    )
    show_connection(registry, lambda: topic.is_caught_up and thread.silence() is None)
    show_forecast_topic(registry, topic)
    thread.start()
    stack.push_async_callback(asyncio.to_thread, thread.stop)
    return topic
