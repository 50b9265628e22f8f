"""The plan: what to do for one workload and why. Every actuator renders this one value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from controller.cluster_view import ReplicaName
from controller.parking_plan import ParkingPlan
from models.forecast import WorkloadName


class Reason(StrEnum):
    """What set the target."""

    FORECAST = "forecast"
    REACTIVE = "reactive"
    BACKLOG = "backlog"
    BOOST = "boost"
    HOLD = "hold"
    MIN_REPLICAS = "min_replicas"
    MAX_REPLICAS = "max_replicas"
    MAX_STEP = "max_step"
    POOL = "pool"
    NO_DEMAND = "no_demand"
    NO_FORECAST = "no_forecast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """Restores whose time has not come: how many, and when they will be started."""

    start_at: float
    count: int


class Plan(NamedTuple):
    """What to do for one workload at ``at``, and the numbers that it rests on.

    ``floor`` is what prediction forbids to go below, ``reactive`` what is needed already;
    ``starts`` is how many replicas start now, ``waiting`` how many should but find
    no room, in the pool or in the workload's share of it; ``releases`` and ``cancels`` say
    which go.
    ``quantile_level`` is the share of outcomes that the forecast demand shall cover. ``parking``
    is None where restores have one stage; where they have two, the lead time is that of the
    second, for which GPUs are held.
    """

    workload: WorkloadName
    at: float
    target: int
    floor: int
    reactive: int
    ready: int
    restoring: int
    demand_per_second: float | None
    lead_time_seconds: float
    quantile_level: float
    reason: Reason
    starts: int = 0
    waiting: int = 0
    releases: tuple[ReplicaName, ...] = ()
    cancels: tuple[tuple[ReplicaName, str], ...] = ()
    upcoming: tuple[Upcoming, ...] = ()
    parking: ParkingPlan | None = None
