"""The last correction of a forecast's quantiles, so that each covers the share that it claims.

A quantile that covered too little is moved up, by a multiple of how far the forecast's own
quantiles lie apart, and down if it covered too much. Sources: Romano, Patterson and Candes (2019)
for conformalized quantiles; Gibbs and Candes (2021), "Adaptive conformal inference under
distribution shift", and Angelopoulos, Candes and Tibshirani (2023) for the steps.
"""

from __future__ import annotations

import numpy as np

from models.forecast import QUANTILES, FloatArray
from models.residuals import ascending, levels_for, spacing
from models.rows import Rows

# Misses come in a row, when a burst begins, and each moves its quantile: a memory of few of them
# would leave the quantile far too high for hours after. Every quantile remembers so many.
_MEMORY_MISSES, _LEAST_MEMORY_STEPS = 50.0, 500.0
# Few misses say little about a tail: a correction is trusted as they come in.
_TRUST_OF_MEMORY = 0.6
#: Beyond so many spacings, a burst of the past costs more than it covers again: what came out of
#: calm is no measure of what may come on top of a burst.
_MOST = 0.3


class Calibration(Rows):
    """Corrections of quantiles [quantiles, horizons, workloads]."""

    _arrays = ("_shift", "_count")

    def __init__(self, cells: tuple[int, int]) -> None:
        """Begin with no correction."""
        self._levels = levels_for(2)
        self._memory = np.maximum(_MEMORY_MISSES / (1.0 - self._levels), _LEAST_MEMORY_STEPS)
        self._trusted = _TRUST_OF_MEMORY * self._memory
        self._shift = np.zeros((len(QUANTILES), *cells))
        self._count = np.zeros(cells)

    def learn(self, demand: FloatArray, said: FloatArray, offset: FloatArray) -> None:
        """Take in what came [workloads] of what had been said, uncorrected; NaN where missing."""
        logs = np.log(said + offset)
        excess = np.log(demand + offset) - logs
        known = excess[0] == excess[0]
        self._count += known
        gain = known / np.minimum(self._count + self._trusted, self._memory)
        below = excess <= self._shift * spacing(logs)
        self._shift += gain / (1.0 - self._levels) * (self._levels - below)
        np.clip(self._shift, -_MOST, _MOST, out=self._shift)

    def apply(self, said: FloatArray, offset: FloatArray) -> FloatArray:
        """Return quantiles corrected, ascending and not below 0."""
        logs = np.log(said + offset)
        trust = self._count / (self._count + self._trusted)
        corrected = np.exp(logs + trust * self._shift * spacing(logs)) - offset
        return ascending(np.maximum(corrected, 0.0))
