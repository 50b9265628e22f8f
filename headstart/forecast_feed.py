"""The forecast in force at any time of a replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from headstart.forecast_track import LearnedTrack, advance
from models.forecast import MOVING_AVERAGE, QUANTILES, Forecast, WorkloadName
from models.horizons import HorizonGrid
from models.portfolio import Portfolio
from models.series import DemandSeries


class Forecasts(Protocol):
    """Whatever says what demand will be."""

    def at(self, now: float) -> Forecast | None:
        """Return the forecast in force; asked in rising order of time."""
        ...


class ForecastFeed:
    """Forecasts of one workload, each made when its last step had been measured.

    ``delay_seconds`` is how late measurements are.
    """

    def __init__(
        self,
        workload: WorkloadName,
        series: DemandSeries,
        grid: HorizonGrid,
        tracks: Iterator[tuple[int, LearnedTrack]],
        *,
        delay_seconds: float,
    ) -> None:
        """Begin before the first step; ``tracks`` yields what fitted experts say."""
        self._series, self._grid, self._tracks = series, grid, tracks
        self._workload, self._delay = workload, delay_seconds
        self._portfolio = Portfolio(grid, step_seconds=series.step_seconds)
        self._done = 0
        self._covered, self._track = next(tracks)
        self._newest: Forecast | None = None

    def at(self, now: float) -> Forecast | None:
        """Return the newest forecast made of what was measured by ``now``; ask in rising order.

        A missing step brings no new forecast: the one before it stays in force.
        """
        measured = (now - self._delay - self._series.start) / self._series.step_seconds
        due = min(int(measured + 1e-9), len(self._series.values))
        known_until = 0
        while self._done < due:
            while self._done >= self._covered:
                self._covered, self._track = next(self._tracks)
            advance(self._portfolio, self._series, self._done, self._track)
            self._done += 1
            if not np.isnan(self._series.values[self._done - 1]):
                known_until = self._done
        if known_until:
            self._newest = self._made(known_until)
        return self._newest

    def _made(self, steps: int) -> Forecast:
        values = self._grid.dense @ self._portfolio.quantiles[0]
        return Forecast(
            workload=self._workload,
            issued_at=self._series.start + steps * self._series.step_seconds,
            step_seconds=self._series.step_seconds,
            quantiles=QUANTILES,
            values=np.maximum.accumulate(values, axis=1),
            basis=MOVING_AVERAGE if self._portfolio.is_gated[0] else "blend",
        )
