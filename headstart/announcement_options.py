"""Announced demand as a part of a process: its options, and the topic that it is read from."""

from __future__ import annotations

import argparse

from headstart.errors import UsageError
from headstart.event_wiring import topic_of
from headstart.kafka_options import kafka_connection
from predictor.adapters.kafka_announcements import AnnouncementTopic
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


def announcement_topic(arguments: argparse.Namespace) -> AnnouncementTopic | None:
    """Return where announced demand is read, None if nowhere; nothing is connected yet.

    Raises:
        UsageError: if an option can't be used.
    """
    topic = arguments.announcements_topic
    if topic is None:
        return None
    topic_of(topic, option="--announcements-topic")
    connection = kafka_connection(arguments)
    if connection is None:
        raise UsageError("--kafka: missing, --announcements-topic needs it")
    limits = AnnouncementLimits(
        most_multiplier=_at_least(arguments, "most_multiplier", 1.0),
        most_per_second=_at_least(arguments, "most_per_second", 0.0),
        grace_seconds=_at_least(arguments, "grace_seconds", 0.0),
    )
    return AnnouncementTopic(KafkaSettings(connection=connection), topic, limits)


def _at_least(arguments: argparse.Namespace, name: str, least: float) -> float:
    value: float = getattr(arguments, f"announcements_{name}")
    if not least <= value < float("inf"):
        flag = f"--announcements-{name.replace('_', '-')}"
        raise UsageError(f"{flag}: {value:g} is not allowed: must be at least {least:g}")
    return value
