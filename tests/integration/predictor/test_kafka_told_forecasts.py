"""Forecasts of others on a real broker: the newest counts, poison does not."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from kafka import KafkaProducer

from kafka_link.connection import KafkaConnection
from models.codec import encode_forecast
from models.forecast import WorkloadName
from predictor.adapters.kafka_told_forecasts import ToldForecasts
from predictor.settings import KafkaSettings
from tests.parts.kafka import KafkaBroker
from tests.parts.service import until
from tests.unit.predictor.builders import START, a_forecast

CHAT = WorkloadName("chat")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def send(broker: KafkaBroker, topic: str, *records: tuple[bytes | None, Any]) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, metrics_enabled=False)
    for key, value in records:
        raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
        producer.send(topic, key=key, value=raw)
    producer.close(timeout=30)


async def test_the_newest_forecast_of_a_workload_is_known_and_poison_is_skipped(
    kafka_broker: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    kafka_broker.create_topic("told", 1)
    newer, older = a_forecast(3.0, issued_at=START + 10), a_forecast(9.0)
    good = encode_forecast(newer)
    send(
        kafka_broker,
        "told",
        (b"chat", b"\xff"),
        (b"other", good),
        (b"chat", {**good, "values": []}),
        (b"chat", good),
        (b"chat", encode_forecast(older)),
        (b"gone", {**good, "workload": "gone"}),
        (b"gone", None),
    )
    connection = KafkaConnection(bootstrap_servers=(kafka_broker.address,))
    topic = ToldForecasts(KafkaSettings(connection=connection, check_seconds=0.1), "told")
    with caplog.at_level(logging.WARNING):
        mine, gone = topic.of(CHAT), topic.of(WorkloadName("gone"))
        try:
            until(mine.latest, "a forecast")
            until(lambda: topic.poison.count == 3 and gone.latest() is None, "everything read")
            known = mine.latest()
        finally:
            await mine.close()
            await gone.close()
    assert known is not None
    assert (known.issued_at, known.values.tolist()) == (START + 10, newer.values.tolist())
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "told-0: forecast at offset 0 skipped" in said
    assert "offset 1 skipped: forecast.workload: 'chat' given, the key is 'other'" in said
    assert "offset 2 skipped: forecast.values: nothing given" in said
