"""The portfolios as the live service's forecaster: steps in, forecasts out, fits in processes.

Workloads that share a step stand in one batch. What follows on the last step is learned at once;
histories are read back in slices, the newest hour of each first, as much as a tick has time for.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from headstart.live_workload import Learner, LiveWorkload
from models.batch import MOST_TOGETHER, Batch
from models.forecast import Forecast, WorkloadName
from models.horizons import grid_reaching
from models.learned import LearnedModels, fit_learned, refit_after
from models.series import DemandSeries
from predictor.fitting import FitPool

_log = logging.getLogger(__name__)
_SEED = 7
#: Whoever is behind by no more than this is no reading back of history.
_FEW_STEPS = 6
#: What is learned between two looks at the clock: a tenth of a second for many rows.
_SLICE_STEPS = 32
#: Of a tick, what reading back may take: for first forecasts, and for what makes them better.
_FIRST_SHARE, _BETTER_SHARE = 1.0, 0.5

_Pair = tuple[LiveWorkload, Learner]


class LiveForecaster:
    """Implements the predictor's ``Forecaster``; a fit under way never holds up a forecast."""

    def __init__(
        self,
        pool: FitPool,
        *,
        reach_seconds: float,
        tick_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Forecast as far as ``reach_seconds``; ``clock`` tells how much of a tick has passed."""
        self._pool = pool
        self._reach_seconds, self._tick_seconds = reach_seconds, tick_seconds
        self._clock = clock
        self._workloads: dict[WorkloadName, LiveWorkload] = {}
        self._batches: dict[float, Batch] = {}
        self._fitting: dict[WorkloadName, LiveWorkload] = {}
        # Of workloads let go, which is said beside a forecast under way.
        self._gone: deque[LiveWorkload] = deque()

    def extend(self, workload: WorkloadName, series: DemandSeries) -> None:
        """Keep newly finished steps; a gap before them, or another step, begins anew."""
        known = self._workloads.get(workload)
        if known is not None:
            series = known.beyond(series)
        if known is None or not known.continues(series):
            self.forget(workload)
            known = self._workloads[workload] = self._begin(workload, series)
        known.extend(series)

    def forecast(self, workloads: Collection[WorkloadName]) -> Mapping[WorkloadName, Forecast]:
        """Learn what was kept of these, and return their forecasts, of those that have one.

        Of a history not read back yet, the forecast before it stays in force.
        """
        self._let_go()
        self._take_in_fits()
        found = [self._workloads.get(workload) for workload in workloads]
        known = [one for one in found if one is not None]
        began_at = self._clock()
        for one in known:
            one.begin()
        behind = self._keep_up([(one, one.learner) for one in known if one.learner])
        self._read_back(behind, began_at + _FIRST_SHARE * self._tick_seconds)
        better = [(one, one.successor) for one in known if one.successor]
        self._read_back(better, began_at + _BETTER_SHARE * self._tick_seconds)
        for one in known:
            one.succeed()
        self._begin_fits(known)
        forecasts = ((one.name, one.renew()) for one in known)
        return {name: forecast for name, forecast in forecasts if forecast is not None}

    def forget(self, workload: WorkloadName) -> None:
        """Let go of a workload that is gone, and of what was learned of it."""
        known = self._workloads.pop(workload, None)
        if known is not None:
            self._gone.append(known)

    def _begin(self, workload: WorkloadName, series: DemandSeries) -> LiveWorkload:
        step = series.step_seconds
        if step not in self._batches:
            grid = grid_reaching(self._reach_seconds, step_seconds=step)
            self._batches[step] = Batch(grid, step_seconds=step)
        return LiveWorkload(
            name=workload,
            batch=self._batches[step],
            history=series.between(series.start, series.start),
        )

    def _let_go(self) -> None:
        while self._gone:
            one = self._gone.popleft()
            one.batch.drop(one.rows())

    def _keep_up(self, learners: Iterable[_Pair]) -> list[_Pair]:
        """Let those learn that have little to learn; return the others."""
        waiting = [pair for pair in learners if not pair[0].is_through(pair[1])]
        _learn([one for one in waiting if one[0].pending(one[1]) <= _FEW_STEPS], float("inf"))
        return [one for one in waiting if not one[0].is_through(one[1])]

    def _read_back(self, learners: Sequence[_Pair], until: float) -> None:
        """Learn slice by slice until a time, one at least; the first ones through to the end."""
        waiting = [pair for pair in learners if not pair[0].is_through(pair[1])]
        while waiting:
            batch = waiting[0][0].batch
            group = [pair for pair in waiting if pair[0].batch is batch][:MOST_TOGETHER]
            # Whose history begins later waits for the others, to go with them.
            start = min(learner.until for _, learner in group)
            _learn(group, start + _SLICE_STEPS * batch.step_seconds)
            waiting = [pair for pair in waiting if not pair[0].is_through(pair[1])]
            if self._clock() >= until:
                return

    def _begin_fits(self, known: Iterable[LiveWorkload]) -> None:
        """Begin the fits that are due, as many as there is room for; first ones first."""
        due = [one for one in known if one.steps >= one.fit_due]
        for one in sorted(due, key=lambda one: (one.models is not None, one.fit_due - one.steps)):
            steps = one.batch.grid.steps
            if self._pool.submit(one.name, fit_learned, one.history, steps, _SEED):
                self._fitting[one.name] = one
                one.fit_due = refit_after(one.steps, step_seconds=one.history.step_seconds)

    def _take_in_fits(self) -> None:
        for fit in self._pool.collect():
            if fit.error is not None:
                _log.warning("%s: a fit failed, the models before it stay: %s", fit.key, fit.error)
            # One that has begun anew meanwhile, with another step perhaps, has no use for it.
            asked = self._fitting.pop(WorkloadName(fit.key), None)
            if asked is not None and isinstance(fit.result, LearnedModels):
                asked.models = fit.result


def _learn(learners: Iterable[_Pair], until: float) -> None:
    """Let them learn what they know up to a time, batch by batch."""
    batches: dict[int, list[_Pair]] = {}
    for one, learner in learners:
        batches.setdefault(id(one.batch), []).append((one, learner))
    for pairs in batches.values():
        feeds = [one.feed(learner, until) for one, learner in pairs]
        pairs[0][0].batch.learn(feeds)
