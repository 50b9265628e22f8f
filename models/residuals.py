"""Quantiles of residuals, followed step by step: conformal prediction with a fading memory.

Each residual moves a quantile by its share of a step, as wide as the residuals lie apart there, so
that no window of them is kept. Sources: Tierney (1983) for stochastic approximation of quantiles;
Chen, Lambert and Pinheiro (2000), "Incremental quantile estimation for massive tracking", for the
exponential memory; Angelopoulos, Candes and Tibshirani (2023), "Conformal PID control", for
coverage by quantile tracking. The spacing takes the tail to be exponential.

Quantiles are the first axis, so that the last, workloads, is what lies together in memory.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from models.forecast import QUANTILES, FloatArray
from models.rows import Rows

#: A normal distribution's, in units of the mean absolute residual.
_FIRST = [NormalDist(sigma=math.sqrt(math.pi / 2)).inv_cdf(level) for level in QUANTILES]
_LEAST_SPACING = 0.05
#: Of an exponential tail's scale, what lies between two neighboring quantiles.
_STRETCH = np.diff(-np.log(1.0 - np.asarray(QUANTILES)))


def levels_for(cells: int) -> FloatArray:
    """Return the quantile levels, to be set against quantiles of cells of so many axes."""
    return np.asarray(QUANTILES).reshape(-1, *[1] * cells)


def spacing(quantiles: FloatArray) -> FloatArray:
    """Return the exponential tail's scale at each quantile, from how far apart they are."""
    apart = np.empty(quantiles.shape)
    stretch = _STRETCH.reshape(-1, *[1] * (quantiles.ndim - 1))
    np.subtract(quantiles[1:], quantiles[:-1], out=apart[1:])
    apart[1:] /= stretch
    apart[0] = apart[1]
    return apart


def ascending(quantiles: FloatArray) -> FloatArray:
    """Return the quantiles in order, in place where they are not."""
    if (quantiles[1:] < quantiles[:-1]).any():
        quantiles.sort(axis=0)
    return quantiles


class ResidualQuantiles(Rows):
    """Every quantile of the residuals of many cells; ``quantiles`` is [quantiles, *cells]."""

    _arrays = ("_shape", "_scale", "_largest", "count")

    def __init__(self, cells: tuple[int, ...], *, memory_steps: float) -> None:
        """Begin with no residual; ``quantiles`` are zero until the first is in."""
        self._least_gain = 1.0 / memory_steps
        self._levels = levels_for(len(cells))
        first = np.asarray(_FIRST).reshape(self._levels.shape)
        self._shape = np.repeat(first, math.prod(cells), axis=-1).reshape(-1, *cells)
        self._scale = np.zeros(cells)
        self._largest = np.zeros(cells)
        self.count = np.zeros(cells)

    @property
    def quantiles(self) -> FloatArray:
        """The quantiles, in the residuals' unit."""
        # Where residuals jump by orders, steps would overshoot all that was ever seen.
        return np.asarray(np.minimum(self._shape * self._scale, self._largest))

    def add(self, residuals: FloatArray) -> None:
        """Take in one residual a cell, NaN where there is none."""
        known = residuals == residuals
        self.count += known
        gain = np.maximum(1.0 / np.maximum(self.count, 1.0), self._least_gain) * known
        size = np.where(known, np.abs(residuals), 0.0)
        self._scale += gain * (size - self._scale)
        self._largest = np.maximum(self._largest * (1.0 - self._least_gain * known), size)
        below = residuals / np.maximum(self._scale, 1e-9) <= self._shape
        step = np.maximum(spacing(self._shape), _LEAST_SPACING)
        gain = np.maximum(1.0 / (self.count + 2.0), self._least_gain) * known
        step *= np.minimum(gain / (1.0 - self._levels), known)
        step *= self._levels - below
        self._shape += step
        ascending(self._shape)
