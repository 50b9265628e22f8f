"""What the predictor tells the controller about one workload: demand now, and demand to come."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.forecast import Forecast, WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandReading:
    """The newest measured demand.

    ``per_second`` is the mean over the ``window_seconds`` that end at ``measured_at``
    (seconds since the epoch); ``sources`` has each source's last whole step, for whoever compares.
    If it ``is_at_least`` so much, part of demand was not measured: a reason to provide for it, and
    none to let go of anything.
    """

    measured_at: float
    window_seconds: float
    per_second: float
    sources: tuple[tuple[str, float], ...] = ()
    is_at_least: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Demand reading and forecast of one workload, with what is wrong with them.

    ``reading`` is None until a source has answered, ``forecast`` until there is one to trust.
    ``degraded`` names what is not as it should be, one short sentence each (a source that is
    down, a forecast that lost to the naive one); empty when all is well.
    """

    workload: WorkloadName
    published_at: float
    reading: DemandReading | None
    forecast: Forecast | None
    degraded: tuple[str, ...] = field(default=())
