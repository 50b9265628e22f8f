"""What the predictor needs of the outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.forecast import Forecast, WorkloadName
from models.forecast_record import Fence, ForecastRecord
from models.outlook import DemandReading, Outlook
from models.series import DemandSeries
from predictor.announcement import Announcement
from predictor.calendar import CalendarWindow
from predictor.sharding import Holding


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReading:
    """What one source knows of a span: its series, and up to when that can be relied on.

    Steps that end after ``complete_until`` may still grow (events under way, scrapes to come).
    ``warnings`` are the source's own words (a partial answer, say). ``recent`` is newer than the
    last complete step, of a source that knows parts of steps, or parts of demand.
    """

    series: DemandSeries
    complete_until: float
    warnings: tuple[str, ...] = ()
    recent: DemandReading | None = None


class DemandSource(Protocol):
    """One measured demand of one workload.

    ``read`` returns the steps of [start, end), start aligned to the step; it raises
    SourceUnavailableError if the source does not answer in time.
    """

    @property
    def name(self) -> str:
        """Say which source this is, in metrics and messages."""
        ...

    async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
        """Return the steps of a span."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class Forecaster(Protocol):
    """What turns demand into forecasts.

    ``extend`` is given newly finished steps, in order and each once; NaN is missing. It and
    ``forecast`` are called in a worker thread, one call at a time, and should not take longer
    than a tick; ``forget`` is called beside them, and never waits. What takes longer to learn may
    be learned in several calls of ``forecast``.
    """

    def extend(self, workload: WorkloadName, series: DemandSeries) -> None:
        """Learn newly finished steps."""
        ...

    def forecast(self, workloads: Collection[WorkloadName]) -> Mapping[WorkloadName, Forecast]:
        """Return the forecasts of these from the last steps learned on, of those that have one."""
        ...

    def forget(self, workload: WorkloadName) -> None:
        """Let go of a workload that is gone; one that comes back begins anew."""
        ...


class Calendar(Protocol):
    """Known future events of one workload.

    ``windows`` returns those that touch [start, end); it raises SourceUnavailableError if they
    are not known. ``remark`` says what is wrong though they are; empty if nothing is.
    """

    @property
    def name(self) -> str:
        """Say which calendar this is, in messages."""
        ...

    @property
    def remark(self) -> str:
        """Say what was wrong with the windows last returned."""
        ...

    async def windows(self, *, start: float, end: float) -> tuple[CalendarWindow, ...]:
        """Return the windows that touch a span."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementCounts:
    """What became of the announcements of a topic: used, or skipped as nothing could read them."""

    taken: int = 0
    poison: int = 0


class Announcements(Protocol):
    """Demand that others announce for one workload; ``current`` never waits.

    ``remark`` says what is wrong with knowing them; empty if nothing is.
    """

    @property
    def grace_seconds(self) -> float:
        """Say how long announced demand may let wait for it."""
        ...

    @property
    def remark(self) -> str:
        """Say what is wrong."""
        ...

    def current(self, now: float) -> tuple[Announcement, ...]:
        """Return what is announced and not over."""
        ...

    def counts(self) -> AnnouncementCounts:
        """Return what became of announcements, of all workloads together."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class ForecastByOthers(Protocol):
    """What others forecast of one workload; ``latest`` never waits. ``remark`` as elsewhere."""

    @property
    def remark(self) -> str:
        """Say what is wrong."""
        ...

    def latest(self) -> Forecast | None:
        """Return the newest; None without one."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class DemandArchive(Protocol):
    """Where finished steps are kept over a restart. Neither method ever raises.

    ``source`` tells what was measured: steps kept under one are not returned under another.
    """

    def record_demand(self, workload: WorkloadName, source: str, series: DemandSeries) -> None:
        """Keep the known steps of a series."""
        ...

    def demand(
        self, workload: WorkloadName, source: str, *, start: float, end: float, step_seconds: float
    ) -> DemandSeries:
        """Return what was kept of a span; missing where nothing was."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaCounts:
    """What became of a topic's events since the start.

    ``events`` were counted; ``poison`` could not be read and were skipped; ``late`` came when
    their step had been handed out as complete, or before the history wanted; ``future`` lay too
    far ahead of now and were skipped; ``duplicates`` were offsets seen before, skipped;
    ``gaps`` is how often events were gone before they could be read.
    """

    events: int = 0
    poison: int = 0
    late: int = 0
    future: int = 0
    duplicates: int = 0
    gaps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishCounts:
    """What became of the records for the forecast topic since the start.

    ``published`` were taken by a broker, ``failed`` were not, ``shortened`` went without their
    forecast as it was too long, ``refused`` could not be written down.
    """

    published: int = 0
    failed: int = 0
    shortened: int = 0
    refused: int = 0


class ForecastLog(Protocol):
    """Where outlooks are published. ``publish`` may wait for a broker: call it in a thread."""

    def publish(self, records: Sequence[tuple[int, ForecastRecord]]) -> int:
        """Hand records over, each with its partition; return how many, from the first on."""
        ...

    def counts(self) -> PublishCounts:
        """Return what became of the records so far."""
        ...


class Membership(Protocol):
    """Which partitions of the forecast topic are ours; neither method waits."""

    def holding(self) -> Holding:
        """Return what is held now."""
        ...

    def may_publish(self, partition: int, fence: Fence) -> bool:
        """Say whether this right is still ours."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One outlook as published, numbered in order over all workloads."""

    number: int
    outlook: Outlook


class Outlooks(Protocol):
    """What the service has to show; reading it never waits."""

    def workloads(self) -> Sequence[WorkloadName]:
        """Return the workloads that are forecast."""
        ...

    def latest(self, workload: WorkloadName) -> Outlook | None:
        """Return a workload's newest outlook; None before the first."""
        ...

    def subscribe(self, workload: WorkloadName | None = None) -> AsyncIterator[Publication]:
        """Yield the newest outlooks, then each new one; ends if the reader is too slow."""
        ...
