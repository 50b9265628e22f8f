"""Forecasts over a whole series, as they would have been made step by step.

The cheap experts learn online. The fitted ones are refitted when they would have been, on what
was known then, and asked in blocks: all origins between two fits in one call. Nothing said of an
origin depends on a later step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fitted import Learned
from models.forecast import QUANTILES, FloatArray
from models.horizons import HorizonGrid
from models.learned import fit_learned, refit_points
from models.portfolio import Portfolio
from models.series import DemandSeries
from predictor.worker_process import worker_pool

#: A fit takes a few seconds; what it learned is used no earlier than this after its last step.
_FIT_SECONDS = 60.0
_SEED = 7
#: Origins asked at once: enough to share the overhead, few enough to stay small in memory.
_BLOCK = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedTrack:
    """What the experts of one fit say of the steps from ``first`` on."""

    first: int
    points: FloatArray
    boosted: FloatArray
    linear: FloatArray

    def at(self, step: int) -> Learned:
        """Return what they say of one step."""
        row = step - self.first
        return Learned(
            points=self.points[row][None],
            boosted=self.boosted[row][None],
            linear=self.linear[row][None],
        )

    def put(self, first: int, said: Learned) -> None:
        """Write down what they say of the steps from ``first`` on."""
        steps = slice(first - self.first, first - self.first + len(said.points))
        self.points[steps] = said.points
        self.boosted[steps] = said.boosted
        self.linear[steps] = said.linear


def _blank(first: int, steps: int, horizons: int) -> LearnedTrack:
    """Return a track to be written on."""
    shape = (steps, horizons, len(QUANTILES))
    return LearnedTrack(
        first=first,
        points=np.full(shape[:2], np.nan, dtype=np.float32),
        boosted=np.full(shape, np.nan, dtype=np.float32),
        linear=np.full(shape, np.nan, dtype=np.float32),
    )


def fit_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool for fits: spawned, one thread each, so that a fit has one result.

    Its processes end with this one, however that ends.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    return worker_pool(workers)


def learned_track(
    series: DemandSeries, grid: HorizonGrid, pool: Executor
) -> Iterator[tuple[int, LearnedTrack | None]]:
    """Yield (until, track) as fits finish: what the fits say of the steps from the last one on.

    None until the first is done. The last reaches to the end of the series.
    """
    count = len(series.values)
    due = list(refit_points(count - 1, step_seconds=series.step_seconds))
    delay = int(np.ceil(_FIT_SECONDS / series.step_seconds))
    ends = [*due[1:], count][: len(due)]
    spans = [(steps + delay, min(end + delay, count)) for steps, end in zip(due, ends, strict=True)]
    # The workers also ask what they fitted: beside two of them, trees asked here would fight
    # for processors with every tick.
    asked: list[Future[LearnedTrack]] = [
        pool.submit(_fit_and_ask, _first(series, max(steps, high)), grid.steps, steps, low, high)
        for steps, (low, high) in zip(due, spans, strict=True)
    ]
    yield (min(spans[0][0], count) if due else count), None
    for (_, high), answer in zip(spans, asked, strict=True):
        yield high, answer.result()


def _first(series: DemandSeries, steps: int) -> DemandSeries:
    """Return the first steps of a series."""
    return series.between(series.start, series.start + steps * series.step_seconds)


def _fit_and_ask(
    series: DemandSeries, horizons: NDArray[np.intp], steps: int, low: int, high: int
) -> LearnedTrack:
    """Fit on the first ``steps``, and ask of the origins [low, high); meant for a process pool."""
    model = fit_learned(_first(series, steps), horizons, _SEED)
    said = _blank(low, max(high - low, 0), len(horizons))
    for begin in range(low, high, _BLOCK):
        origins = np.arange(begin, min(begin + _BLOCK, high))
        said.put(begin, model.predict(series, origins))
    return said


def advance(
    portfolio: Portfolio, series: DemandSeries, step: int, track: LearnedTrack | None
) -> None:
    """Let the portfolio take in one step of the series."""
    portfolio.advance(
        series.start + (step + 1) * series.step_seconds,
        series.values[step : step + 1],
        None if track is None else track.at(step),
    )
