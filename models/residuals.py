"""Quantiles of residuals, followed step by step: conformal prediction with a fading memory.

Each residual moves a quantile by its share of a step, as wide as the residuals lie apart there, so
that no window of them is kept. Sources: Tierney (1983) for stochastic approximation of quantiles;
Chen, Lambert and Pinheiro (2000), "Incremental quantile estimation for massive tracking", for the
exponential memory; Angelopoulos, Candes and Tibshirani (2023), "Conformal PID control", for
coverage by quantile tracking. The spacing takes the tail to be exponential.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from models.forecast import QUANTILES, FloatArray

_LEVELS = np.asarray(QUANTILES)
#: A normal distribution's, in units of the mean absolute residual.
_FIRST = tuple(NormalDist(sigma=math.sqrt(math.pi / 2)).inv_cdf(level) for level in QUANTILES)
_LEAST_SPACING = 0.05
#: Of an exponential tail's scale, what lies between two neighboring quantiles.
_STRETCH = np.log((1.0 - _LEVELS[:-1]) / (1.0 - _LEVELS[1:]))


def spacing(quantiles: FloatArray) -> FloatArray:
    """Return the exponential tail's scale at each quantile, from how far apart they are."""
    scales = np.diff(quantiles, axis=-1) / _STRETCH
    return np.concatenate([scales[..., :1], scales], axis=-1)


class ResidualQuantiles:
    """Every quantile of the residuals of many cells; ``quantiles`` is [*cells, quantiles]."""

    def __init__(self, cells: tuple[int, ...], *, memory_steps: float) -> None:
        """Begin with no residual; ``quantiles`` are zero until the first is in."""
        self._least_gain = 1.0 / memory_steps
        self._shape = np.broadcast_to(np.asarray(_FIRST), (*cells, len(QUANTILES))).copy()
        self._scale = np.zeros(cells)
        self.count = np.zeros(cells)

    @property
    def quantiles(self) -> FloatArray:
        """The quantiles, in the residuals' unit."""
        return np.asarray(self._shape * self._scale[..., None])

    def add(self, residuals: FloatArray) -> None:
        """Take in one residual a cell, NaN where there is none."""
        known = ~np.isnan(residuals)
        self.count += known
        gain = np.maximum(1.0 / np.maximum(self.count, 1.0), self._least_gain) * known
        size = np.where(known, np.abs(residuals), 0.0)
        self._scale += gain * (size - self._scale)
        below = (residuals / np.maximum(self._scale, 1e-9))[..., None] <= self._shape
        apart = np.maximum(spacing(self._shape), _LEAST_SPACING)
        gain = np.maximum(1.0 / (self.count + 2.0), self._least_gain) * known
        step = apart * np.minimum(gain[..., None] / (1.0 - _LEVELS), known[..., None])
        self._shape += step * (_LEVELS - below)
        self._shape.sort(axis=-1)
