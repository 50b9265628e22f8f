"""The portfolio as the live service's forecaster: steps in, forecasts out, fits in processes."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np

from models.fitted import Learned
from models.forecast import MOVING_AVERAGE, QUANTILES, Forecast, WorkloadName
from models.horizons import HorizonGrid, grid_reaching
from models.learned import HISTORY_SECONDS, LearnedModels, fit_learned, refit_after
from models.portfolio import Portfolio
from models.series import DemandSeries
from predictor.fitting import FitPool

_log = logging.getLogger(__name__)
_SEED = 7
#: A step takes about a millisecond: older history is for the fits alone.
MOST_CATCH_UP_STEPS = 17_280


@dataclass(slots=True, kw_only=True)
class _Workload:
    """What is known of one workload.

    ``steps`` counts those ever taken in, ``pending`` the newest that are not learned from yet.
    ``known_until`` is the end of the last step that was not missing: forecasts start there.
    """

    grid: HorizonGrid
    portfolio: Portfolio
    history: DemandSeries
    steps: int = 0
    pending: int = 0
    fit_due: int = field(init=False)
    models: LearnedModels | None = None
    known_until: float | None = None
    forecast: Forecast | None = None

    def __post_init__(self) -> None:
        """Plan the first fit."""
        self.fit_due = refit_after(0, step_seconds=self.history.step_seconds)


class LiveForecaster:
    """Implements the predictor's ``Forecaster``; a fit under way never holds up a forecast."""

    def __init__(self, pool: FitPool, *, reach_seconds: float) -> None:
        """Forecast as far as ``reach_seconds``."""
        self._pool = pool
        self._reach_seconds = reach_seconds
        self._workloads: dict[WorkloadName, _Workload] = {}

    def extend(self, workload: WorkloadName, series: DemandSeries) -> None:
        """Keep newly finished steps; a gap before them, or another step, begins anew."""
        known = self._workloads.get(workload)
        if known is None or not _continues(known.history, series):
            known = self._workloads[workload] = self._begin(series)
        known.history = _joined(known.history, series)
        known.known_until = _known_until(series, known.known_until)
        known.pending += len(series.values)
        known.steps += len(series.values)

    def forecast(self, workload: WorkloadName) -> Forecast | None:
        """Learn what was kept, and return the forecast from there on; None before there is one.

        Missing steps bring no new forecast: the one before them stays in force.
        """
        known = self._workloads.get(workload)
        if known is None:
            return None
        self._take_in_fits()
        _catch_up(known)
        self._begin_fit(workload, known)
        newest = known.forecast.issued_at if known.forecast is not None else None
        if known.known_until is not None and known.known_until != newest:
            known.forecast = _made(workload, known, known.known_until)
        return known.forecast

    def forget(self, workload: WorkloadName) -> None:
        """Let go of a workload that is gone, and of the megabytes that were learned of it."""
        self._workloads.pop(workload, None)

    def _begin(self, series: DemandSeries) -> _Workload:
        step = series.step_seconds
        grid = grid_reaching(self._reach_seconds, step_seconds=step)
        return _Workload(
            grid=grid,
            portfolio=Portfolio(grid, step_seconds=step),
            history=series.between(series.start, series.start),
        )

    def _begin_fit(self, workload: WorkloadName, known: _Workload) -> None:
        if known.steps < known.fit_due:
            return
        if self._pool.submit(workload, fit_learned, known.history, known.grid.steps, _SEED):
            step = known.history.step_seconds
            known.fit_due = refit_after(known.steps, step_seconds=step)

    def _take_in_fits(self) -> None:
        for fit in self._pool.collect():
            if fit.error is not None:
                _log.warning("%s: a fit failed, the models before it stay: %s", fit.key, fit.error)
            known = self._workloads.get(WorkloadName(fit.key))
            if known is not None and isinstance(fit.result, LearnedModels):
                known.models = fit.result


def _made(workload: WorkloadName, known: _Workload, issued_at: float) -> Forecast | None:
    """Return the forecast that the portfolio makes now; None while it knows nothing."""
    if np.isnan(known.portfolio.quantiles).any():
        return None
    dense = known.grid.dense @ known.portfolio.quantiles[0]
    return Forecast(
        workload=workload,
        issued_at=issued_at,
        step_seconds=known.history.step_seconds,
        quantiles=QUANTILES,
        values=np.maximum.accumulate(np.maximum(dense, 0.0), axis=1),
        basis=_basis(known),
    )


def _basis(known: _Workload) -> str:
    if known.portfolio.is_gated[0]:
        return MOVING_AVERAGE
    return "blend" if known.models is not None else "online experts"


def _known_until(series: DemandSeries, before: float | None) -> float | None:
    """Return the end of the last step that is known, which may lie before the series."""
    steps = np.flatnonzero(~np.isnan(series.values))
    if not len(steps):
        return before
    return series.start + (int(steps[-1]) + 1) * series.step_seconds


def _catch_up(known: _Workload) -> None:
    """Let the portfolio learn what is pending; the fitted models speak for the newest step."""
    count = min(known.pending, MOST_CATCH_UP_STEPS, len(known.history.values))
    first = len(known.history.values) - count
    for index in range(first, len(known.history.values)):
        end = known.history.start + (index + 1) * known.history.step_seconds
        learned = _ask(known) if index == len(known.history.values) - 1 else None
        known.portfolio.advance(end, known.history.values[index : index + 1], learned)
    known.pending = 0


def _continues(history: DemandSeries, series: DemandSeries) -> bool:
    same_step = history.step_seconds == series.step_seconds
    return same_step and abs(series.start - history.end) < series.step_seconds / 2


def _joined(history: DemandSeries, series: DemandSeries) -> DemandSeries:
    """Return the history with new steps, no longer than a fit can use."""
    most = round(HISTORY_SECONDS / history.step_seconds)
    values = np.concatenate([history.values, series.values])[-most:]
    start = series.end - len(values) * series.step_seconds
    return DemandSeries(start=start, step_seconds=series.step_seconds, values=values)


def _ask(known: _Workload) -> Learned | None:
    """Return what the fitted models say of the newest step."""
    if known.models is None:
        return None
    newest = np.array([len(known.history.values) - 1])
    return known.models.predict(known.history, newest)
