"""Every connection to Kafka works with TLS, a password or a certificate, and says it if refused."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.adapters.event_spool import EventSpool
from controller.adapters.event_teller import EventTeller
from controller.adapters.kafka_events import EventSender
from kafka_link.connection import KafkaConnection
from models.forecast import WorkloadName
from predictor.adapters.kafka import KafkaCluster, KafkaSource
from predictor.adapters.kafka_announcements import AnnouncementTopic, WorkloadAnnouncements
from predictor.errors import SourceUnavailableError
from predictor.settings import KafkaEvents, KafkaSettings
from tests.builders import a_fleet, a_replica
from tests.conftest import started
from tests.parts.secured_kafka import MECHANISM, PASSWORD, USER, SecuredKafkaBroker
from tests.parts.service import until

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
TOPIC = "secured"


@pytest.fixture(scope="module")
def broker(jars_of_kafka: Path) -> Iterator[SecuredKafkaBroker]:
    with contextlib.ExitStack() as stack:
        broker = started(SecuredKafkaBroker(jars=jars_of_kafka), stack)
        broker.create_topic(TOPIC)
        yield broker


@pytest.fixture
def by_password(broker: SecuredKafkaBroker, tmp_path: Path) -> KafkaConnection:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return KafkaConnection(
        bootstrap_servers=(broker.address,),
        security_protocol="SASL_SSL",
        sasl_mechanism=MECHANISM,
        user_name=USER,
        password_file=file,
        ca_file=broker.authority_file,
    )


@pytest.fixture
def by_certificate(broker: SecuredKafkaBroker) -> KafkaConnection:
    return KafkaConnection(
        bootstrap_servers=(broker.certificate_address,),
        security_protocol="SSL",
        ca_file=broker.authority_file,
        certificate_file=broker.folder / "client.crt",
        key_file=broker.folder / "client.key",
    )


def has_read_all(announced: WorkloadAnnouncements) -> bool:
    return announced.remark == ""


def has_counted(source: KafkaSource, events: int) -> bool:
    return source.counts().events == events


def send_events(connection: KafkaConnection, *, is_sent: bool = True) -> str:
    """Have a restore told, and return what the sender says is wrong."""
    spool = EventSpool()
    sender = EventSender(connection, TOPIC, spool, is_leading=lambda: True)
    sender.start()
    try:
        teller = EventTeller(spool, is_leading=lambda: True, wake=sender.wake)
        teller.witness(a_fleet(a_replica()))
        until(lambda: not spool.waiting() if is_sent else sender.problem, "the sender's word")
        return sender.problem
    finally:
        sender.stop()
        spool.close()


async def test_events_go_out_and_demand_comes_in_with_a_password_and_with_a_certificate(
    by_password: KafkaConnection, by_certificate: KafkaConnection
) -> None:
    assert [send_events(one) for one in (by_password, by_certificate)] == ["", ""]
    for connection in (by_password, by_certificate):
        settings = KafkaSettings(connection=connection, check_seconds=0.1, lateness_seconds=0.1)
        announced = AnnouncementTopic(settings, TOPIC).of(WorkloadName("chat"))
        source = KafkaCluster(settings).source(
            KafkaEvents(topic=TOPIC), step_seconds=1.0, history_seconds=600.0
        )
        try:
            until(functools.partial(has_read_all, announced), "everything read")
            until(functools.partial(has_counted, source, 4), "every event counted")
        finally:
            await announced.close()
            await source.close()


def test_a_wrong_password_is_said_without_showing_it(by_password: KafkaConnection) -> None:
    wrong = replace(by_password, password_file=None, password="guessed")
    problem = send_events(wrong, is_sent=False)
    assert f"topic '{TOPIC}': no broker reachable at {wrong.servers}" in problem
    assert "guessed" not in problem


async def test_a_broker_signed_by_nobody_we_know_is_not_trusted(
    by_password: KafkaConnection,
) -> None:
    stranger = replace(by_password, ca_file=None)
    settings = KafkaSettings(connection=stranger, silence_seconds=0.5)
    source = KafkaCluster(settings).source(
        KafkaEvents(topic=TOPIC), step_seconds=1.0, history_seconds=60.0
    )
    try:
        await said_by(source, "certificate")
    finally:
        await source.close()


async def said_by(source: KafkaSource, words: str) -> None:
    """Return once reading fails with these words."""
    now = float(round(time.time()))
    async with asyncio.timeout(60):
        while True:
            try:
                await source.read(start=now - 10, end=now, step_seconds=1.0)
            except SourceUnavailableError as error:
                if words in str(error).lower():
                    return
            await asyncio.sleep(0.1)
