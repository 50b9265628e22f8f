"""The thread that owns a Kafka consumer: connects, hands it to its work, connects again.

No group, partitions assigned by hand: looking on never makes anybody's group rebalance.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import AuthorizationError, KafkaError

from kafka_link.client import (
    BOOTSTRAP_SECONDS,
    CALL_TIMEOUT_MS,
    client_settings,
    connect,
    sentence_of,
)
from kafka_link.log import tame
from predictor.settings import KafkaSettings

LOGGER = logging.getLogger(__name__)
PAUSE_SECONDS = 0.5
#: A topic's partitions are asked for as often as its ends, but not more often than this.
PARTITIONS_LEAST_SECONDS = 0.2


class ConsumerWork(Protocol):
    """What is done with the consumer, always in its thread."""

    def attach(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Take over a new connection, or new partitions."""
        ...

    def turn(self, consumer: KafkaConsumer) -> bool:
        """Do a fraction of a second's work; say whether the broker was heard."""
        ...


class ConsumerThread:
    """Keeps one consumer of one topic alive, come what may."""

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        work: ConsumerWork,
        *,
        sees_uncommitted: bool = False,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; ``start`` begins. ``at_end`` is called when a connection is given up."""
        self._settings, self._at_end = settings, at_end
        self._sees_uncommitted = sees_uncommitted
        self._topic = topic
        self._work = work
        self._stopped = threading.Event()
        self._heard_at = time.monotonic()
        self._problem = "no broker answered yet"
        self._thread = threading.Thread(
            target=self._run, name=f"headstart-kafka-{topic}", daemon=True
        )

    def start(self) -> None:
        """Begin to read."""
        tame()
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for that a few seconds; never longer."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=BOOTSTRAP_SECONDS + 1)

    def silence(self) -> str | None:
        """Say what is wrong if the broker was not heard for too long; else None."""
        if time.monotonic() - self._heard_at <= self._settings.silence_seconds:
            return None
        return self._problem

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._consume()
            except (KafkaError, OSError, ValueError) as error:
                self._problem = self._sentence(error)
            except Exception as error:
                self._problem = f"the reader failed ({type(error).__name__})"
                LOGGER.exception("kafka: reading topic %r failed, and begins anew", self._topic)
            self._stopped.wait(PAUSE_SECONDS)

    def _consume(self) -> None:
        chosen = consumer_settings(
            self._settings, self._topic, sees_uncommitted=self._sees_uncommitted
        )
        consumer = connect(KafkaConsumer, chosen)
        try:
            partitions = self._partitions(consumer)
            self._work.attach(consumer, partitions)
            while not self._stopped.is_set():
                if self._work.turn(consumer):
                    self._heard_at = time.monotonic()
                    self._problem = "the broker is silent"
                # What the client knows already; it asks anew by itself.
                if (found := self._partitions(consumer)) != partitions:
                    partitions = found
                    self._work.attach(consumer, partitions)
        finally:
            try:
                self._at_end()
            finally:
                consumer.close(timeout_ms=CALL_TIMEOUT_MS)

    def _partitions(self, consumer: KafkaConsumer) -> list[TopicPartition]:
        numbers = consumer.partitions_for_topic(self._topic)
        if not numbers:
            raise ValueError(f"topic {self._topic!r} does not exist, or may not be seen")
        return [TopicPartition(self._topic, number) for number in sorted(numbers)]

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, AuthorizationError):
            return f"not allowed to read topic {self._topic!r}"
        return sentence_of(error, self._settings.connection)


def consumer_settings(
    settings: KafkaSettings, topic: str, *, sees_uncommitted: bool = False
) -> dict[str, object]:
    """Return kafka-python's settings; by them what a transaction takes back is never seen.

    Raises:
        ValueError: if the password file can't be read.
    """
    return {
        **client_settings(settings.connection, client_id=f"headstart-predictor-{topic}"),
        # Until a partition is known its events look like no demand. Known within a second, it is
        # before a step could count as whole in which they came: events may be late by two.
        "metadata_max_age_ms": int(1000 * max(PARTITIONS_LEAST_SECONDS, settings.check_seconds)),
        "group_id": None,
        "enable_auto_commit": False,
        # Offsets that are gone must raise: a silent jump would look like no demand.
        "auto_offset_reset": "none",
        "max_poll_records": 5_000,
        "isolation_level": "read_uncommitted" if sees_uncommitted else "read_committed",
        # Each fetch names all it wants: there is no session with a broker to get out of step.
        "enable_incremental_fetch_sessions": False,
    }
