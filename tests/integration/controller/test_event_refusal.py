"""An event that nobody will ever take is given up, and keeps no other from going out."""

from __future__ import annotations

import json
import logging

import pytest

from controller.adapters.event_spool import EventSpool
from controller.adapters.kafka_events import EventSender
from controller.cloud_event import CloudEvent, EventKind
from kafka_link.connection import KafkaConnection
from models.forecast import WorkloadName
from tests.integration.controller.told_topic import everything
from tests.parts.kafka import KafkaBroker
from tests.parts.service import until

TOPIC = "short-events"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def an_event(workload: str, about: str, *, padding: int = 0) -> CloudEvent:
    return CloudEvent(
        kind=EventKind.RESTORE_STARTED,
        workload=WorkloadName(workload),
        about=about,
        time=1_800_000_000.0,
        data={"reason": "x" * padding},
    )


def test_what_client_or_broker_refuse_is_given_up_and_the_others_are_told(
    kafka_broker: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    kafka_broker.create_topic(TOPIC, configs={"max.message.bytes": "20000"})
    spool = EventSpool()
    too_large = {"client": 2**21, "broker": 50_000}
    events = [an_event(name, "large", padding=size) for name, size in too_large.items()]
    events += [an_event(name, "small") for name in (*too_large, "third")]
    spool.keep(events, {}, 0.0)
    connection = KafkaConnection(bootstrap_servers=(kafka_broker.address,))
    sender = EventSender(connection, TOPIC, spool, is_leading=lambda: True)
    with caplog.at_level(logging.WARNING):
        sender.start()
        try:
            until(lambda: spool.waiting() == 0, "everything sent or given up")
        finally:
            sender.stop()
            spool.close()
    assert (sender.sent, spool.dropped, sender.problem) == (3, 2, "")
    sent = [json.loads(event) for event in everything(kafka_broker, TOPIC)]
    assert {one["subject"] for one in sent} == {"client", "broker", "third"}
    assert {one["id"] for one in sent} == {"restore.started/small"}
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if f"is too large for {TOPIC!r}" in line]
