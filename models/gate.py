"""Whether a forecast earns its place: its losses against those of one that any can make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

_MEMORY_STEPS = 1000.0
_ENOUGH_STEPS = 200
#: Worse by less than this is within what chance does.
_TOLERANCE = 1.05
#: As a share of demand: losses this small are rounding, and which is larger says nothing.
_ROUNDING = 1e-6


class AccuracyGate:
    """Shut while the forecast's discounted loss is above the plain one's, workload by workload."""

    def __init__(self, *, workloads: int) -> None:
        """Begin open."""
        self._excess = np.zeros(workloads)
        self._steps = np.zeros(workloads, dtype=np.intp)
        self.is_shut: NDArray[np.bool_] = np.zeros(workloads, dtype=bool)

    def learn(self, losses: FloatArray, plain: FloatArray, demand: FloatArray) -> None:
        """Take in both losses of one step, [workloads, horizons, quantiles].

        NaN where a step was not forecast or is missing. ``demand`` [workloads] is the scale
        that rounding is told by.
        """
        # One sum is enough: loss above tolerance times loss is excess above zero.
        excess = losses - _TOLERANCE * plain
        scored = ~np.isnan(excess)
        cells = scored.sum(axis=(1, 2))
        told = np.where(scored, excess, 0.0).sum(axis=(1, 2)) - _ROUNDING * cells * demand
        known = cells > 0
        self._steps += known
        kept = (1.0 - 1.0 / _MEMORY_STEPS) * self._excess + told
        self._excess = np.where(known, kept, self._excess)
        self.is_shut = (self._excess > 0.0) & (self._steps >= _ENOUGH_STEPS)
