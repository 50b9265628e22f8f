"""Sends records to the forecast topic. Every call may wait for a broker: never from a loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from kafka_link.client import CALL_TIMEOUT_MS, client_settings, connect, sentence_of
from kafka_link.connection import KafkaConnection
from models.codec import CodecError
from models.forecast_record import Fence, ForecastRecord, encode_record
from predictor.ports import PublishCounts
from predictor.publication import MOST_BYTES, without_forecast

LOGGER = logging.getLogger(__name__)
#: A forecast that was not delivered by then is outdated: the next one is on its way.
DELIVERY_MS = 8_000


class ForecastPublisher:
    """Publishes for one topic; connects at the first record, and again after a failure."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: str,
        may_publish: Callable[[int, Fence], bool],
    ) -> None:
        """Ask ``may_publish`` before each record is handed to the client."""
        self._connection, self._topic, self._may_publish = connection, topic, may_publish
        self._producer: KafkaProducer | None = None
        self._lock = threading.Lock()
        self._tally = dict.fromkeys(PublishCounts.__slots__, 0)

    def counts(self) -> PublishCounts:
        """Return what became of the records so far."""
        with self._lock:
            return PublishCounts(**self._tally)

    def publish(self, records: Sequence[tuple[int, ForecastRecord]]) -> int:
        """Hand records over, each with its partition; return how many, from the first on.

        Stops at the first one that the client does not take: the broker is away.
        """
        sent = 0
        for partition, record in records:
            if self._may_publish(partition, record.fence) and not self._send(partition, record):
                break
            sent += 1
        return sent

    def close(self) -> None:
        """Let what was handed over go out, a moment long."""
        if self._producer is not None:
            self._producer.close(timeout=CALL_TIMEOUT_MS / 1000)
            self._producer = None

    def _send(self, partition: int, record: ForecastRecord) -> bool:
        try:
            key, value, headers = self._encoded(record)
            producer = self._connected()
            future = producer.send(
                self._topic, key=key, value=value, headers=headers, partition=partition
            )
        except CodecError as error:
            self._count("refused")
            LOGGER.error("%s: not published: %s", record.workload, error)
            return True
        except (KafkaError, OSError, ValueError, AssertionError) as error:
            self._count("failed")
            LOGGER.debug("kafka: not published: %s", sentence_of(error, self._connection))
            return False
        future.add_callback(self._delivered)
        future.add_errback(self._failed)
        return True

    def _encoded(
        self, record: ForecastRecord
    ) -> tuple[bytes, bytes | None, list[tuple[str, bytes]]]:
        key, value, headers = encode_record(record)
        if value is not None and len(value) > MOST_BYTES and record.outlook is not None:
            self._count("shortened")
            shorter = replace(record, outlook=without_forecast(record.outlook))
            return encode_record(shorter)
        return key, value, headers

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = connect(KafkaProducer, self._settings())
        return self._producer

    def _delivered(self, _: Any) -> None:
        self._count("published")

    def _failed(self, _: Any) -> None:
        self._count("failed")

    def _count(self, kind: str) -> None:
        with self._lock:
            self._tally[kind] += 1

    def _settings(self) -> dict[str, object]:
        return {
            **client_settings(self._connection, client_id="headstart-forecasts"),
            "acks": "all",
            # In order without idempotence, whose producer a late delivery would end for good.
            "enable_idempotence": False,
            "max_in_flight_requests_per_connection": 1,
            "compression_type": "gzip",
            "linger_ms": 50,
            "batch_size": 128 * 1024,
            "max_block_ms": CALL_TIMEOUT_MS,
            "request_timeout_ms": 5_000,
            "delivery_timeout_ms": DELIVERY_MS,
        }
