"""One workload as the service keeps it: where its demand comes from, and how far it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from models.forecast import Forecast, WorkloadName
from models.outlook import CLOCKS_APART_SECONDS, DemandReading
from models.series import BUSY_STEPS, outage_steps
from predictor.announced import AnnouncedState
from predictor.ports import Announcements, Calendar, DemandSource, ForecastByOthers
from predictor.told_forecast import ToldScore

#: Steps read again at each tick at most: an hour of doubt in the usual steps of 10 s, and what
#: was busy before. Finer steps are doubted for less long, so that no tick reads much more.
MOST_CONTEXT_STEPS = BUSY_STEPS + 360
#: Steps taken in at one tick at most: one Prometheus query with its context.
SPAN_STEPS = 10_000 - MOST_CONTEXT_STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadDemand:
    """Where one workload's demand is measured; the most trusted source first.

    ``measured_by`` tells what is measured from what another query or topic would: demand
    archived under another one is not this demand.
    """

    workload: WorkloadName
    step_seconds: float
    history_seconds: float
    sources: tuple[DemandSource, ...]
    calendars: tuple[Calendar, ...] = ()
    announcements: Announcements | None = None
    others: ForecastByOthers | None = None
    measured_by: str = ""

    def __post_init__(self) -> None:
        """Refuse what can't be forecast.

        Raises:
            ValueError: naming the field, its value and what is allowed.
        """
        if not self.step_seconds > 0:
            raise ValueError(f"{self.workload}: stepSeconds {self.step_seconds} is not above 0")
        if not self.sources:
            raise ValueError(f"{self.workload}: demand has no source; give prometheus or kafka")
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.workload}: two sources have one name: {', '.join(names)}")

    @property
    def archived_as(self) -> str:
        """Return what demand joined from all sources is called in the archive."""
        return f"combined {self.measured_by}".rstrip()

    def closers(self) -> list[Callable[[], Awaitable[None]]]:
        """Return how to let go of each of the sources, and of what others tell."""
        closers: list[Callable[[], Awaitable[None]]] = [one.close for one in self.sources]
        told = (self.announcements, self.others)
        return closers + [one.close for one in told if one is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The steps to read: context from ``read_from``, new ones from ``start``."""

    read_from: float
    start: float
    end: float


@dataclass(slots=True, kw_only=True)
class Track:
    """How far one workload is. Belongs to the service's loop.

    ``finished_until`` is the end of the last step handed to the forecaster; ``has_demand``
    whether any was known yet. ``failures`` has what is wrong by source, ``answered_at`` when
    each answered last, ``waited_at`` when one that fails was last given all its time.
    ``announced`` is what was measured around announcements, ``told`` how good others forecast.
    ``remarked`` are the remarks of which it is not known that they are over.
    ``inherited`` is what another predictor said last; it holds until there is a forecast of ours.
    """

    demand: WorkloadDemand
    began_at: float
    finished_until: float
    has_demand: bool = False
    is_behind: bool = True
    reading: DemandReading | None = None
    forecast: Forecast | None = None
    inherited: Forecast | None = None
    failures: dict[str, str] = field(default_factory=dict)
    answered_at: dict[str, float] = field(default_factory=dict)
    waited_at: dict[str, float] = field(default_factory=dict)
    announced: AnnouncedState = field(default_factory=AnnouncedState)
    told: ToldScore = field(default_factory=ToldScore)
    remarks: tuple[str, ...] = ()
    remarked: frozenset[str] = frozenset()
    logged: frozenset[str] = frozenset()

    def is_ahead(self, now: float) -> bool:
        """Say whether it is further than now: the clock was set back.

        Nothing would be new until the time has come that was thought to be.
        """
        if self.finished_until - now > CLOCKS_APART_SECONDS:
            return True
        return self.reading is not None and self.reading.is_ahead(now=now)

    def take(self, reading: DemandReading | None) -> None:
        """Take a reading, unless a newer one is known."""
        if reading and (not self.reading or reading.measured_at >= self.reading.measured_at):
            self.reading = reading

    def span(self, now: float) -> Span:
        """Return the steps to read at a tick; at most SPAN_STEPS of them are new."""
        step = self.demand.step_seconds
        newest = now // step * step
        end = min(newest, self.finished_until + SPAN_STEPS * step)
        return Span(
            read_from=self.finished_until - context_steps(step) * step,
            start=self.finished_until,
            end=max(end, self.finished_until),
        )


def context_steps(step_seconds: float) -> int:
    """Return how many steps before those wanted tell an outage from idleness."""
    return min(BUSY_STEPS + outage_steps(step_seconds), MOST_CONTEXT_STEPS)


def begin_track(demand: WorkloadDemand, now: float, *, inherited: Forecast | None = None) -> Track:
    """Return a track that begins with the history wanted."""
    step = demand.step_seconds
    start = (now - demand.history_seconds) // step * step
    return Track(demand=demand, began_at=now, finished_until=start, inherited=inherited)
