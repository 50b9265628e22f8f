"""A replay of what a real broker still has."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest

from headstart.__main__ import main
from headstart.errors import RunFailedError
from headstart.recorded_events import recorded_events
from kafka_link.connection import KafkaConnection
from predictor.settings import KafkaEvents
from tests.parts.kafka import KafkaBroker
from tests.parts.ports import free_port

STEP_SECONDS = 10.0
MINUTES = 30


def sent(broker: KafkaBroker, topic: str) -> np.ndarray:
    """Send half an hour of events, as many in each ten seconds as the array returned says."""
    from kafka import KafkaProducer

    broker.create_topic(topic, partitions=3)
    counts = np.random.default_rng(4).poisson(8.0, size=MINUTES * 6)
    counts[0] += 1
    begin = math.floor(time.time() / STEP_SECONDS - len(counts) - 2) * STEP_SECONDS
    producer = KafkaProducer(bootstrap_servers=broker.address, metrics_enabled=False)
    for step, count in enumerate(counts.tolist()):
        for number in range(count):
            at = begin + step * STEP_SECONDS + (number + 0.5) / count * STEP_SECONDS
            value = json.dumps({"at": at, "tokens": 2}).encode()
            producer.send(topic, key=b"chat", value=value)
        producer.send(topic, key=b"other", value=json.dumps({"at": begin}).encode())
    producer.flush(timeout=60)
    producer.close()
    return counts


def test_the_events_of_a_topic_are_a_trace(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    counts = sent(kafka_broker, "recorded")
    connection = KafkaConnection(bootstrap_servers=(kafka_broker.address,))
    events = KafkaEvents(topic="recorded", key="chat", timestamp_field="at", weight_field="tokens")

    trace = recorded_events(connection, events, days=0.5, now=time.time())

    assert trace.requests[: len(counts)] == pytest.approx(2 * counts)
    assert np.nansum(trace.requests[len(counts) :]) == 0

    out = tmp_path / "out"
    options = ["--kafka", kafka_broker.address, "--topic", "recorded", "--key", "chat"]
    options += ["--timestamp-field", "at", "--days", "0.1", "--warmup", "600s"]
    assert main(["replay", *options, "--out", str(out), "--json"]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["trace"] == "recorded"
    assert summary["attained_share"] > 0.5


def test_a_topic_without_events_of_the_time_is_said_to_have_none(
    kafka_broker: KafkaBroker,
) -> None:
    kafka_broker.create_topic("silent")
    connection = KafkaConnection(bootstrap_servers=(kafka_broker.address,))
    with pytest.raises(RunFailedError, match="--topic: silent has no event of the last 2 days"):
        recorded_events(connection, KafkaEvents(topic="silent"), days=2, now=time.time())


def test_a_broker_that_is_not_there_is_one_line() -> None:
    connection = KafkaConnection(bootstrap_servers=(f"127.0.0.1:{free_port()}",))
    with pytest.raises(RunFailedError, match=r"^--kafka: "):
        recorded_events(
            connection, KafkaEvents(topic="any"), days=1, now=time.time(), patience_seconds=1.0
        )
