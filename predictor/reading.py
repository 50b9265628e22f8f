"""Asks all sources of a workload at once, each within its deadline."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, runtime_checkable

import numpy as np

from models.series import DemandSeries
from predictor.demand import Answer
from predictor.errors import SourceUnavailableError
from predictor.metrics import PredictorMetrics
from predictor.ports import DemandArchive, DemandSource, KafkaCounts, SourceReading
from predictor.settings import ServiceSettings
from predictor.workload import Span, Track

LOGGER = logging.getLogger(__name__)
ARCHIVE = "store"


@runtime_checkable
class CountsEvents(Protocol):
    """A source that can say what became of its events."""

    def counts(self) -> KafkaCounts:
        """Return the totals so far."""
        ...


class SourceReader:
    """Reads a track's sources, and notes on the track who answered."""

    def __init__(
        self, settings: ServiceSettings, metrics: PredictorMetrics, archive: DemandArchive | None
    ) -> None:
        """Keep what is needed."""
        self._settings = settings
        self._metrics = metrics
        self._archive = archive

    async def read(self, track: Track, span: Span, *, now: float) -> list[Answer]:
        """Return the answers, the most trusted first; the archive's last, and only for history."""
        sources = track.demand.sources
        readings = await asyncio.gather(
            *(self._ask(track, source, span, now) for source in sources)
        )
        answers, remarks = [], []
        for source, reading in zip(sources, readings, strict=True):
            if reading is None:
                continue
            track.answered_at[source.name] = now
            answers.append(Answer(source=source.name, reading=_on_grid(reading, span)))
            remarks += [f"{source.name}: {warning}" for warning in reading.warnings]
        track.remarks = tuple(remarks)
        # A source that reads itself in knows more than the archive: wait for it a while.
        if answers or now - track.began_at > self._settings.patience_seconds:
            answers += await self._archived(track, span, now)
        return answers

    async def _ask(
        self, track: Track, source: DemandSource, span: Span, now: float
    ) -> SourceReading | None:
        name, workload = source.name, track.demand.workload
        deadline_seconds = self._deadline_seconds(track, name, now)
        try:
            async with asyncio.timeout(deadline_seconds):
                reading = await source.read(
                    start=span.read_from, end=span.end, step_seconds=track.demand.step_seconds
                )
        except SourceUnavailableError as error:
            problem = str(error)
        except TimeoutError:
            problem = "no answer in time"
        except Exception as error:
            problem = f"reading it failed ({type(error).__name__})"
            if track.failures.get(name) != problem:
                LOGGER.exception("%s: %s: %s", workload, name, problem)
        else:
            track.failures.pop(name, None)
            self._metrics.source_answered(workload, name)
            self._count_events(track, source)
            return reading
        track.failures[name] = problem
        self._metrics.source_failed(workload, name)
        return None

    def _deadline_seconds(self, track: Track, name: str, now: float) -> float:
        """Let a source that fails hold up those that answer only now and then."""
        others = {source.name for source in track.demand.sources} - track.failures.keys() - {name}
        if name in track.failures and others:
            if now - track.waited_at.get(name, 0.0) < self._settings.patience_seconds:
                return min(self._settings.tick_seconds, self._settings.source_deadline_seconds)
            track.waited_at[name] = now
        return self._settings.source_deadline_seconds

    def _count_events(self, track: Track, source: DemandSource) -> None:
        if isinstance(source, CountsEvents):
            self._metrics.events_counted(track.demand.workload, source.name, source.counts())

    async def _archived(self, track: Track, span: Span, now: float) -> list[Answer]:
        if self._archive is None or span.start > now - 2 * self._settings.patience_seconds:
            return []
        step = track.demand.step_seconds
        series = await asyncio.to_thread(
            self._archive.demand,
            track.demand.workload,
            track.demand.archived_as,
            start=span.read_from,
            end=span.end,
            step_seconds=step,
        )
        known = np.flatnonzero(~np.isnan(series.values))
        if not len(known):
            return []
        complete_until = series.start + (int(known[-1]) + 1) * step
        return [
            Answer(
                source=ARCHIVE,
                reading=SourceReading(series=series, complete_until=complete_until),
            )
        ]


def _on_grid(reading: SourceReading, span: Span) -> SourceReading:
    """Return the reading with exactly the span's steps: starts are sums of floats."""
    series = reading.series.between(span.read_from, span.end)
    return SourceReading(
        series=DemandSeries(
            start=span.read_from, step_seconds=series.step_seconds, values=series.values
        ),
        complete_until=reading.complete_until,
        warnings=reading.warnings,
        recent=reading.recent,
    )
