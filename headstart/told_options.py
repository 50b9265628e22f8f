"""What others tell of demand to come, by Kafka: the options, and the topics it is read from."""

from __future__ import annotations

import argparse

from headstart.errors import UsageError
from headstart.event_wiring import topic_of
from headstart.kafka_options import kafka_connection
from kafka_link.connection import KafkaConnection
from predictor.adapters.kafka_announcements import AnnouncementTopic
from predictor.adapters.kafka_told_forecasts import ToldForecasts
from predictor.announcement import AnnouncementLimits
from predictor.settings import KafkaSettings

_DEFAULTS = AnnouncementLimits()


def add_announcement_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("announced demand (CloudEvents on a Kafka topic)")
    group.add_argument(
        "--announcements-topic", metavar="NAME", help="where they are read; needs --kafka"
    )
    for option, default, metavar, what in (
        (
            "most-multiplier",
            _DEFAULTS.most_multiplier,
            "NUMBER",
            "one that asks for more counts not",
        ),
        (
            "most-per-second",
            _DEFAULTS.most_per_second,
            "NUMBER",
            "one that asks for more counts not",
        ),
        ("grace-seconds", _DEFAULTS.grace_seconds, "SECONDS", "demand that is later is given up"),
    ):
        group.add_argument(
            f"--announcements-{option}",
            type=float,
            default=default,
            metavar=metavar,
            help=f"{what} (default: %(default)g)",
        )


def add_told_forecast_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where others' forecasts are read."""
    group = parser.add_argument_group("forecasts of others (in our wire form, on a Kafka topic)")
    group.add_argument(
        "--others-forecasts-topic",
        metavar="NAME",
        help="used while they lose less than our own; needs --kafka",
    )


def told_forecasts(arguments: argparse.Namespace) -> ToldForecasts | None:
    """Return where others' forecasts are read, None if nowhere; nothing is connected yet.

    Raises:
        UsageError: if an option can't be used.
    """
    connection = _connection(arguments, "others_forecasts_topic")
    if connection is None:
        return None
    return ToldForecasts(KafkaSettings(connection=connection), arguments.others_forecasts_topic)


def announcement_topic(arguments: argparse.Namespace) -> AnnouncementTopic | None:
    """Return where announced demand is read, None if nowhere; nothing is connected yet.

    Raises:
        UsageError: if an option can't be used.
    """
    connection = _connection(arguments, "announcements_topic")
    if connection is None:
        return None
    limits = AnnouncementLimits(
        most_multiplier=_at_least(arguments, "most_multiplier", 1.0),
        most_per_second=_at_least(arguments, "most_per_second", 0.0),
        grace_seconds=_at_least(arguments, "grace_seconds", 0.0),
    )
    settings = KafkaSettings(connection=connection)
    return AnnouncementTopic(settings, arguments.announcements_topic, limits)


def _connection(arguments: argparse.Namespace, option: str) -> KafkaConnection | None:
    topic, flag = getattr(arguments, option), f"--{option.replace('_', '-')}"
    if topic is None:
        return None
    topic_of(topic, option=flag)
    connection = kafka_connection(arguments)
    if connection is None:
        raise UsageError(f"--kafka: missing, {flag} needs it")
    return connection


def _at_least(arguments: argparse.Namespace, name: str, least: float) -> float:
    value: float = getattr(arguments, f"announcements_{name}")
    if not least <= value < float("inf"):
        flag = f"--announcements-{name.replace('_', '-')}"
        raise UsageError(f"{flag}: {value:g} is not allowed: must be at least {least:g}")
    return value
