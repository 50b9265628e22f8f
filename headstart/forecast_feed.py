"""The forecast in force at any time of a replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from headstart.demand_track import SHORTEST_STEP_SECONDS
from headstart.forecast_blocks import ForecastBlock
from models.forecast import MOVING_AVERAGE, QUANTILES, Forecast, WorkloadName
from models.horizons import HorizonGrid
from models.series import DemandSeries


class Forecasts(Protocol):
    """Whatever says what demand will be."""

    def at(self, now: float) -> Forecast | None:
        """Return the forecast in force; asked in rising order of time."""
        ...


class ForecastFeed:
    """Forecasts of one workload, each seen when its last step was known.

    Demand inside a step is even: once as much of it as a loop measures in was measured, late by
    ``delay_seconds``, it is known to its end.
    """

    def __init__(
        self,
        workload: WorkloadName,
        series: DemandSeries,
        grid: HorizonGrid,
        blocks: Iterator[ForecastBlock],
        *,
        delay_seconds: float,
    ) -> None:
        """Begin before the first step; ``blocks`` are the forecasts of every step."""
        self._series, self._grid, self._blocks = series, grid, blocks
        self._workload, self._delay = workload, delay_seconds
        self._known = ~np.isnan(series.values)
        self._done = 0
        self._block: ForecastBlock | None = None
        self._newest: Forecast | None = None

    def at(self, now: float) -> Forecast | None:
        """Return the newest forecast made of what was known by ``now``; ask in rising order.

        A missing step brings no new forecast: the one before it stays in force.
        """
        step = self._series.step_seconds
        measured = now - self._delay - self._series.start + step - SHORTEST_STEP_SECONDS
        due = min(int(measured / step + 1e-9), len(self._series.values))
        if due > self._done:
            known = np.flatnonzero(self._known[self._done : due])
            if len(known):
                self._newest = self._made(self._done + int(known[-1]) + 1)
            self._done = due
        return self._newest

    def _made(self, steps: int) -> Forecast:
        while self._block is None or self._block.end < steps:
            self._block = next(self._blocks)
        quantiles, is_gated = self._block.made_at(steps - 1)
        values, step = self._grid.every_step(quantiles), self._series.step_seconds
        known_steps = int(step > SHORTEST_STEP_SECONDS)
        under_way = np.full((known_steps, len(QUANTILES)), self._series.values[steps - 1])
        return Forecast(
            workload=self._workload,
            issued_at=self._series.start + (steps - known_steps) * step,
            step_seconds=step,
            quantiles=QUANTILES,
            values=np.concatenate([under_way, values]),
            basis=MOVING_AVERAGE if is_gated else "blend",
            known_steps=known_steps,
        )
