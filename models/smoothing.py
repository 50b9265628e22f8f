"""Exponential smoothing for many workloads at once.

Source: Brown (1959). A missing value leaves the level where it is; the longer the gap, the more
weight the first value after it has, as if the forgetting had gone on.
"""

from __future__ import annotations

import numpy as np

from models.forecast import FloatArray
from models.rows import Rows


class Levels(Rows):
    """Exponentially weighted means with several half-lives; shape [half-lives, workloads]."""

    _arrays = ("_gap", "_seen", "values")

    def __init__(self, half_lives_steps: tuple[float, ...], *, workloads: int) -> None:
        """Begin with nothing known: every level is NaN."""
        self._keep = np.power(0.5, 1.0 / np.asarray(half_lives_steps))[:, None]
        self._gap = np.zeros(workloads)
        self._seen = np.zeros(workloads)
        self.values: FloatArray = np.full((len(half_lives_steps), workloads), np.nan)

    def update(self, demand: FloatArray) -> None:
        """Take in one step's demand, shape [workloads], NaN where missing."""
        known = ~np.isnan(demand)
        if not known.all():
            self._gap += ~known
            if not known.any():
                return
        self._seen += known
        # The plain mean until the memory is full: a cold start leans on no first value.
        keep = np.minimum(self._keep ** (1.0 + self._gap), 1.0 - 1.0 / np.maximum(self._seen, 1.0))
        fresh = np.where(np.isnan(self.values), demand, self.values)
        moved = demand + keep * (fresh - demand)
        self.values = np.where(known, moved, self.values)
        self._gap = np.where(known, 0.0, self._gap)
