"""Events out on Kafka as a part of a process: its options, what makes them, and what sends them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from controller.adapters.event_spool import EventSpool
from controller.adapters.event_teller import EventTeller, WitnessedCluster
from controller.adapters.kafka_events import EventSender
from controller.ports import Cluster
from controller.tick_report import TickReport
from headstart.errors import RunFailedError, UsageError, shown
from headstart.kafka_options import kafka_connection
from kafka_link.connection import KafkaConnection

_MOST_CHARACTERS = 249


def add_event_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("events out (CloudEvents on a Kafka topic; off by default)")
    group.add_argument("--events-topic", metavar="NAME", help="where they are sent; needs --kafka")
    group.add_argument(
        "--events-spool",
        type=Path,
        metavar="FILE",
        help="keeps what is not confirmed yet over a kill (SQLite; default: in memory)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSetting:
    """Where events go, and what keeps them until they are there."""

    connection: KafkaConnection
    topic: str
    spool_file: Path | None


def event_setting(arguments: argparse.Namespace) -> EventSetting | None:
    """Return where events go, None if nowhere.

    Raises:
        UsageError: if an option can't be used.
    """
    topic, spool_file = arguments.events_topic, arguments.events_spool
    if topic is None:
        if spool_file is not None:
            raise UsageError("--events-spool: needs --events-topic")
        return None
    topic_of(topic, option="--events-topic")
    connection = kafka_connection(arguments)
    if connection is None:
        raise UsageError("--kafka: missing, --events-topic needs it")
    return EventSetting(connection=connection, topic=topic, spool_file=spool_file)


def topic_of(name: str, *, option: str) -> str:
    """Return a topic's name.

    Raises:
        UsageError: if Kafka allows no such name.
    """
    legal = name.replace(".", "").replace("_", "").replace("-", "")
    if not (legal.isascii() and legal.isalnum() and len(name) <= _MOST_CHARACTERS):
        raise UsageError(
            f"{option}: {shown(name)} is not allowed: must be letters, digits, '.', '_' and '-', "
            f"{_MOST_CHARACTERS} at most"
        )
    return name


class EventsOut:
    """What a loop tells of itself; nothing if there is nowhere to."""

    def __init__(self, teller: EventTeller | None = None) -> None:
        """Tell by this teller."""
        self._teller = teller

    def witnessed(self, cluster: Cluster) -> Cluster:
        """Return the cluster, its views told of."""
        if self._teller is None:
            return cluster
        return WitnessedCluster(cluster, self._teller.witness)

    def observe(self, report: TickReport) -> None:
        """Tell of a tick."""
        if self._teller is not None:
            self._teller.observe(report)


def events_out(
    setting: EventSetting | None,
    stack: AsyncExitStack,
    registry: CollectorRegistry,
    *,
    is_leading: Callable[[], bool] = lambda: True,
) -> EventsOut:
    """Return what tells, sending already; the stack ends it.

    Raises:
        RunFailedError: if the spool can't be used.
    """
    if setting is None:
        return EventsOut()
    try:
        spool = EventSpool(setting.spool_file)
        stack.callback(spool.close)
        sender = EventSender(setting.connection, setting.topic, spool, is_leading=is_leading)
        teller = EventTeller(spool, is_leading=is_leading, wake=sender.wake)
    except OSError as error:
        raise RunFailedError(f"--events-spool: {error}") from error
    sender.start()
    stack.callback(sender.stop)
    _show(registry, sender, spool)
    return EventsOut(teller)


def _show(registry: CollectorRegistry, sender: EventSender, spool: EventSpool) -> None:
    shown_numbers: dict[str, tuple[str, Callable[[], float]]] = {
        "up": ("1 while events can be sent.", lambda: float(not sender.problem)),
        "sent": ("Events confirmed since the start.", lambda: float(sender.sent)),
        "waiting": ("Events not confirmed yet.", lambda: float(spool.waiting())),
        "dropped": (
            "Events given up: too many waited, or too large.",
            lambda: float(spool.dropped),
        ),
    }
    for name, (what, read) in shown_numbers.items():
        Gauge(f"headstart_events_out_{name}", what, registry=registry).set_function(read)
