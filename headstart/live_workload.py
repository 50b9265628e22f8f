"""One workload as the live forecaster keeps it: its history, and how far portfolios learned it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.batch import Batch, Feed
from models.fitted import Learned
from models.forecast import MOVING_AVERAGE, QUANTILES, Forecast, WorkloadName
from models.learned import HISTORY_SECONDS, LearnedModels, refit_after
from models.series import DemandSeries

#: What a first forecast is made of, where more is known: an hour, in the usual steps of 10 s.
FIRST_STEPS = 360
#: A history no longer than this is learned at once.
WHOLE_STEPS = 1_000
#: What portfolios learn at most: older history is for the fits alone.
MOST_CATCH_UP_STEPS = 17_280


@dataclass(slots=True, kw_only=True)
class Learner:
    """A row of the batch, and the end of the last step that it has learned."""

    row: int
    until: float


@dataclass(slots=True, kw_only=True, eq=False)
class LiveWorkload:
    """What is known of one workload.

    ``steps`` counts those ever taken in. ``known_until`` is the end of the last step that was not
    missing: forecasts start there. ``learner`` is what forecasts; ``successor`` takes its place
    once it has read back a history that is longer than what a first forecast is made of.
    """

    name: WorkloadName
    batch: Batch
    history: DemandSeries
    steps: int = 0
    fit_due: int = field(init=False)
    models: LearnedModels | None = None
    known_until: float | None = None
    forecast: Forecast | None = None
    learner: Learner | None = None
    successor: Learner | None = None
    _said: tuple[float, Learned] | None = None

    def __post_init__(self) -> None:
        """Plan the first fit."""
        self.fit_due = refit_after(0, step_seconds=self.history.step_seconds)

    def continues(self, series: DemandSeries) -> bool:
        """Say whether steps follow on what is known."""
        same_step = self.history.step_seconds == series.step_seconds
        return same_step and abs(series.start - self.history.end) < series.step_seconds / 2

    def beyond(self, series: DemandSeries) -> DemandSeries:
        """Return the steps without those that are known: whoever failed after that repeats them."""
        known, step = self.history, self.history.step_seconds
        is_repeated = known.start + step / 2 < series.start < known.end - step / 2 < series.end
        if series.step_seconds != step or not is_repeated:
            return series
        return series.between(known.end, series.end)

    def extend(self, series: DemandSeries) -> None:
        """Keep newly finished steps."""
        self.history = _joined(self.history, series)
        self.known_until = _known_until(series, self.known_until)
        self.steps += len(series.values)

    def begin(self) -> None:
        """Give rows to a workload that has none: first the newest steps, beside them all."""
        if self.learner is None:
            is_long = len(self.history.values) > WHOLE_STEPS
            self.learner = self._reading(FIRST_STEPS if is_long else WHOLE_STEPS)
            self.successor = self._reading(MOST_CATCH_UP_STEPS) if is_long else None

    def succeed(self) -> None:
        """Let the successor forecast, if it has learned what the one before has."""
        if self.learner and self.successor and self.is_through(self.successor):
            self.batch.drop([self.learner.row])
            self.learner, self.successor, self.forecast = self.successor, None, None

    def rows(self) -> list[int]:
        """Return the rows that it has in the batch."""
        return [one.row for one in (self.learner, self.successor) if one is not None]

    def pending(self, learner: Learner) -> int:
        """Return how many steps are known that were not learned yet."""
        return round((self.history.end - learner.until) / self.history.step_seconds)

    def is_through(self, learner: Learner) -> bool:
        """Say whether everything was learned."""
        return self.pending(learner) <= 0

    def feed(self, learner: Learner, until: float) -> Feed:
        """Return what is to be learned next, up to a time; from then on it counts as learned."""
        step, begin = self.history.step_seconds, self.history.start
        first = max(0, round((learner.until - begin) / step))
        last = max(first, round((min(until, self.history.end) - begin) / step))
        learner.until = begin + last * step
        said = self._asked() if self.is_through(learner) else None
        demand = self.history.values[first:last]
        return Feed(row=learner.row, start=begin + first * step, demand=demand, learned=said)

    def renew(self) -> Forecast | None:
        """Return the forecast from the last known step on; None as long as there is none.

        Missing steps bring no new forecast: the one before them stays in force. Neither do steps
        that are not learned yet.
        """
        if self.learner is None or not self.is_through(self.learner):
            return self.forecast
        newest = self.forecast.issued_at if self.forecast is not None else None
        if self.known_until is not None and self.known_until != newest:
            self.forecast = self._made(self.learner, self.known_until)
        return self.forecast

    def _reading(self, most_steps: int) -> Learner:
        steps = min(most_steps, len(self.history.values))
        until = self.history.end - steps * self.history.step_seconds
        return Learner(row=self.batch.add(), until=until)

    def _made(self, learner: Learner, issued_at: float) -> Forecast | None:
        quantiles = self.batch.quantiles(learner.row)
        if np.isnan(quantiles).any():
            return None
        return Forecast(
            workload=self.name,
            issued_at=issued_at,
            step_seconds=self.history.step_seconds,
            quantiles=QUANTILES,
            values=self.batch.grid.every_step(quantiles),
            basis=self._basis(learner),
        )

    def _basis(self, learner: Learner) -> str:
        if self.batch.is_gated(learner.row):
            return MOVING_AVERAGE
        return "blend" if self.models is not None else "online experts"

    def _asked(self) -> Learned | None:
        """Return what the fitted models say of the newest step."""
        if self.models is None:
            return None
        if self._said is None or self._said[0] != self.history.end:
            self._said = self.history.end, self.models.predict_newest(self.history)
        return self._said[1]


def _known_until(series: DemandSeries, before: float | None) -> float | None:
    """Return the end of the last step that is known, which may lie before the series."""
    steps = np.flatnonzero(~np.isnan(series.values))
    if not len(steps):
        return before
    return series.start + (int(steps[-1]) + 1) * series.step_seconds


def _joined(history: DemandSeries, series: DemandSeries) -> DemandSeries:
    """Return the history with new steps, no longer than a fit can use."""
    most = round(HISTORY_SECONDS / history.step_seconds)
    values = np.concatenate([history.values, series.values])[-most:]
    start = series.end - len(values) * series.step_seconds
    return DemandSeries(start=start, step_seconds=series.step_seconds, values=values)
