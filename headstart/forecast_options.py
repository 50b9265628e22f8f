"""How predictors and controllers are told of the topic that forecasts are published on."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from headstart.errors import UsageError, shown
from headstart.kafka_options import kafka_connection
from kafka_link.connection import KafkaConnection

DEFAULT_GROUP = "headstart-predictors"
DEFAULT_PARTITIONS = 32
MOST_PARTITIONS = 1000
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSetting:
    """Where a predictor publishes, and with whom it shares the workloads."""

    connection: KafkaConnection
    topic: str
    group: str
    new_partitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSetting:
    """Where a controller follows predictors by Kafka."""

    connection: KafkaConnection
    topic: str


def add_shard_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what a predictor is told."""
    group = parser.add_argument_group("forecasts on Kafka, shared by several predictors")
    group.add_argument(
        "--forecasts-topic",
        metavar="NAME",
        help="publish on this compacted topic (made if missing)",
    )
    group.add_argument(
        "--forecasts-partitions",
        type=int,
        metavar="COUNT",
        help=f"of a topic that is made (default: {DEFAULT_PARTITIONS})",
    )
    group.add_argument(
        "--shard-group",
        metavar="NAME",
        help=f"predictors of one group share the workloads (default: {DEFAULT_GROUP})",
    )


def shard_setting(arguments: argparse.Namespace) -> ShardSetting | None:
    """Return how to publish; None without a topic.

    Raises:
        UsageError: if an option can't be used.
    """
    if arguments.forecasts_topic is None:
        for option in ("forecasts-partitions", "shard-group"):
            if getattr(arguments, option.replace("-", "_")) is not None:
                raise UsageError(f"--{option}: needs --forecasts-topic")
        return None
    setting = topic_setting(arguments)
    partitions = arguments.forecasts_partitions
    partitions = DEFAULT_PARTITIONS if partitions is None else partitions
    if not 1 <= partitions <= MOST_PARTITIONS:
        raise UsageError(
            f"--forecasts-partitions: {partitions} is not allowed: must be from 1 to "
            f"{MOST_PARTITIONS}"
        )
    group = DEFAULT_GROUP if arguments.shard_group is None else arguments.shard_group
    if not group.strip():
        raise UsageError(f"--shard-group: {shown(group)} is not allowed: must be a name")
    return ShardSetting(
        connection=setting.connection,
        topic=setting.topic,
        group=group,
        new_partitions=partitions,
    )


def add_outlook_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where a controller has its forecasts from."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--predictor", metavar="URL", help="of a running `headstart predictor`")
    group.add_argument(
        "--forecasts-topic", metavar="NAME", help="what predictors publish on (needs --kafka)"
    )


def topic_setting(arguments: argparse.Namespace) -> TopicSetting:
    """Return the topic and how it is reached.

    Raises:
        UsageError: if an option can't be used.
    """
    topic = arguments.forecasts_topic
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise UsageError(
            f"--forecasts-topic: {shown(topic)} is not allowed: must have 1 to 249 letters, "
            "digits, dots, underscores and hyphens"
        )
    connection = kafka_connection(arguments)
    if connection is None:
        raise UsageError("--kafka: missing, --forecasts-topic needs it")
    return TopicSetting(connection=connection, topic=topic)
