"""From a policy's demand to the sources and calendars that measure and foretell it."""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from controller.policy import CalendarEntry, Demand, KafkaDemand, PrometheusDemand, WorkloadPolicy
from headstart.errors import UsageError
from headstart.kafka_options import kafka_connection
from headstart.told_options import announcement_topic, told_forecasts
from models.series import OUTAGE_SECONDS
from predictor.adapters.icalendar import CronCalendar, Effect, ICalendar
from predictor.adapters.kafka import KafkaCluster
from predictor.adapters.kafka_announcements import AnnouncementTopic
from predictor.adapters.kafka_told_forecasts import ToldForecasts
from predictor.adapters.prometheus import PrometheusSource
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.ports import Calendar, DemandSource
from predictor.settings import KafkaEvents, KafkaSettings, PrometheusSettings
from predictor.workload import WorkloadDemand

DAY_SECONDS = 86400.0
#: Demand is measured in steps of this where Prometheus does not say otherwise.
STEP_SECONDS = 10.0
#: Where Prometheus has the history, Kafka need not read it once more: only what tells an outage
#: from idleness, an hour of doubt and what was before.
SHORT_HISTORY_SECONDS = 2 * OUTAGE_SECONDS
LONG_HISTORY_SECONDS = 14 * DAY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """What there is to measure with; None where no address was given.

    ``clock`` gives seconds since the epoch: until then what Prometheus has is settled.
    """

    prometheus: PrometheusConnections | None = None
    kafka: KafkaCluster | None = None
    announcements: AnnouncementTopic | None = None
    others: ToldForecasts | None = None
    clock: Callable[[], float] = time.time


def connections_of(arguments: argparse.Namespace) -> Connections:
    """Return what the command line gives; nothing is connected yet.

    Raises:
        UsageError: if an address or a credential can't be used.
    """
    prometheus: PrometheusConnections | None = None
    kafka: KafkaCluster | None = None
    try:
        if arguments.prometheus:
            prometheus = PrometheusConnections(
                PrometheusSettings(
                    url=arguments.prometheus,
                    bearer_token_file=arguments.prometheus_token_file,
                    ca_file=arguments.prometheus_ca_file,
                )
            )
    except ValueError as error:
        raise UsageError(str(error)) from error
    if (connection := kafka_connection(arguments)) is not None:
        kafka = KafkaCluster(KafkaSettings(connection=connection))
    return Connections(
        prometheus=prometheus,
        kafka=kafka,
        announcements=announcement_topic(arguments),
        others=told_forecasts(arguments),
    )


def check_connections(policies: Iterable[WorkloadPolicy], connections: Connections) -> None:
    """Refuse policies that need a connection that there is not, before any source is made.

    Raises:
        UsageError: naming the policy.
    """
    for policy in policies:
        if policy.demand.prometheus is not None and connections.prometheus is None:
            raise UsageError(f"--prometheus: missing, the policy {policy.workload} has a query")
        if policy.demand.kafka is not None and connections.kafka is None:
            raise UsageError(f"--kafka: missing, the policy {policy.workload} reads a topic")


def demands_of(
    policies: Iterable[WorkloadPolicy], connections: Connections
) -> tuple[WorkloadDemand, ...]:
    """Return each policy's demand, measured by these connections.

    Raises:
        UsageError: if a policy needs a connection that there is not, or a field can't be used.
    """
    return tuple(_demand_of(policy, connections) for policy in policies)


def _demand_of(policy: WorkloadPolicy, connections: Connections) -> WorkloadDemand:
    check_connections([policy], connections)
    wanted, announced, others = (
        policy.demand.prometheus,
        connections.announcements,
        connections.others,
    )
    step_seconds = wanted.step_seconds if wanted else STEP_SECONDS
    history_seconds = wanted.history_days * DAY_SECONDS if wanted else LONG_HISTORY_SECONDS
    try:
        return WorkloadDemand(
            workload=policy.workload,
            step_seconds=step_seconds,
            history_seconds=history_seconds,
            sources=_sources(policy, connections, step_seconds),
            calendars=tuple(_calendar(entry) for entry in policy.demand.calendar),
            announcements=announced.of(policy.workload) if announced is not None else None,
            others=others.of(policy.workload) if others is not None else None,
            measured_by=fingerprint(policy.demand),
        )
    except ValueError as error:
        raise UsageError(f"{policy.workload}: {error}") from error


def fingerprint(demand: Demand) -> str:
    """Return a short text that changes with what is measured, not with how finely or how long."""
    query = demand.prometheus.query if demand.prometheus is not None else None
    # A dataclass's repr names every field, so a new one tells demands apart too.
    return hashlib.sha256(repr((query, demand.kafka)).encode()).hexdigest()[:12]


def _sources(
    policy: WorkloadPolicy, connections: Connections, step_seconds: float
) -> tuple[DemandSource, ...]:
    """Return the sources, the most trusted first: counted events, then a query, then offsets."""
    sources: list[DemandSource] = []
    query, events = policy.demand.prometheus, policy.demand.kafka
    if query is not None:
        sources.append(_prometheus(query, connections))
    if events is not None:
        history = SHORT_HISTORY_SECONDS if query is not None else LONG_HISTORY_SECONDS
        source = _kafka(events, connections, step_seconds, history)
        sources.insert(len(sources) if events.offsets_only else 0, source)
    return tuple(sources)


def _prometheus(wanted: PrometheusDemand, connections: Connections) -> DemandSource:
    assert connections.prometheus is not None
    return PrometheusSource(connections.prometheus, query=wanted.query, clock=connections.clock)


def _kafka(
    wanted: KafkaDemand, connections: Connections, step_seconds: float, history_seconds: float
) -> DemandSource:
    assert connections.kafka is not None
    events = KafkaEvents(
        topic=wanted.topic,
        key=wanted.key,
        timestamp_field=wanted.timestamp_field,
        weight_field=wanted.weight_field,
        offsets_only=wanted.offsets_only,
    )
    return connections.kafka.source(
        events, step_seconds=step_seconds, history_seconds=history_seconds
    )


def _calendar(entry: CalendarEntry) -> Calendar:
    effect = Effect(multiplier=entry.multiplier, floor_per_second=entry.floor_per_second)
    if entry.ical is not None:
        return ICalendar(name=entry.name, ical=entry.ical, timezone=entry.timezone, effect=effect)
    return CronCalendar(
        name=entry.name,
        cron=entry.cron or "",
        timezone=entry.timezone,
        duration_seconds=entry.duration_seconds or 0.0,
        effect=effect,
    )
