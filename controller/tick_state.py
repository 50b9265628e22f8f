"""What the loop remembers from tick to tick: small and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.boosts import Boost
from controller.cluster_view import ReplicaName
from controller.forecast_trust import ForecastTrust
from controller.hold import Hold
from controller.objective import Calibration
from controller.outcomes import Outcomes
from controller.pair_memory import PairMemory
from controller.parking_memory import ParkingMemory
from controller.shadow_fleets import Shadows
from models.forecast import WorkloadName
from models.lead_time import LeadTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSettings:
    """What a tick is told besides what it sees. Only the boosts change while running.

    ``fixed_lead_time_seconds`` switches learning off: lead time and calibration stay put.
    ``fixed_parking_seconds`` is then what host parts take, where restores have two stages.
    ``boosts`` are those of alerts, in force at this tick. ``has_scale_targets``: targets exist
    that others start replicas of; in a simulated world all are placed here.
    """

    tick_seconds: float = 5.0
    fixed_lead_time_seconds: float | None = None
    fixed_parking_seconds: float | None = None
    boosts: Mapping[WorkloadName, Boost] = field(default_factory=dict)
    has_scale_targets: bool = False


class WorkloadState(NamedTuple):
    """What is remembered of one workload.

    ``judged`` are the living replicas whose start has been measured already; ``slow_restores``
    says that a start of the minute under way has taken longer than the lead time. ``target`` is
    the last plan's, ``began_at`` when this loop first saw the workload.
    """

    calibration: Calibration = Calibration()
    hold: Hold = Hold()
    outcomes: Outcomes = Outcomes()
    shadows: Shadows | None = None
    trust: ForecastTrust = ForecastTrust()
    judged: frozenset[ReplicaName] = frozenset()
    slow_restores: bool = False
    target: int = 0
    began_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickState:
    """Everything remembered from tick to tick.

    Where restores have two stages there is ``parking`` besides, and ``park_failures`` are those of
    host parts, ``memory`` those of device parts and cold starts.
    """

    workloads: Mapping[WorkloadName, WorkloadState] = field(default_factory=dict)
    lead_times: LeadTimes = field(default_factory=LeadTimes)
    memory: PairMemory = field(default_factory=PairMemory)
    parking: Mapping[WorkloadName, ParkingMemory] = field(default_factory=dict)
    park_failures: PairMemory = field(default_factory=PairMemory)
