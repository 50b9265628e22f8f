"""The forecasting service: reads sources, hands finished steps on, publishes outlooks.

The only module that knows the order of things. A source or a forecaster that fails costs its
workload a tick, never the service.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType

from models.forecast import Forecast, WorkloadName
from models.outlook import Outlook
from models.series import DemandSeries
from predictor.best_forecast import best_forecast, judge_others
from predictor.calendar import apply
from predictor.condition import causes, degraded, unheard
from predictor.demand import combine, disagreements, doubts
from predictor.known_events import announced_windows, calendar_windows
from predictor.learning import Learning
from predictor.metrics import PredictorMetrics
from predictor.ports import DemandArchive, Forecaster, Publication
from predictor.reading import SourceReader
from predictor.settings import ServiceSettings
from predictor.subscriptions import Subscriptions
from predictor.workload import Track, WorkloadDemand, begin_track

LOGGER = logging.getLogger(__name__)
#: Of a tick, how long those that answered wait for the others, to be forecast together.
GATHERING_SHARE = 0.25


class ForecastService:
    """Forecasts of the workloads it was given; ``latest`` and ``subscribe`` show them."""

    def __init__(
        self,
        *,
        forecaster: Forecaster,
        settings: ServiceSettings,
        metrics: PredictorMetrics,
        archive: DemandArchive | None = None,
    ) -> None:
        """Begin without workloads."""
        self._forecaster = forecaster
        self._settings = settings
        self._metrics = metrics
        self._learning = Learning(forecaster, archive)
        self._reader = SourceReader(settings, metrics, archive)
        self._tracks: dict[WorkloadName, Track] = {}
        self._under_way: dict[WorkloadName, asyncio.Task[None]] = {}
        self._reading: set[asyncio.Future[None]] = set()
        self._subscriptions = Subscriptions()

    def workloads(self) -> tuple[WorkloadName, ...]:
        """Return the workloads that are forecast."""
        return tuple(self._tracks)

    def latest(self, workload: WorkloadName) -> Outlook | None:
        """Return a workload's newest outlook; None before the first."""
        return self._subscriptions.latest(workload)

    @property
    def dropped_listeners(self) -> int:
        """How many listeners were too slow so far."""
        return self._subscriptions.dropped

    def subscribe(self, workload: WorkloadName | None = None) -> AsyncIterator[Publication]:
        """Yield the newest outlooks, then each new one; ends if the listener is too slow."""
        return self._subscriptions.subscribe(workload)

    async def set_workloads(
        self,
        demands: Iterable[WorkloadDemand],
        *,
        now: float,
        inherited: Mapping[WorkloadName, Forecast] = MappingProxyType({}),
    ) -> None:
        """Forecast exactly these; an unchanged one goes on, a new one has what it inherits."""
        wanted = {demand.workload: demand for demand in demands}
        for workload, track in list(self._tracks.items()):
            if wanted.get(workload) == track.demand:
                del wanted[workload]
                continue
            del self._tracks[workload]
            await self._end(workload, track, is_gone=workload not in wanted)
        for workload, demand in wanted.items():
            self._tracks[workload] = begin_track(demand, now, inherited=inherited.get(workload))

    async def tick(self, now: float) -> None:
        """Read, forecast and publish each workload once.

        Waits no longer than a tick for sources: a workload whose source is slow goes on by
        itself, and is left out until it is through. The others are forecast without it.
        """
        begun = [
            self._begin(workload, track, now)
            for workload, track in self._tracks.items()
            if workload not in self._under_way
        ]
        clock, tick_seconds = asyncio.get_running_loop().time, self._settings.tick_seconds
        began_at = clock()
        await _each_or_until(begun, tick_seconds * GATHERING_SHARE)
        await self._learning.learn()
        if self._reading:
            await _each_or_until(self._reading, began_at + tick_seconds - clock())
            await self._learning.learn()
        await _each_or_until(self._under_way.values(), began_at + tick_seconds - clock())

    async def run_forever(
        self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        """Tick until cancelled; without a pause while history is read in. Closes at the end."""
        try:
            while True:
                began_at = clock()
                before = self._progress()
                await self.tick(began_at)
                took = max(0.0, clock() - began_at)
                self._metrics.tick_took(took)
                is_reading_in = self._progress() > before and self._is_behind()
                await sleep(0 if is_reading_in else max(0.0, self._settings.tick_seconds - took))
        finally:
            await self.close()

    async def close(self) -> None:
        """End what is under way, and let go of the sources."""
        for workload, track in list(self._tracks.items()):
            del self._tracks[workload]
            await self._end(workload, track, is_gone=False)

    def _begin(self, workload: WorkloadName, track: Track, now: float) -> asyncio.Future[None]:
        """Begin a workload's tick; what is returned ends when its sources were read."""
        if track.is_ahead(now):
            LOGGER.warning("%s: the clock was set back: history is read anew", workload)
            self._forecaster.forget(workload)
            track = self._tracks[workload] = begin_track(track.demand, now)
        read: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading.add(read)
        read.add_done_callback(self._reading.discard)
        task = asyncio.create_task(self._tick_one(track, now, read))
        self._under_way[workload] = task
        task.add_done_callback(functools.partial(self._note_done, workload, read))
        return read

    def _note_done(
        self, workload: WorkloadName, read: asyncio.Future[None], task: asyncio.Task[None]
    ) -> None:
        read.cancel()  # unless it was read
        if self._under_way.get(workload) is task:
            del self._under_way[workload]

    def _progress(self) -> float:
        return sum(track.finished_until for track in self._tracks.values())

    def _is_behind(self) -> bool:
        return any(track.is_behind for track in self._tracks.values())

    async def _end(self, workload: WorkloadName, track: Track, *, is_gone: bool) -> None:
        task = self._under_way.pop(workload, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if is_gone:
            self._subscriptions.forget(workload)
            self._forecaster.forget(workload)
            self._metrics.forget(workload)
        for close in track.demand.closers():
            try:
                await close()
            except Exception:
                LOGGER.exception("%s: a source was not closed cleanly", workload)

    async def _tick_one(self, track: Track, now: float, read: asyncio.Future[None]) -> None:
        workload = track.demand.workload
        try:
            steps = await self._take_in(track, now)
            if track.forecast is None and track.inherited is not None:
                await self._show(track, now)  # learning a history may take long
            read.set_result(None)
            await self._learning.hand_on(track, steps)
            if steps is not None:
                judge_others(track, steps)
                track.finished_until = steps.end
            await self._show(track, now)
        except Exception:
            # A fault of ours: this workload keeps its last outlook, the others go on.
            self._metrics.tick_failed(workload)
            LOGGER.exception("%s: the tick failed", workload)

    async def _show(self, track: Track, now: float) -> None:
        """Publish what is known now."""
        forecast = await self._with_known_events(track, now)
        outlook = Outlook(
            workload=track.demand.workload,
            published_at=now,
            reading=track.reading,
            forecast=forecast,
            degraded=degraded(track, forecast, now=now),
        )
        self._log_changes(track, causes(track, forecast, now=now))
        self._subscriptions.publish(outlook)
        self._metrics.show(outlook)

    async def _take_in(self, track: Track, now: float) -> DemandSeries | None:
        """Read the sources; return the steps that are finished now, None without any."""
        span = track.span(now)
        step = track.demand.step_seconds
        track.is_behind = span.end + step <= now
        answers = await self._reader.read(track, span, now=now)
        if not answers:
            return None
        combined = combine(answers, now=now, patience_seconds=self._settings.patience_seconds)
        if not track.is_behind:
            track.remarks = (*track.remarks, *disagreements(answers), *doubts(answers))
        track.take(combined.reading)
        if combined.finished_until < span.start + step / 2:
            return None
        return combined.series.between(span.start, combined.finished_until)

    async def _with_known_events(self, track: Track, now: float) -> Forecast | None:
        announced = announced_windows(track, now)
        if track.demand.announcements is not None:
            self._metrics.announcements_counted(track.demand.announcements.counts())
        forecast = track.forecast
        if forecast is None and track.inherited is not None:
            # Its calendar is in it already.
            return None if track.inherited.is_stale(now=now) else track.inherited
        if forecast is None or forecast.is_stale(now=now):
            return None
        forecast = best_forecast(track, forecast, now)
        return apply(forecast, (*await calendar_windows(track, forecast), *announced))

    def _log_changes(self, track: Track, faults: frozenset[str]) -> None:
        kept = unheard(track)
        for fault in sorted(faults - track.logged):
            LOGGER.warning("%s: %s", track.demand.workload, fault)
        for fault in sorted(track.logged - faults - kept):
            LOGGER.info("%s: over: %s", track.demand.workload, fault)
        track.logged, track.remarked = faults | kept, kept.union(track.remarks)


async def _each_or_until(ones: Iterable[asyncio.Future[None]], seconds: float) -> None:
    """Wait for each of them, for so many seconds at most."""
    if waiting := list(ones):
        await asyncio.wait(waiting, timeout=max(0.0, seconds))
