"""What the predictor tells the controller about one workload: demand now, and demand to come."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from models.forecast import Forecast, WorkloadName

#: How far apart the clocks of two machines may be. What is further ahead comes of a wrong one.
CLOCKS_APART_SECONDS = 30.0
#: A clock that goes back by more was set. Less is how far apart clocks are, and one that is slewed.
SET_BACK_SECONDS = 90.0


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

    def is_ahead(self, *, now: float) -> bool:
        """Say whether it was measured when that has yet to be: by a clock that was wrong."""
        return self.measured_at - now > CLOCKS_APART_SECONDS


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


def with_refusal(known: Outlook | None, workload: WorkloadName, why: str, *, at: float) -> Outlook:
    """Return what is known of a workload whose newest outlook was refused ``at``, and say so.

    What was known stays: it has its own times, and gets old by itself.
    """
    if known is None:
        known = Outlook(workload=workload, published_at=at, reading=None, forecast=None)
    said = f"predictor: what it says now is not used: {why}"
    return replace(known, degraded=(*known.degraded, said))


def without_future(outlook: Outlook, *, now: float) -> Outlook:
    """Return an outlook without what was told from a time that has yet to be, and say so.

    It would count as fresh until that time has come, whatever is measured meanwhile.
    """
    reading, forecast = outlook.reading, outlook.forecast
    latest = max(
        outlook.published_at,
        reading.measured_at if reading else now,
        forecast.issued_at if forecast else now,
    )
    if latest - now <= CLOCKS_APART_SECONDS:
        return outlook
    is_forecast_ahead = forecast is not None and forecast.issued_at - now > CLOCKS_APART_SECONDS
    said = f"clock: the predictor's is {latest - now:.0f} s ahead; what it says of then is not used"
    return replace(
        outlook,
        reading=None if reading and reading.is_ahead(now=now) else reading,
        forecast=None if is_forecast_ahead else forecast,
        degraded=(*outlook.degraded, said),
    )
