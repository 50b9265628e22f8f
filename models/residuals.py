"""Quantiles of residuals, followed step by step: conformal prediction with a fading memory.

Each residual moves a quantile by its share of a step, as wide as the residuals lie apart there, so
that no window of them is kept. Sources: Tierney (1983) for stochastic approximation of quantiles;
Chen, Lambert and Pinheiro (2000), "Incremental quantile estimation for massive tracking", for the
exponential memory; Angelopoulos, Candes and Tibshirani (2023), "Conformal PID control", for
coverage by quantile tracking. The spacing takes the tail to be exponential.

Quantiles are the first axis, so that the last, workloads, is what lies together in memory.
"""

from __future__ import annotations

import copy
import math
from functools import lru_cache
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.forecast import QUANTILES, FloatArray
from models.rows import Rows

#: A normal distribution's, in units of the mean absolute residual.
_FIRST = [NormalDist(sigma=math.sqrt(math.pi / 2)).inv_cdf(level) for level in QUANTILES]
_LEAST_SPACING = 0.05
#: Of an exponential tail's scale, what lies between two neighboring quantiles.
_STRETCH = np.diff(-np.log(1.0 - np.asarray(QUANTILES)))


@lru_cache(maxsize=8)
def levels_for(cells: int) -> FloatArray:
    """Return the quantile levels, to be set against quantiles of cells of so many axes."""
    levels = np.asarray(QUANTILES).reshape(-1, *[1] * cells)
    levels.flags.writeable = False  # one for all who ask
    return levels


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

    # One array, so that cells are picked and put back at once: of each cell the quantiles in units
    # of the scale, the mean absolute residual as that scale, the largest of late, and the count.
    _arrays = ("_known",)

    def __init__(self, cells: tuple[int, ...], *, memory_steps: float) -> None:
        """Begin with no residual; ``quantiles`` are zero until the first is in."""
        self._least_gain = 1.0 / memory_steps
        self._known = np.zeros((len(QUANTILES) + 3, *cells))
        self._known[:-3] = np.reshape(_FIRST, (-1, *[1] * len(cells)))

    @property
    def count(self) -> FloatArray:
        """How many residuals each cell has seen."""
        return np.asarray(self._known[-1])

    @property
    def quantiles(self) -> FloatArray:
        """The quantiles, in the residuals' unit."""
        # Where residuals jump by orders, steps would overshoot all that was ever seen.
        return np.asarray(np.minimum(self._known[:-3] * self._known[-3], self._known[-2]))

    def picked(self, places: NDArray[np.intp]) -> Self:
        """Return of cells [first axis, *rest] those at these places [*rest] of the first axis."""
        made = copy.copy(self)
        flat = self._known.reshape(len(self._known), -1)
        # Clipped, for that takes no check of every place; each is within.
        made._known = flat.take(_flat(places), axis=1, mode="clip").reshape(-1, *places.shape)
        return made

    def put(self, places: NDArray[np.intp], cells: Self) -> None:
        """Put cells back to where they were picked."""
        count = len(self._known)
        # A view, as the array lies in one piece.
        self._known.reshape(count, -1)[:, _flat(places)] = cells._known.reshape(count, -1)

    def lent(self, other: Self, where: NDArray[np.bool_], *, count: float) -> Self:
        """Return the same with another's cells in some places, which count for so many at most."""
        made = copy.copy(self)
        made._known = np.where(where, other._known, self._known)
        np.minimum(made._known[-1], count, out=made._known[-1], where=where)
        return made

    def add(self, residuals: FloatArray) -> None:
        """Take in one residual a cell, NaN where there is none."""
        shape, scale, largest, count = self._known[:-3], *self._known[-3:]
        known = residuals == residuals
        count += known
        gain = np.maximum(1.0 / np.maximum(count, 1.0), self._least_gain) * known
        size = np.where(known, np.abs(residuals), 0.0)
        scale += gain * (size - scale)
        largest *= 1.0 - self._least_gain * known
        np.maximum(largest, size, out=largest)
        levels = levels_for(count.ndim)
        below = residuals / np.maximum(scale, 1e-9) <= shape
        step = np.maximum(spacing(shape), _LEAST_SPACING)
        gain = np.maximum(1.0 / (count + 2.0), self._least_gain) * known
        step *= np.minimum(gain / (1.0 - levels), known)
        step *= levels - below
        shape += step
        ascending(shape)


def _flat(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the places of picked cells in the flattened array that they are picked from."""
    at = places.ravel() * places.size
    at += np.arange(places.size)
    return at
