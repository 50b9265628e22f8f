"""The options of what others tell by Kafka."""

from __future__ import annotations

import argparse

import pytest

from headstart.errors import UsageError
from headstart.kafka_options import add_kafka_arguments
from headstart.told_options import (
    add_announcement_arguments,
    add_told_forecast_arguments,
    announcement_topic,
    told_forecasts,
)
from models.forecast import WorkloadName


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_kafka_arguments(parser)
    add_announcement_arguments(parser)
    add_told_forecast_arguments(parser)
    return parser.parse_args(words)


def test_nothing_is_read_by_default() -> None:
    arguments = parsed("--kafka", "a:1")
    assert (announcement_topic(arguments), told_forecasts(arguments)) == (None, None)


async def test_topics_and_the_grace_time_are_taken() -> None:
    words = ("--announcements-topic", "campaigns", "--announcements-grace-seconds", "30")
    arguments = parsed("--kafka", "127.0.0.1:1", *words, "--others-forecasts-topic", "told")
    topic, others = announcement_topic(arguments), told_forecasts(arguments)
    assert topic is not None
    assert others is not None
    announced = topic.of(WorkloadName("chat"))
    try:
        assert announced.grace_seconds == 30.0
    finally:
        await announced.close()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--announcements-topic", "x"), "--kafka: missing, --announcements-topic needs it"),
        (("--others-forecasts-topic", "x"), "--kafka: missing, --others-forecasts-topic needs it"),
        (("--others-forecasts-topic", "a b"), "--others-forecasts-topic: 'a b' is not allowed"),
    ],
)
def test_what_can_t_work_is_refused(words: tuple[str, ...], complaint: str) -> None:
    arguments = parsed(*words)
    with pytest.raises(UsageError) as refused:
        (announcement_topic(arguments), told_forecasts(arguments))
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [("most-multiplier", "0.5", 1), ("most-per-second", "-1", 0), ("grace-seconds", "nan", 0)],
)
def test_limits_that_make_no_sense_are_refused(option: str, value: str, least: int) -> None:
    flag = f"--announcements-{option}"
    arguments = parsed("--kafka", "a:1", "--announcements-topic", "x", flag, value)
    with pytest.raises(UsageError, match=f"{flag}: {value} is not allowed: .* at least {least}"):
        announcement_topic(arguments)
