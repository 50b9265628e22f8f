"""The real parts themselves: what other tests lean on must hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeVar

import pytest
import requests
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.conftest import StartKafka, StartPrometheus
from tests.parts.errors import RealPartError
from tests.parts.kafka import KafkaBroker
from tests.parts.loopback_server import LoopbackServer
from tests.parts.prometheus import PrometheusServer
from tests.parts.remote_write import WrittenSeries

T = TypeVar("T")
PATIENCE_SECONDS = 60.0


def test_a_message_comes_back_from_the_broker_with_its_key_and_time(
    kafka_broker: KafkaBroker,
) -> None:
    kafka_broker.create_topic("round-trip", partitions=3)
    send(kafka_broker, "round-trip", b"hello", partition=2, timestamp_ms=1_000)
    [record] = read(kafka_broker, "round-trip", partition=2, count=1)
    assert (record.key, record.value, record.timestamp) == (b"chat", b"hello", 1_000)


def test_a_killed_broker_comes_back_on_its_port_with_its_data(start_kafka: StartKafka) -> None:
    broker = start_kafka()
    broker.create_topic("kept")
    send(broker, "kept", b"before")
    address, first_pid = broker.address, broker.pid
    broker.kill()
    assert not broker.is_alive
    assert not broker.answers()
    broker.restart()
    send(broker, "kept", b"after")
    assert (broker.address, broker.pid != first_pid) == (address, True)
    assert [r.value for r in read(broker, "kept", count=2)] == [b"before", b"after"]


def test_prometheus_scrapes_a_target_within_seconds(
    start_prometheus: StartPrometheus, counter_target: str
) -> None:
    server = start_prometheus([counter_target])
    [series] = until(lambda: server.query("requests_total"))
    assert series["metric"]["instance"] == counter_target
    assert float(series["value"][1]) == 42.0


def test_history_written_to_prometheus_can_be_asked_for_and_outlives_a_crash(
    start_prometheus: StartPrometheus,
) -> None:
    server = start_prometheus([])
    newest = float(int(time.time()) // 60 * 60 - 60)
    moments = [newest - 60 * i for i in reversed(range(3 * 24 * 60))]
    server.remote_write(
        [
            WrittenSeries(
                name="requests_total",
                labels={"workload": workload},
                samples=[(at, factor * i) for i, at in enumerate(moments)],
            )
            for workload, factor in (("chat", 1.0), ("embed", 2.0))
        ]
    )
    server.kill()
    server.restart()
    [series] = server.query_range(
        'requests_total{workload="embed"}', start=moments[0], end=moments[0] + 120, step_seconds=60
    )
    assert [float(value) for _, value in series["values"]] == [0.0, 2.0, 4.0]
    [rate] = server.query(f"rate(requests_total{{workload='chat'}}[2d] @ {newest:.0f}) * 60")
    assert float(rate["value"][1]) == pytest.approx(1.0, rel=0.01)


def test_a_frozen_server_is_silent_until_it_is_thawed(start_prometheus: StartPrometheus) -> None:
    server = start_prometheus([])
    server.freeze()
    with pytest.raises(requests.Timeout):
        requests.get(f"{server.url}/-/ready", timeout=0.5)
    server.thaw()
    assert until(server.answers)


def test_prometheus_says_why_it_refuses_a_query(prometheus_server: PrometheusServer) -> None:
    with pytest.raises(RealPartError, match="parse error"):
        prometheus_server.query("sum(")


def test_a_server_that_can_not_start_is_reported_with_the_end_of_its_log(
    start_prometheus: StartPrometheus,
) -> None:
    server = start_prometheus([])
    server.stop()
    (server.folder / "prometheus.yml").write_text("nonsense: 1\n", encoding="utf-8")
    with pytest.raises(RealPartError, match=r"(?s)ended with \d+ while starting.*nonsense"):
        server.start()
    assert not server.is_alive


@pytest.fixture
def counter_target() -> Iterator[str]:
    class Counter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"# TYPE requests_total counter\nrequests_total 42\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = LoopbackServer(("127.0.0.1", 0), Counter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(
    broker: KafkaBroker,
    topic: str,
    value: bytes,
    *,
    partition: int = 0,
    timestamp_ms: int | None = None,
) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, max_block_ms=30_000)
    try:
        sent = producer.send(
            topic, value, key=b"chat", partition=partition, timestamp_ms=timestamp_ms
        )
        sent.get(timeout=PATIENCE_SECONDS)
    finally:
        producer.close()


def read(broker: KafkaBroker, topic: str, *, count: int, partition: int = 0) -> list[Any]:
    consumer = KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(topic, partition)])
        records: list[Any] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(records) < count and time.monotonic() < deadline:
            for polled in consumer.poll(timeout_ms=200).values():
                records += polled
        return records
    finally:
        consumer.close()


def until(ask: Callable[[], T]) -> T:
    """Ask again until the answer is not empty, or patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    answer = ask()
    while not answer and time.monotonic() < deadline:
        time.sleep(0.05)
        answer = ask()
    return answer
