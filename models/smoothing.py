"""Exponential smoothing for many workloads at once: levels, and a damped trend.

Sources: Brown (1959) for the level; Holt (1957) with the damped trend of Gardner and
McKenzie (1985). A missing value leaves the level where it is; the longer the gap, the more
weight the first value after it has, as if the forgetting had gone on.
"""

from __future__ import annotations

import numpy as np

from models.forecast import FloatArray


class Levels:
    """Exponentially weighted means with several half-lives; shape [half-lives, workloads]."""

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


class DampedHolt:
    """Level and damped trend of each workload."""

    def __init__(
        self,
        *,
        workloads: int,
        level_gain: float = 0.3,
        trend_gain: float = 0.05,
        damping: float = 0.95,
    ) -> None:
        """Begin with nothing known."""
        self._level_gain, self._trend_gain, self._damping = level_gain, trend_gain, damping
        self._level = np.full(workloads, np.nan)
        self._trend = np.zeros(workloads)

    def update(self, demand: FloatArray) -> None:
        """Take in one step's demand, shape [workloads], NaN where missing."""
        carried = self._level + self._damping * self._trend
        carried = np.where(np.isnan(carried), demand, carried)
        error = np.where(np.isnan(demand), 0.0, demand - carried)
        self._level = carried + self._level_gain * error
        self._trend = self._damping * self._trend + self._trend_gain * error

    def points(self, steps: FloatArray) -> FloatArray:
        """Return the points for given steps ahead, shape [workloads, steps]."""
        damping = self._damping
        reach = damping * (1.0 - damping**steps) / (1.0 - damping)
        return np.asarray(np.maximum(self._level[:, None] + self._trend[:, None] * reach, 0.0))
