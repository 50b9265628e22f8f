"""The thread that owns a Kafka consumer: connects, hands it to its work, connects again.

No group, partitions assigned by hand: looking on never makes anybody's group rebalance.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    KafkaTimeoutError,
)

from predictor.adapters.kafka_log import LAST_WORDS, tame
from predictor.settings import KafkaSettings

LOGGER = logging.getLogger(__name__)
BOOTSTRAP_SECONDS = 3.0
CALL_TIMEOUT_MS = 2_000
PAUSE_SECONDS = 0.5
PARTITIONS_EVERY_SECONDS = 30.0


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

    def __init__(self, settings: KafkaSettings, topic: str, work: ConsumerWork) -> None:
        """Prepare; ``start`` begins."""
        self._settings = settings
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
        consumer = connect(consumer_settings(self._settings, self._topic))
        try:
            partitions = self._partitions(consumer)
            self._work.attach(consumer, partitions)
            looked_at = time.monotonic()
            while not self._stopped.is_set():
                if self._work.turn(consumer):
                    self._heard_at = time.monotonic()
                    self._problem = "the broker is silent"
                if time.monotonic() - looked_at >= PARTITIONS_EVERY_SECONDS:
                    looked_at = time.monotonic()
                    if len(found := self._partitions(consumer)) != len(partitions):
                        partitions = found
                        self._work.attach(consumer, partitions)
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
        if isinstance(error, KafkaTimeoutError) and "bootstrap" in str(error).lower():
            servers = ",".join(self._settings.bootstrap_servers)
            # The client tells why only in its log.
            words = LAST_WORDS.newest(within_seconds=2 * BOOTSTRAP_SECONDS)
            return f"no broker reachable at {servers}" + (f" ({words})" if words else "")
        if isinstance(error, KafkaTimeoutError):
            return "the broker does not answer"
        if isinstance(error, KafkaError):
            return f"the broker refused ({type(error).__name__})"
        return str(error)


def connect(chosen: dict[str, object]) -> KafkaConsumer:
    """Return a consumer, connected.

    A constructor that fails leaves its network thread and its sockets behind, for ever; with an
    attempt every few seconds that adds up. So the client inside is made by us, and closed.

    Raises:
        KafkaError: if no broker answers in time.
    """
    made = []

    def make_client(**settings: object) -> object:
        client = KafkaConsumer.DEFAULT_CONFIG["kafka_client"](**settings)
        made.append(client)
        return client

    try:
        return KafkaConsumer(**chosen, kafka_client=make_client)
    except BaseException:
        for client in made:
            client.close()
        raise


def consumer_settings(settings: KafkaSettings, topic: str) -> dict[str, object]:
    """Return kafka-python's settings.

    Raises:
        ValueError: if the password file can't be read.
    """
    chosen: dict[str, object] = {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "client_id": f"headstart-predictor-{topic}",
        "bootstrap_timeout_ms": int(BOOTSTRAP_SECONDS * 1000),
        "request_timeout_ms": 10_000,
        # The default, 30 s, is how late reading would resume after an outage.
        "reconnect_backoff_max_ms": 1_000,
        "metadata_max_age_ms": int(PARTITIONS_EVERY_SECONDS * 1000),
        "group_id": None,
        "enable_auto_commit": False,
        # Offsets that are gone must raise: a silent jump would look like no demand.
        "auto_offset_reset": "none",
        "max_poll_records": 5_000,
        "security_protocol": settings.security_protocol,
    }
    if settings.ca_file is not None:
        chosen["ssl_cafile"] = str(settings.ca_file)
    if settings.uses_sasl:
        chosen["sasl_mechanism"] = settings.sasl_mechanism
        chosen["sasl_plain_username"] = settings.user_name
        chosen["sasl_plain_password"] = _password(settings)
    return chosen


def _password(settings: KafkaSettings) -> str | None:
    if settings.password_file is None:
        return settings.password
    try:
        return settings.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the password file {settings.password_file} can't be read") from error
