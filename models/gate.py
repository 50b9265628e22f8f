"""Whether a forecast earns its place: its losses against those of one that any can make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray
from models.rows import Rows

#: A memory of a thousand steps.
_KEEP = 1.0 - 1.0 / 1000.0
#: Residuals fill for so long: a series that is easily forecast owes its whole loss to them.
_LEARNING_STEPS = 300
_ENOUGH_STEPS = 200
#: Worse by less than this is within what chance does.
_TOLERANCE = 1.05
#: As a share of demand: so little decides no replica, whatever it is relative to another loss.
_NEGLIGIBLE = 5e-4


class AccuracyGate(Rows):
    """Shut while the forecast's discounted loss is above the plain one's, workload by workload.

    The first steps are to learn from, and not held against it.
    """

    _arrays = ("_excess", "_steps", "is_shut")

    def __init__(self, *, workloads: int) -> None:
        """Begin open."""
        self._excess = np.zeros(workloads)
        self._steps = np.zeros(workloads, dtype=np.intp)
        self.is_shut: NDArray[np.bool_] = np.zeros(workloads, dtype=bool)

    def learn(self, losses: FloatArray, plain: FloatArray, demand: FloatArray) -> None:
        """Take in both losses of one step, [quantiles, horizons, workloads].

        NaN where a step was not forecast or is missing. ``demand`` [workloads] is the scale
        that tells what is negligible.
        """
        # One sum is enough: loss above tolerance times loss is excess above zero.
        excess = losses - _TOLERANCE * plain - _NEGLIGIBLE * demand
        scored = excess == excess
        known = scored.any(axis=(0, 1))
        self._steps += known
        counts = known & (self._steps > _LEARNING_STEPS)
        kept = _KEEP * self._excess + excess.sum(axis=(0, 1), where=scored)
        self._excess = np.where(counts, kept, self._excess)
        self.is_shut = (self._excess > 0.0) & (self._steps >= _LEARNING_STEPS + _ENOUGH_STEPS)
