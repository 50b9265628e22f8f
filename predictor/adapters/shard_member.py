"""A predictor's membership in the consumer group that shares the forecast topic's partitions out.

One thread owns the consumer. A partition that is new is read from its beginning to its end: that
tells the highest right to publish so far, and the last words of who held it before.
"""

from __future__ import annotations

import logging
import threading
import time

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    CommitFailedError,
    KafkaError,
    RebalanceInProgressError,
)
from kafka.structs import MemberState

from kafka_link.client import (
    BOOTSTRAP_SECONDS,
    CALL_TIMEOUT_MS,
    client_settings,
    connect,
    sentence_of,
)
from kafka_link.connection import KafkaConnection
from kafka_link.log import tame
from models.forecast_record import Fence
from predictor.adapters.forecast_topic import ensure_topic
from predictor.adapters.shard_state import SESSION_SECONDS, ShardState
from predictor.sharding import Holding

LOGGER = logging.getLogger(__name__)
CONFIRM_SECONDS = 1.0
POLL_MS = 200
#: While the group changes: a poll that ends before a join does may lose it. (kafka-python 3.0.12: a
#: leader that joins again as partitions became known forgets to ask how that ended.)
JOIN_POLL_MS = 3_000
#: So long without being a member, and the consumer is made anew: longer than a rebalance waits.
UNSTABLE_SECONDS = 45.0
PAUSE_SECONDS = 0.5
#: Errors for this long, and the consumer is made anew.
PATIENCE_SECONDS = 30.0


class ShardMember:
    """Takes part in a group, and says at any time what it holds; see ``predictor.sharding``."""

    def __init__(
        self, connection: KafkaConnection, *, topic: str, group: str, new_partitions: int
    ) -> None:
        """Prepare; a topic that is missing is made, with ``new_partitions``."""
        self._connection, self._topic, self._group = connection, topic, group
        self._new_partitions = new_partitions
        self._state = ShardState(group)
        self._asked_at = -CONFIRM_SECONDS
        self._stable_at = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headstart-shard", daemon=True)

    def start(self) -> None:
        """Join."""
        tame()
        self._thread.start()

    def stop(self) -> None:
        """Leave, so that the others take over at once; wait a few seconds for that."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=BOOTSTRAP_SECONDS + 1)

    def holding(self) -> Holding:
        """Return what is held now."""
        return self._state.holding()

    def may_publish(self, partition: int, fence: Fence) -> bool:
        """Say whether this right is still ours."""
        return self._state.may_publish(partition, fence)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._take_part()
            except (KafkaError, OSError, ValueError) as error:
                self._state.complain(self._sentence(error))
            except Exception as error:
                self._state.complain(f"the group's member failed ({type(error).__name__})")
                LOGGER.exception("kafka: group %r failed, and is joined anew", self._group)
            self._state.drop()
            self._stopped.wait(PAUSE_SECONDS)

    def _take_part(self) -> None:
        ensure_topic(self._connection, self._topic, partitions=self._new_partitions)
        consumer = connect(KafkaConsumer, self._settings())
        self._stable_at = time.monotonic()
        try:
            # Before joining: who joins without knowing the partitions is assigned none at first.
            if not consumer.partitions_for_topic(self._topic):
                raise ValueError(f"topic {self._topic!r} does not exist, or may not be seen")
            consumer.subscribe([self._topic], listener=_Listener(self._state))
            failing_since: float | None = None
            while not self._stopped.is_set():
                try:
                    self._turn(consumer)
                    failing_since = None
                except (KafkaError, AssertionError) as error:
                    # Polls of a group may fail while a broker is away, and recover by themselves.
                    self._state.complain(self._sentence(error))
                    failing_since = failing_since or time.monotonic()
                    if time.monotonic() - failing_since > PATIENCE_SECONDS:
                        raise
                    self._stopped.wait(PAUSE_SECONDS)
        finally:
            consumer.close(timeout_ms=CALL_TIMEOUT_MS)

    def _turn(self, consumer: KafkaConsumer) -> None:
        is_stable = consumer.group_metadata().state == MemberState.STABLE
        found = consumer.poll(timeout_ms=POLL_MS if is_stable else JOIN_POLL_MS)
        for topic_partition, records in found.items():
            self._state.take(topic_partition.partition, records)
        member = consumer.group_metadata()
        if member.state != MemberState.STABLE:
            if time.monotonic() - self._stable_at > UNSTABLE_SECONDS:
                raise TimeoutError(f"joining group {self._group!r} does not end")
            return
        self._stable_at = time.monotonic()
        if self._state.is_lost:
            return
        assigned = frozenset(one.partition for one in consumer.assignment())
        if consumer.group_metadata().generation_id != member.generation_id:
            return  # a rebalance came between: the next turn sees all of it
        self._begin(consumer, assigned, member.generation_id)
        self._take_over(consumer)
        self._confirm(consumer, assigned)

    def _begin(self, consumer: KafkaConsumer, assigned: frozenset[int], generation: int) -> None:
        """Begin to read what was newly assigned."""
        partitions = len(consumer.partitions_for_topic(self._topic) or ())
        numbers = self._state.follow(assigned, partitions=partitions)
        if not numbers:
            return
        fresh = [TopicPartition(self._topic, number) for number in numbers]
        ends = consumer.end_offsets(fresh, timeout_ms=CALL_TIMEOUT_MS)
        consumer.seek_to_beginning(*fresh)
        consumer.resume(*fresh)
        for one in fresh:
            self._state.begin(one.partition, generation=generation, end=ends[one])

    def _take_over(self, consumer: KafkaConsumer) -> None:
        """Make those partitions ours of which all was read, and read no more of them."""
        for partition, end in self._state.unread():
            topic_partition = TopicPartition(self._topic, partition)
            if topic_partition not in consumer.assignment():
                continue
            # The last offsets may have been compacted away: the consumer knows, we don't.
            at = consumer.position(topic_partition, timeout_ms=CALL_TIMEOUT_MS)
            if at is not None and at >= end:
                consumer.pause(topic_partition)
                self._state.take_over(partition)

    def _confirm(self, consumer: KafkaConsumer, assigned: frozenset[int]) -> None:
        """Have the broker confirm that we are a member of the newest generation."""
        now = time.monotonic()
        if now - self._asked_at < CONFIRM_SECONDS:
            return
        self._asked_at = now
        if assigned:
            # The broker takes it of members of this generation alone; the offset says nothing.
            offset = OffsetAndMetadata(0, "held, not read", -1)
            one = TopicPartition(self._topic, min(assigned))
            try:
                consumer.commit({one: offset}, timeout_ms=CALL_TIMEOUT_MS)
            except (CommitFailedError, RebalanceInProgressError):
                return  # the next polls join again
        self._state.confirm(asked_at=now)

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, AuthorizationError):
            return f"not allowed to take part in group {self._group!r} on topic {self._topic!r}"
        return sentence_of(error, self._connection)

    def _settings(self) -> dict[str, object]:
        return {
            **client_settings(self._connection, client_id=f"headstart-{self._group}"),
            "group_id": self._group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": int(SESSION_SECONDS * 1000),
            "heartbeat_interval_ms": 1_000,
            # Also how long a rebalance waits for a member: longer than its lease lasts.
            "max_poll_interval_ms": 30_000,
            "metadata_max_age_ms": 30_000,
            # What a member keeps it holds on to while others come and go.
            "partition_assignment_strategy": [CooperativeStickyAssignor],
        }


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Runs on the consumer's own thread, where the broker can't be asked: it only takes note."""

    def __init__(self, state: ShardState) -> None:
        self._state = state

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._state.drop({one.partition for one in revoked})

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._state.regain()

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._state.lose()
