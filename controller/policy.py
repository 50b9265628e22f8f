"""What a user wants for one workload: frozen values, checked when their file was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from models.forecast import WorkloadName


class Mode(StrEnum):
    """How far Headstart may go."""

    OBSERVE = "Observe"
    RECOMMEND = "Recommend"
    ACT = "Act"


class Actuator(StrEnum):
    """Who owns the replica count."""

    KEDA = "Keda"
    SCALE = "Scale"
    PODS = "Pods"


#: Asked for by every tick of every workload: a plain name is found sooner than a member.
ACT, PODS = Mode.ACT, Actuator.PODS


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusDemand:
    """One PromQL series in demand per second."""

    query: str
    step_seconds: float = 10.0
    history_days: float = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaDemand:
    """Request events, counted (or weighed by a field) by event time, or only log-end offsets."""

    topic: str
    key: str | None = None
    timestamp_field: str | None = None
    weight_field: str | None = None
    offsets_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """Known events: an iCalendar URL or file, or a cron-like window, with what they do to demand.

    Exactly one of ``ical`` and ``cron`` is set; ``duration_seconds`` belongs to ``cron``.
    At least one of ``multiplier`` and ``floor_per_second`` is set.
    """

    name: str
    ical: str | None = None
    cron: str | None = None
    timezone: str = "UTC"
    duration_seconds: float | None = None
    multiplier: float | None = None
    floor_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Where demand is measured."""

    prometheus: PrometheusDemand | None = None
    kafka: KafkaDemand | None = None
    calendar: tuple[CalendarEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a GPU-hour and a missed request cost, in one currency."""

    gpu_hour: float
    missed_request: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Which share of requests shall wait less than how long; or the money that decides it."""

    attainment: float = 0.99
    wait_seconds: float = 2.0
    cost: Cost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """How a replica starts."""

    driver: str = "Simulated"
    snapshot: str = ""
    size_gib: float | None = None
    timeout_seconds: float = 600.0
    max_concurrent_per_node: int = 1
    max_concurrent: int | None = None
    cold_fallback: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """Which nodes are in the pool, and how a replica uses them."""

    node_selector: tuple[tuple[str, str], ...] = ()
    gpus_per_replica: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTarget:
    """What pods are made of: a pod template, as Kubernetes has it, and the snapshot's name."""

    template: Mapping[str, Any] = field(hash=False)
    snapshot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Guard rails that hold always."""

    min_replicas: int = 0
    max_replicas: int | None = None
    max_step: int | None = None
    gpu_budget: int | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleDown:
    """When a replica may go.

    ``hold_seconds`` is how long after its last need; None holds three quarters of a lead time, and
    longer in the first hour.
    """

    hold_seconds: float | None = None
    drain_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadPolicy:
    """One PreRestorePolicy."""

    workload: WorkloadName
    demand_per_replica: float
    namespace: str = "default"
    mode: Mode = Mode.OBSERVE
    demand: Demand = field(default_factory=Demand)
    objective: Objective = field(default_factory=Objective)
    actuator: Actuator = Actuator.PODS
    scale_target: tuple[str, str] | None = None
    scale_target_api_version: str = ""
    pods: PodTarget | None = None
    restore: Restore = field(default_factory=Restore)
    standby: Standby = field(default_factory=Standby)
    limits: Limits = field(default_factory=Limits)
    scale_down: ScaleDown = field(default_factory=ScaleDown)
