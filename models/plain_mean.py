"""An exponentially weighted mean and the quantiles of its residuals: what forecasts are judged by.

It stands apart from the portfolio, whose own means get better with it.
"""

from __future__ import annotations

import numpy as np

from models.awaited import Awaited
from models.forecast import QUANTILES, FloatArray
from models.horizons import HorizonGrid
from models.residuals import ResidualQuantiles
from models.smoothing import Levels

_HALF_LIFE_STEPS, _SLOW_HALF_LIFE_STEPS = 4.0, 120.0
_MEMORY_STEPS = 1000.0
#: Nothing is forecast beyond thrice the highest demand so far.
_MOST_TIMES_PEAK = 3.0


class PlainMean:
    """Forecasts of one series, step by step."""

    def __init__(self, grid: HorizonGrid, *, step_seconds: float) -> None:
        """Begin with nothing known."""
        self._step = step_seconds
        self._levels = Levels((_HALF_LIFE_STEPS, _SLOW_HALF_LIFE_STEPS), workloads=1)
        self._awaited = Awaited(grid.steps, (1,))
        self._residuals = ResidualQuantiles((len(grid), 1), memory_steps=_MEMORY_STEPS)
        self._time, self._peak = 0, 0.0
        self._said: FloatArray = np.full((len(grid), len(QUANTILES)), np.nan)

    def advance(self, demand: float) -> FloatArray:
        """Take in a step's demand per second, NaN if missing; return [horizons, quantiles].

        After a missing step what was said before it stays in force.
        """
        now = np.array([demand])
        known = now == now
        # What is added before a logarithm: one request a step, or 2 % of the slow level.
        offset = float(np.fmax(1.0 / self._step, 0.02 * self._levels.values[1, 0]))
        self._residuals.add(np.log((now + offset) / (self._awaited.due(self._time) + offset)))
        self._levels.update(now)
        points = np.repeat(self._levels.values[:1], len(self._said), axis=0)
        self._awaited.put(self._time, points, known)
        self._time += 1
        if known[0]:
            self._peak = max(self._peak, demand)
            said = (points + offset) * np.exp(self._residuals.quantiles) - offset
            most = _MOST_TIMES_PEAK * (self._peak + offset)
            self._said = np.clip(said, 0.0, most)[:, :, 0].T
        return self._said
