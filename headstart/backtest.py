"""How accurate the forecasts would have been: one from the end of every bin of the test part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headstart.forecast_track import advance, fit_pool, learned_track
from headstart.traces import Trace
from models.forecast import QUANTILES, FloatArray
from models.horizons import HorizonGrid, grid_of
from models.plain_mean import PlainMean
from models.portfolio import Portfolio
from models.scores import coverage, weighted_quantile_loss
from models.series import DemandSeries, without_outages

_FINE_HORIZONS_SECONDS = (10.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0)
_COARSE_HORIZONS_BINS = (1, 2, 3, 5, 10, 20, 30)
#: Bins longer than this are forecast in multiples of themselves.
_FINE_BIN_SECONDS = 10.0
#: One process fits ahead while this one plays: a second would wait for it, and cost its memory.
_WORKERS = 1
_SCORED_QUANTILES = (0.5, 0.9, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """Forecasts of every origin: ``values[origin, horizon, quantile]``, requests per bin.

    ``origins`` are ends of the last bin seen, in seconds since the trace's start.
    ``loss`` is the weighted quantile loss; ``ewma_loss`` that of an exponentially weighted mean
    with conformal residual quantiles about it. ``coverage`` is the share of demand at or below
    each quantile, horizons weighing alike.
    """

    origins: FloatArray
    horizons_seconds: tuple[float, ...]
    quantiles: tuple[float, ...]
    values: FloatArray
    loss: float
    ewma_loss: float
    coverage: tuple[float, ...]


def horizons_of(bin_seconds: float) -> tuple[int, ...]:
    """Return the horizons that are forecast, in bins: 10 s to 5 minutes, or 1 to 30 bins."""
    if bin_seconds > _FINE_BIN_SECONDS:
        return _COARSE_HORIZONS_BINS
    steps = {round(seconds / bin_seconds) for seconds in _FINE_HORIZONS_SECONDS}
    return tuple(sorted(step for step in steps if step >= 1))


def backtest(
    trace: Trace, *, warmup_seconds: float, progress: Callable[[int, int], object] | None = None
) -> Backtest:
    """Forecast from every bin's end; what is known of an origin is what came before it."""
    bin_seconds = trace.bin_seconds
    steps = horizons_of(bin_seconds)
    grid = grid_of(steps)
    series = without_outages(
        DemandSeries(
            start=trace.origin_epoch_seconds,
            step_seconds=bin_seconds,
            values=trace.requests / bin_seconds,
        )
    )
    values, plain = _played(series, grid, progress or (lambda done, total: None))
    requests, first = trace.requests, max(1, round(warmup_seconds / bin_seconds))
    tested = np.arange(first - 1, len(requests))
    return Backtest(
        origins=np.asarray((tested + 1) * bin_seconds, dtype=np.float64),
        horizons_seconds=tuple(step * bin_seconds for step in steps),
        quantiles=QUANTILES,
        values=values[tested] * bin_seconds,
        loss=_loss(requests, values * bin_seconds, steps, first),
        ewma_loss=_loss(requests, plain * bin_seconds, steps, first),
        coverage=tuple(
            _coverage(requests, values[:, :, index] * bin_seconds, steps, first)
            for index in range(len(QUANTILES))
        ),
    )


def _played(
    series: DemandSeries, grid: HorizonGrid, progress: Callable[[int, int], object]
) -> tuple[FloatArray, FloatArray]:
    """Return what the portfolio and the plain mean said of every step, demand per second."""
    count = len(series.values)
    values = np.full((count, len(grid), len(QUANTILES)), np.nan)
    plain = np.full_like(values, np.nan)
    portfolio = Portfolio(grid, step_seconds=series.step_seconds)
    mean = PlainMean(grid, step_seconds=series.step_seconds)
    with fit_pool(_WORKERS) as pool:
        tracks = learned_track(series, grid, pool)
        covered, track = next(tracks)
        for step in range(count):
            while step >= covered:
                covered, track = next(tracks)
            advance(portfolio, series, step, track)
            values[step] = portfolio.quantiles[0]
            plain[step] = mean.advance(float(series.values[step]))
            progress(step + 1, count)
    return values, plain


def _pairs(
    requests: FloatArray, forecasts: FloatArray, steps: tuple[int, ...], first: int
) -> list[tuple[FloatArray, FloatArray]]:
    """Pair what came with what had been forecast, horizon by horizon."""
    return [
        (requests[first - 1 + step :], forecasts[first - 1 : len(requests) - step, index])
        for index, step in enumerate(steps)
        if first - 1 + step < len(requests)
    ]


def _loss(requests: FloatArray, values: FloatArray, steps: tuple[int, ...], first: int) -> float:
    columns = [QUANTILES.index(quantile) for quantile in _SCORED_QUANTILES]
    losses = [
        weighted_quantile_loss(came, said[:, columns], quantiles=_SCORED_QUANTILES)
        for came, said in _pairs(requests, values, steps, first)
    ]
    return float(np.mean(losses)) if losses else float("nan")


def _coverage(
    requests: FloatArray, values: FloatArray, steps: tuple[int, ...], first: int
) -> float:
    shares = [coverage(came, said) for came, said in _pairs(requests, values, steps, first)]
    return float(np.mean(shares)) if shares else float("nan")
