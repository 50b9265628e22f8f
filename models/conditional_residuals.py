"""Quantiles of residuals, told apart by how high the forecast is that they belong to.

What comes out of calm says little of what follows a surge: the return of demand after an outage
is a residual of a hundredfold, and one memory for all would expect as much again of demand at its
peak, for hours. So forecasts of up to half the usual demand, of up to it, of up to twice as much
and of more each have a memory of their own. Source: Vovk, Gammerman and Shafer (2005), "Algorithmic
learning in a random world", for Mondrian (conditional) conformal prediction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray
from models.residuals import ResidualQuantiles
from models.rows import Rows

#: Where the kinds of forecasts end, in shares of the usual demand.
_BOUNDS = (0.5, 1.0, 2.0)
#: What a kind is lent by another counts for so many residuals of its own.
_LENT = 15.0


def kinds_of(points: FloatArray, usual: FloatArray) -> NDArray[np.intp]:
    """Return of which kind forecasts are: how many of the bounds they pass.

    ``usual`` is the demand that they are relative to, and broadcasts to ``points``.
    """
    shares = points / usual
    kinds = (shares > _BOUNDS[0]).astype(np.intp)
    for bound in _BOUNDS[1:]:
        kinds += shares > bound
    return kinds


class ConditionalResiduals(Rows):
    """Every quantile of the residuals of many cells, by the kind of forecast."""

    _arrays = ("_last",)
    _parts = ("_known",)

    def __init__(self, cells: tuple[int, ...], *, memory_steps: float) -> None:
        """Begin with no residual."""
        self._known = ResidualQuantiles((len(_BOUNDS) + 1, *cells), memory_steps=memory_steps)
        # Of which kind the newest residual was.
        self._last = np.zeros(cells, dtype=np.intp)

    def of(self, kinds: NDArray[np.intp]) -> ResidualQuantiles:
        """Return what is known of forecasts of these kinds [*cells].

        Where nothing is, what was known of the newest kind is lent.
        """
        return self._lent(kinds, np.ones(kinds.shape, dtype=bool))

    def add(self, residuals: FloatArray, kinds: NDArray[np.intp]) -> None:
        """Take in one residual a cell, NaN where there is none, of a forecast of that kind."""
        known = residuals == residuals
        own = self._lent(kinds, known)
        own.add(residuals)
        self._known.put(kinds, own)
        self._last = np.where(known, kinds, self._last)

    def _lent(self, kinds: NDArray[np.intp], where: NDArray[np.bool_]) -> ResidualQuantiles:
        """Return what is known of these kinds, or, in some places, lent."""
        own = self._known.picked(kinds)
        unseen = (own.count == 0.0) & (kinds != self._last) & where
        if not unseen.any():
            return own
        return own.lent(self._known.picked(self._last), unseen, count=_LENT)
