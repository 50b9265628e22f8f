"""The last correction of a forecast's quantiles, so that each covers the share that it claims.

A quantile that covered too little is moved up, by a multiple of how far the forecast's own
quantiles lie apart, and down if it covered too much. Sources: Romano, Patterson and Candes (2019)
for conformalized quantiles; Gibbs and Candes (2021), "Adaptive conformal inference under
distribution shift", and Angelopoulos, Candes and Tibshirani (2023) for the steps.
"""

from __future__ import annotations

import numpy as np

from models.forecast import QUANTILES, FloatArray
from models.residuals import spacing

_LEVELS = np.asarray(QUANTILES)
_MEMORY_STEPS = 500.0
# Three hundred steps of being right are taken for granted: few misses say little about a tail.
_PRIOR_STEPS = 300.0
#: Beyond so many spacings, a burst of the past would cost more than it could cover again.
_MOST = 1.5


class Calibration:
    """Corrections of quantiles [workloads, horizons, quantiles]."""

    def __init__(self, cells: tuple[int, int]) -> None:
        """Begin with no correction."""
        self._shift = np.zeros((*cells, len(QUANTILES)))
        self._count = np.zeros(cells)

    def learn(self, demand: FloatArray, said: FloatArray, offset: FloatArray) -> None:
        """Take in what came [workloads] of what had been said, uncorrected; NaN where missing."""
        extra = offset[:, None, None]
        logs = np.log(said + extra)
        excess = np.log(demand + offset)[:, None, None] - logs
        known = ~np.isnan(excess[..., 0])
        self._count += known
        gain = known / np.minimum(self._count + _PRIOR_STEPS, _MEMORY_STEPS)
        below = excess <= self._shift * spacing(logs)
        self._shift += gain[..., None] / (1.0 - _LEVELS) * (_LEVELS - below)
        np.clip(self._shift, -_MOST, _MOST, out=self._shift)

    def apply(self, said: FloatArray, offset: FloatArray) -> FloatArray:
        """Return quantiles corrected, ascending and not below 0."""
        extra = offset[:, None, None]
        logs = np.log(said + extra)
        corrected = np.exp(logs + self._shift * spacing(logs)) - extra
        return np.sort(np.maximum(corrected, 0.0), axis=-1)
