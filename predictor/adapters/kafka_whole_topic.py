"""Reads a topic from its beginning and goes on: the work of a consumer thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from kafka_link.client import CALL_TIMEOUT_MS
from predictor.adapters.poison_log import PoisonLog

POLL_MS = 200


class WholeTopic:
    """Hands every record on; ``has_read_all`` once all that was there at first has been.

    A record on which ``take`` fails, whatever the error, is noted as poison and skipped.
    """

    def __init__(
        self, take: Callable[[Any], None], *, poison: PoisonLog, check_seconds: float
    ) -> None:
        """Begin with nothing read; ``take`` is called in the consumer's thread."""
        self._take, self._poison, self._check_seconds = take, poison, check_seconds
        self._positions: dict[TopicPartition, int] = {}
        self._behind: dict[TopicPartition, int] = {}
        self._checked_at = 0.0
        self.has_read_all = False

    def attach(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Go on where reading ended, or at what is left of the topic."""
        consumer.assign(partitions)
        begins = consumer.beginning_offsets(partitions, timeout_ms=CALL_TIMEOUT_MS)
        ends = consumer.end_offsets(partitions, timeout_ms=CALL_TIMEOUT_MS)
        for partition in partitions:
            position = self._positions.get(partition, -1)
            if not begins[partition] <= position <= ends[partition]:
                position = begins[partition]
            self._positions[partition] = position
            consumer.seek(partition, position)
        self._behind = ends

    def turn(self, consumer: KafkaConsumer) -> bool:
        """Read what is there; now and then ask for the end, for silence may be a dead broker."""
        polled = consumer.poll(timeout_ms=POLL_MS)
        for partition, records in polled.items():
            for record in records:
                self._positions[partition] = record.offset + 1
                self._hand_on(record)
        if time.monotonic() - self._checked_at < self._check_seconds:
            return bool(polled)
        self._checked_at = time.monotonic()
        # Raises where the permission is gone: a poll would only be empty.
        consumer.end_offsets(list(self._positions), timeout_ms=CALL_TIMEOUT_MS)
        for partition, end in list(self._behind.items()):
            # Transactions' markers take offsets that no record has.
            position = consumer.position(partition, timeout_ms=CALL_TIMEOUT_MS) or 0
            if position >= end:
                del self._behind[partition]
        self.has_read_all = self.has_read_all or not self._behind
        return True

    def _hand_on(self, record: Any) -> None:
        try:
            self._take(record)
        except Exception as error:  # Else this record would be read again without end.
            self._poison.skip(record, error)
