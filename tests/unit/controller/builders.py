"""Forecasts, observations and policies that are valid as they are, for tests of the decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from controller.cluster_view import Phase, Replica
from controller.jumps import Jumps
from controller.observation import START_QUARTERS, Observation
from controller.policy import Limits, Mode, Objective, Restore, ScaleDown, Standby, WorkloadPolicy
from models.forecast import QUANTILES, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook
from tests.builders import CHAT, a_replica

NOW = 10_000.0
#: Where all of each jump lasts.
LASTING = Jumps(share=1.0, seen=1e9, squares=1e15)
STEP_SECONDS = 10.0
HORIZON_STEPS = 30


def a_policy(
    workload: str = CHAT,
    *,
    capacity: float = 1.0,
    mode: Mode = Mode.ACT,
    limits: Limits | None = None,
    objective: Objective | None = None,
    restore: Restore | None = None,
    hold_seconds: float = 60.0,
    gpus_per_replica: int = 1,
) -> WorkloadPolicy:
    """Return a policy that acts, a replica of which serves one request a second."""
    return WorkloadPolicy(
        workload=WorkloadName(workload),
        demand_per_replica=capacity,
        mode=mode,
        limits=limits or Limits(),
        objective=objective or Objective(),
        restore=restore or Restore(),
        standby=Standby(gpus_per_replica=gpus_per_replica),
        scale_down=ScaleDown(hold_seconds=hold_seconds),
    )


def a_forecast(
    per_second: float | Sequence[float] = 2.0,
    *,
    spread: float = 0.0,
    issued_at: float = NOW,
    workload: str = CHAT,
) -> Forecast:
    """Return a forecast of 300 s at one demand, or of the demand of each 10 s step.

    Quantiles are alike, unless ``spread`` parts them: 1, 1 + spread, 1 + 2 spread … times that.
    """
    steps = np.atleast_1d(np.asarray(per_second, dtype=np.float64))
    steps = np.repeat(steps, HORIZON_STEPS) if len(steps) == 1 else steps
    return Forecast(
        workload=WorkloadName(workload),
        issued_at=issued_at,
        step_seconds=STEP_SECONDS,
        quantiles=QUANTILES,
        values=np.outer(steps, 1.0 + spread * np.arange(len(QUANTILES))),
        basis="test",
    )


def a_reading(per_second: float = 2.0, *, at: float = NOW) -> DemandReading:
    """Return demand measured over the 5 s that end at ``at``."""
    return DemandReading(measured_at=at, window_seconds=5.0, per_second=per_second)


def an_outlook(
    *,
    reading: DemandReading | None = None,
    forecast: Forecast | None = None,
    workload: str = CHAT,
) -> Outlook:
    """Return what a predictor says: nothing, unless told."""
    return Outlook(
        workload=WorkloadName(workload), published_at=NOW, reading=reading, forecast=forecast
    )


def replicas_of(phase: Phase, count: int) -> tuple[Replica, ...]:
    """Return chat's replicas on a node each, started a second apart and not yet due at ``NOW``."""
    return tuple(
        a_replica(
            f"{CHAT}-{phase}-{number}",
            node=f"node-{number:02d}",
            phase=phase,
            started_at=float(number),
            deadline_at=NOW + 600.0,
        )
        for number in range(count)
    )


def an_observation(
    *others: Replica,
    ready: int = 0,
    restoring: int = 0,
    reading: DemandReading | None = None,
    forecast: Forecast | None = None,
    now: float = NOW,
    lead_time_seconds: float = 55.0,
    start_seconds: tuple[float, ...] | None = None,
    backlog: float = 0.0,
    boost_per_second: float = 0.0,
    smooth_per_second: float = 0.0,
    peak_per_second: float = 0.0,
    jumps: Jumps = LASTING,
) -> Observation:
    """Return what is known of chat; a restore takes 55 s, one minute with a tick of 5 s.

    All starts take the lead time, unless ``start_seconds`` says how long each quarter does.
    """
    by_phase = {
        is_ready: [one for one in others if (one.phase is Phase.READY) == is_ready]
        for is_ready in (True, False)
    }
    return Observation(
        workload=CHAT,
        now=now,
        ready=(*replicas_of(Phase.READY, ready), *by_phase[True]),
        others=(*replicas_of(Phase.RESTORING, restoring), *by_phase[False]),
        outlook=an_outlook(reading=reading, forecast=forecast),
        lead_time_seconds=lead_time_seconds,
        start_seconds=start_seconds or (lead_time_seconds,) * START_QUARTERS,
        backlog=backlog,
        boost_per_second=boost_per_second,
        smooth_per_second=smooth_per_second,
        peak_per_second=peak_per_second,
        jumps=jumps,
    )
