"""Asks how far a topic is written, open transactions included: with a client of its own.

A consumer that must not see open transactions is told of what they have written by the answers to
its fetches alone, and with records in hand it fetches nothing: those may be of long ago.
"""

from __future__ import annotations

from kafka import KafkaConsumer, TopicPartition

from kafka_link.client import CALL_TIMEOUT_MS, connect
from predictor.adapters.kafka_thread import consumer_settings
from predictor.settings import KafkaSettings


class WrittenEnds:
    """Connects when asked and stays so; belongs to the thread that asks."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        """Keep what is needed; nothing is connected yet."""
        self._settings, self._topic = settings, topic
        self._client: KafkaConsumer | None = None

    def __call__(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the ends of the partitions.

        Raises:
            KafkaError: if no broker answers in time, or refuses.
            ValueError: if the password file can't be read.
        """
        if self._client is None:
            chosen = consumer_settings(self._settings, self._topic, sees_uncommitted=True)
            self._client = connect(KafkaConsumer, chosen)
        ends: dict[TopicPartition, int] = self._client.end_offsets(
            partitions, timeout_ms=CALL_TIMEOUT_MS
        )
        return ends

    def close(self) -> None:
        """Let go of the connection; the next question makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            client.close(timeout_ms=CALL_TIMEOUT_MS)
