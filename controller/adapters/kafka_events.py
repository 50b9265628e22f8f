"""Sends what the spool holds to a Kafka topic: in order per workload, until it is confirmed.

One event of a workload is under way at a time. With more, a batch that timed out could be sent
again after the one behind it. A thread of its own, as the client blocks.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from controller.adapters.event_spool import EventSpool, WaitingEvent
from controller.cloud_event import CONTENT_TYPE
from kafka_link.client import client_settings, connect, sentence_of
from kafka_link.connection import KafkaConnection
from kafka_link.log import tame

_log = logging.getLogger(__name__)
#: Workloads told of at a time.
LOT = 500
LOOK_SECONDS = 0.5
PAUSE_SECONDS = 0.5
BLOCK_SECONDS = 5.0
DELIVERY_SECONDS = 15.0
#: How long the end of a process waits for what is still to be sent.
PARTING_SECONDS = 3.0
_LOG_EVERY_SECONDS = 60.0
#: What the client or the broker says of an event that neither will ever take.
_NEVER = (MessageSizeTooLargeError, RecordListTooLargeError)


class EventSender:
    """Sends while ``is_leading``; ``wake`` may be called from any thread."""

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        spool: EventSpool,
        *,
        is_leading: Callable[[], bool],
    ) -> None:
        """Prepare; ``start`` begins."""
        self._connection, self._topic, self._spool = connection, topic, spool
        self._is_leading = is_leading
        self._awake, self._ends_at = threading.Event(), float("inf")
        self._producer: KafkaProducer | None = None
        self._logged_at = -_LOG_EVERY_SECONDS
        self._most = LOT
        self._thread = threading.Thread(target=self._run, name="headstart-events", daemon=True)
        self.sent = 0
        self.problem = ""

    def start(self) -> None:
        """Begin to send."""
        tame()
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._awake.set()

    def stop(self) -> None:
        """Send what still can be within a few seconds, and end."""
        self._ends_at = time.monotonic() + PARTING_SECONDS
        self.wake()
        self._thread.join(timeout=PARTING_SECONDS + BLOCK_SECONDS)

    def _run(self) -> None:
        while True:
            is_ending = self._ends_at < float("inf")
            try:
                has_sent = self._is_leading() and self._send_lot()
                self.problem = ""
            except (KafkaError, OSError, ValueError) as error:
                has_sent = False
                self._trouble(error)
            except Exception:
                has_sent, self.problem = False, "the sender failed"
                _log.exception("sending events failed, and begins anew")
                self._disconnect()
            if is_ending and (time.monotonic() > self._ends_at or not has_sent):
                break
            if not has_sent:
                self._awake.wait(PAUSE_SECONDS if self.problem else LOOK_SECONDS)
                self._awake.clear()
        self._disconnect()

    def _send_lot(self) -> bool:
        """Send the oldest event of each workload and have them confirmed; say if there were any.

        Raises:
            KafkaError: if some wait on, after the others were confirmed or given up.
        """
        lot = self._spool.first_of_each(self._most)
        if not lot:
            self._most = LOT
            return False
        if self._producer is None:
            self._producer = connect(KafkaProducer, self._settings())
        under_way, refused, failure = self._handed_over(self._producer, lot)
        patient_until = time.monotonic() + DELIVERY_SECONDS + BLOCK_SECONDS
        confirmed = []
        for event, future in under_way:
            try:
                future.get(timeout=max(0.0, patient_until - time.monotonic()))
                confirmed.append(event)
            except KafkaError as error:
                if isinstance(error, _NEVER) and len(lot) == 1:
                    refused.append(event)
                    # The client fails whatever comes after a refusal, too.
                    self._disconnect()
                else:
                    failure = error
        self._settle(confirmed, refused)
        # A refusal fails those under way with it: alone, each shows whether it is meant.
        self._most = 1 if isinstance(failure, _NEVER) else LOT if refused else self._most
        if failure is not None:
            raise failure
        return True

    def _handed_over(
        self, producer: KafkaProducer, lot: list[WaitingEvent]
    ) -> tuple[list[tuple[WaitingEvent, Any]], list[WaitingEvent], KafkaError | None]:
        """Return what is under way, what the client will never send, and why the rest waits."""
        under_way: list[tuple[WaitingEvent, Any]] = []
        refused = []
        for event in lot:
            try:
                under_way.append((event, self._send(producer, event)))
            except _NEVER:
                refused.append(event)
            except KafkaError as error:
                # Each of the others would wait as long, for the same.
                return under_way, refused, error
        return under_way, refused, None

    def _settle(self, confirmed: list[WaitingEvent], refused: list[WaitingEvent]) -> None:
        self._spool.confirm(confirmed)
        self.sent += len(confirmed)
        if refused:
            self._spool.give_up(refused)
            one = refused[0]
            told = (len(refused), one.workload, len(one.json), self._topic)
            _log.warning("%d events given up: one of %s, %d bytes, is too large for %r", *told)

    def _send(self, producer: KafkaProducer, event: WaitingEvent) -> Any:
        return producer.send(
            self._topic,
            key=event.workload.encode(),
            value=event.json.encode(),
            headers=[("content-type", CONTENT_TYPE.encode())],
        )

    def _settings(self) -> dict[str, object]:
        return {
            **client_settings(self._connection, client_id="headstart-controller-events"),
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": 0,
            "max_block_ms": int(BLOCK_SECONDS * 1000),
            "delivery_timeout_ms": int(DELIVERY_SECONDS * 1000),
            "metrics_enabled": False,
        }

    def _trouble(self, error: Exception) -> None:
        sentence = sentence_of(error, self._connection)
        if isinstance(error, KafkaTimeoutError) and "metadata" in str(error).lower():
            sentence = "does not exist, may not be seen, or no broker answers"
        self.problem = f"topic {self._topic!r}: {sentence}"
        if time.monotonic() - self._logged_at >= _LOG_EVERY_SECONDS:
            self._logged_at = time.monotonic()
            _log.warning("events wait: %s", self.problem)
        # What is left in this producer would be sent after what comes next.
        self._disconnect()

    def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError):
                producer.close(timeout=0)
