"""Two controllers, one leader: it alone sends, and whoever takes over tells what it left untold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from controller.adapters.event_spool import EventSpool
from controller.adapters.event_teller import EventTeller
from controller.adapters.kafka_events import EventSender
from controller.cluster_view import Phase
from kafka_link.connection import KafkaConnection
from tests.builders import a_fleet, a_replica
from tests.integration.controller.told_topic import everything
from tests.parts.kafka import KafkaBroker
from tests.parts.service import until

TOPIC = "taken-over"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


class Lease:
    """Says who leads."""

    def __init__(self) -> None:
        self.holder = ""


class Controller:
    """What a controller has of events; its view of the cluster comes from the test."""

    def __init__(self, name: str, lease: Lease, broker: KafkaBroker, topic: str) -> None:
        def is_leading() -> bool:
            return lease.holder == name

        connection = KafkaConnection(bootstrap_servers=(broker.address,))
        self.spool = EventSpool()
        self.sender = EventSender(connection, topic, self.spool, is_leading=is_leading)
        self.teller = EventTeller(self.spool, is_leading=is_leading, wake=self.sender.wake)
        self.sender.start()

    def look(self, phase: Phase | None) -> None:
        self.teller.witness(a_fleet(*[a_replica(phase=phase)] if phase is not None else []))


@contextmanager
def two(
    lease: Lease, broker: KafkaBroker, *, topic: str = TOPIC
) -> Iterator[tuple[Controller, Controller]]:
    first, second = (Controller(name, lease, broker, topic) for name in ("first", "second"))
    both = first, second
    try:
        yield both
    finally:
        for one in both:
            one.sender.stop()
            one.spool.close()


def test_a_topic_that_is_missing_is_said_and_what_waits_is_sent_once_it_is_there(
    kafka_broker: KafkaBroker,
) -> None:
    lease = Lease()
    lease.holder = "first"
    with two(lease, kafka_broker, topic="made-late") as (first, _):
        first.look(Phase.READY)
        until(lambda: "topic 'made-late': does not exist" in first.sender.problem, "the problem")
        kafka_broker.create_topic("made-late")
        until(lambda: first.spool.waiting() == 0, "what waited sent")
        assert first.sender.sent == 2


def test_the_leader_alone_sends_and_the_next_one_leaves_nothing_out(
    kafka_broker: KafkaBroker,
) -> None:
    kafka_broker.create_topic(TOPIC)
    lease = Lease()
    with two(lease, kafka_broker) as (first, second):
        lease.holder = "first"
        for one in (first, second):
            one.look(Phase.RESTORING)
        until(lambda: first.spool.waiting() == 0, "the start told")
        assert (first.sender.sent, second.sender.sent, second.spool.waiting()) == (1, 0, 1)
        lease.holder = ""  # the leader dies, and sees what it can't tell any more
        for one in (first, second):
            one.look(Phase.READY)
        second.look(None)
        lease.holder = "second"
        until(lambda: second.spool.waiting() == 0, "the rest told")
        assert (first.sender.sent, second.sender.sent) == (1, 3)
    start, ready, end = "restore.started/chat-1", "restore.ready/chat-1", "replica.released/chat-1"
    # The start comes twice, under one id: who drops repeats has each once, in order.
    sent = [json.loads(event)["id"] for event in everything(kafka_broker, TOPIC)]
    assert sent == [start, start, ready, end]
