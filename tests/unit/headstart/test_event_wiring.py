"""The options of events out: what is refused, and what they give."""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from headstart.errors import RunFailedError, UsageError
from headstart.event_wiring import EventSetting, add_event_arguments, event_setting, events_out
from headstart.kafka_options import PASSWORD_VARIABLE, add_kafka_arguments
from kafka_link.connection import KafkaConnection


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_kafka_arguments(parser)
    add_event_arguments(parser)
    return parser.parse_args(words)


def test_nothing_is_sent_by_default() -> None:
    assert event_setting(parsed("--kafka", "kafka:9092")) is None


def test_topic_and_spool_are_taken_with_the_connection() -> None:
    words = ("--kafka", "a:1, b:2", "--events-topic", "events.v1", "--events-spool", "spool.db")
    assert event_setting(parsed(*words)) == EventSetting(
        connection=KafkaConnection(bootstrap_servers=("a:1", "b:2")),
        topic="events.v1",
        spool_file=Path("spool.db"),
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--events-topic", "events"), "--kafka: missing, --events-topic needs it"),
        (("--events-spool", "file"), "--events-spool: needs --events-topic"),
        (("--kafka", "a:1", "--events-topic", "a b"), "--events-topic: 'a b' is not allowed"),
        (("--kafka", "a:1", "--events-topic", "a" * 250), "must be letters, digits"),
        (("--kafka", "a:1,", "--events-topic", "x"), "kafka.bootstrapServers: none given"),
    ],
)
def test_what_can_t_work_is_refused(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        event_setting(parsed(*words))
    assert complaint in str(refused.value)


def test_the_password_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "hush")
    secured = ("--kafka-security", "SASL_SSL", "--kafka-mechanism", "PLAIN", "--kafka-user", "me")
    setting = event_setting(parsed("--kafka", "a:1", *secured, "--events-topic", "x"))
    assert setting is not None
    assert setting.connection.password == "hush"


async def test_a_spool_that_can_t_be_had_ends_the_start_in_one_line(tmp_path: Path) -> None:
    connection = KafkaConnection(bootstrap_servers=("a:1",))
    setting = EventSetting(connection=connection, topic="x", spool_file=tmp_path / "no" / "spool")
    async with AsyncExitStack() as stack:
        with pytest.raises(RunFailedError, match=r"--events-spool: .*no/spool: can't keep events"):
            events_out(setting, stack, CollectorRegistry())
