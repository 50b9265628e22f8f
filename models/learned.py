"""The fitted experts as one value, fitted together and swapped in whole; and when to refit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.autoregression import Autoregression, fit_autoregression
from models.boosted import BoostedQuantiles, fit_boosted
from models.features import LEVEL_HALF_LIFE, FeatureMaker, Features, filled, offset_of
from models.fitted import Learned
from models.forecast import FloatArray
from models.linear import LinearQuantiles, fit_linear
from models.newest_features import NewestFeatures
from models.recurrence import cycle_seconds_of
from models.series import DemandSeries

#: Fewer steps than this teach a boosted model nothing that EWMA does not know; of steps longer than
#: a minute it takes more, for days go by in few of them.
FIRST_FIT_STEPS, _FIRST_FIT_LONG_STEPS = 320, 720
_LONG_STEP_SECONDS = 60.0
#: No more history than this goes into a fit.
HISTORY_SECONDS = 14 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedModels:
    """Everything that one fit made; ``cycle_seconds`` is after how long demand recurs."""

    cycle_seconds: float
    autoregression: Autoregression
    boosted: BoostedQuantiles
    linear: LinearQuantiles

    def predict(self, series: DemandSeries, origins: NDArray[np.intp]) -> Learned:
        """Forecast from many origins (indices of steps of ``series``) at once.

        What is said of an origin uses no step after it. Origins stand where workloads do.
        """
        demand = filled(series.values)
        short, own = self._features(FeatureMaker, demand, series)
        return Learned(
            points=self.autoregression.predict(demand, origins),
            boosted=self.boosted.predict(own, origins),
            linear=self.linear.predict(short, origins),
        )

    def predict_newest(self, series: DemandSeries) -> Learned:
        """Forecast from the last step: what ``predict`` says of it, for a fraction of the work."""
        demand = filled(series.values)
        newest = np.array([len(demand) - 1])
        short, own = self._features(NewestFeatures, demand, series)
        recent = demand[-self.autoregression.steps_back :]
        return Learned(
            points=self.autoregression.predict(recent, np.array([len(recent) - 1])),
            boosted=self.boosted.predict(own, newest),
            linear=self.linear.predict(short, newest),
        )

    def _features(
        self,
        make: type[FeatureMaker] | type[NewestFeatures],
        demand: FloatArray,
        series: DemandSeries,
    ) -> tuple[Features, Features]:
        """Return features relative to the short level, and to that of the boosted trees."""
        relative_to = partial(
            make,
            demand,
            start=series.start,
            step_seconds=series.step_seconds,
            offset=self.boosted.offset,
            cycle_seconds=self.cycle_seconds,
        )
        short = relative_to(level_half_life=LEVEL_HALF_LIFE)
        if self.boosted.level_half_life == LEVEL_HALF_LIFE:
            return short, short
        return short, relative_to(level_half_life=self.boosted.level_half_life)


def fit_learned(series: DemandSeries, steps: NDArray[np.intp], seed: int) -> LearnedModels:
    """Fit every learned expert on the newest 14 days of ``series``; meant for a process pool."""
    count = min(len(series.values), round(HISTORY_SECONDS / series.step_seconds))
    recent = series.between(series.end - count * series.step_seconds, series.end)
    demand, start, step = recent.values, recent.start, series.step_seconds
    cycle = cycle_seconds_of(demand, step_seconds=step)
    make = partial(
        FeatureMaker,
        filled(demand),
        start=start,
        step_seconds=step,
        offset=offset_of(demand, step_seconds=step),
        cycle_seconds=cycle,
    )
    return LearnedModels(
        cycle_seconds=cycle,
        autoregression=fit_autoregression(demand, step_seconds=step, steps=steps),
        linear=fit_linear(
            demand,
            make(level_half_life=LEVEL_HALF_LIFE),
            history_seconds=len(demand) * step,
            steps=steps,
            seed=seed,
        ),
        boosted=fit_boosted(demand, make, steps=steps, seed=seed),
    )


def refit_after(steps: int, *, step_seconds: float) -> int:
    """Return at how many steps of history the fit after that of ``steps`` is due.

    First at 320 steps (720 of more than a minute), then each time history has grown by half, at
    most once a day and, so that a long history is not fitted in vain, after an eighth of it.
    """
    first = FIRST_FIT_STEPS if step_seconds <= _LONG_STEP_SECONDS else _FIRST_FIT_LONG_STEPS
    if steps < first:
        return first
    day = max(1, round(86400.0 / step_seconds))
    return steps + max(min(steps // 2, day), steps // 8)


def refit_points(total_steps: int, *, step_seconds: float) -> Iterator[int]:
    """Yield every history length up to ``total_steps`` at which a fit is due."""
    due = refit_after(0, step_seconds=step_seconds)
    while due <= total_steps:
        yield due
        due = refit_after(due, step_seconds=step_seconds)
