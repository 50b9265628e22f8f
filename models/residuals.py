"""Rolling residuals and their quantiles: split conformal prediction over a sliding window.

Source: Vovk, Gammerman and Shafer (2005) for the rank ``ceil(q (n + 1))``; the rolling window
as in Romano, Patterson and Candes (2019) applied online.
"""

from __future__ import annotations

import numpy as np

from models.forecast import FloatArray

# The quantiles of 2,000 residuals move by under 1 % in 25 steps: sorting each step buys nothing.
_REFRESH_STEPS = 25


class ResidualWindow:
    """The newest residuals of many cells and a quantile of each.

    ``levels`` broadcasts against the cells: cells [..., 1] with levels [Q] gives every quantile
    of every cell; cells [..., Q] with levels [Q] gives each cell its own.
    """

    def __init__(self, cells: tuple[int, ...], levels: tuple[float, ...], *, size: int) -> None:
        """Begin empty; ``quantiles`` are zero until the first residual is in."""
        self._levels = np.asarray(levels)
        self._ring = np.full((*cells, size), np.nan, dtype=np.float32)
        self._size = size
        self._next = 0
        self._since_refresh = 0
        self.count = np.zeros(cells, dtype=np.intp)
        shape = np.broadcast_shapes(cells, self._levels.shape)
        self.quantiles: FloatArray = np.zeros(shape)

    def add(self, residuals: FloatArray) -> None:
        """Take in one residual a cell, NaN where there is none."""
        self._ring[..., self._next % self._size] = residuals
        self._next += 1
        self._since_refresh += 1
        if self._since_refresh >= min(_REFRESH_STEPS, 1 + self._next // 40):
            self._refresh()

    def _refresh(self) -> None:
        filled = self._ring[..., : min(self._next, self._size)]
        ordered = np.sort(filled, axis=-1)  # NaN sorts last
        self.count = filled.shape[-1] - np.isnan(filled).sum(axis=-1)
        cells = np.broadcast_to(self.count, self.quantiles.shape)
        rank = np.ceil(self._levels * (cells + 1)).astype(np.intp) - 1
        rank = np.clip(rank, 0, np.maximum(cells - 1, 0))
        if self._ring.shape[-2] == 1:
            found = np.take_along_axis(ordered[..., 0, :], rank, axis=-1)
        else:
            found = np.take_along_axis(ordered, rank[..., None], axis=-1)[..., 0]
        self.quantiles = np.where(cells > 0, np.nan_to_num(found), 0.0)
        self._since_refresh = 0
