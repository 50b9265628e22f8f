"""Seasonal profiles: how demand of a time of the cycle compares with the slow level.

The profile holds, for each slot of a cycle (a day, an hour), the exponentially weighted mean of
``log(demand / slow level)`` seen there. A forecast moves along the profile and lets today's
deviation from it fade. With nothing learned it says "as now, fading to the slow level".
"""

from __future__ import annotations

import numpy as np

from models.forecast import FloatArray
from models.rows import Rows

# The share of a new cycle in a slot's mean: five cycles or so are remembered.
_NEW_CYCLE_SHARE = 0.25
# How fast today's deviation from the profile is forgotten.
_DEVIATION_HALF_LIFE_SECONDS = 300.0


class Profile(Rows):
    """One cyclic profile of each workload; shape [slots, workloads].

    Those that are joined have seen the same times, or none yet.
    """

    _arrays = ("_mean", "_visits", "_sums", "_counts")

    def __init__(
        self, *, workloads: int, cycle_seconds: float, slot_seconds: float, step_seconds: float
    ) -> None:
        """Begin flat."""
        self._cycle, self._step = cycle_seconds, step_seconds
        self._slot = max(slot_seconds, step_seconds)
        slots = max(1, int(np.ceil(cycle_seconds / self._slot)))
        self._mean = np.zeros((slots, workloads), dtype=np.float32)
        self._visits = np.zeros((slots, workloads), dtype=np.float32)
        # Of the visit under way.
        self._sums = np.zeros(workloads)
        self._counts = np.zeros(workloads)
        self._current = -1

    def _slots_at(self, times: FloatArray) -> FloatArray:
        return np.asarray(((times % self._cycle) // self._slot).astype(np.intp))

    def update(self, end: float, log_ratio: FloatArray) -> None:
        """Take in the log ratio of the step that ended at ``end``; NaN where missing."""
        slot = int(((end - self._step / 2) % self._cycle) // self._slot)
        if slot != self._current:
            self._close()
            self._current = slot
        known = ~np.isnan(log_ratio)
        self._sums += np.where(known, log_ratio, 0.0)
        self._counts += known

    def _close(self) -> None:
        """Fold the finished visit to a slot into the slot's mean."""
        slot = self._current
        visited = self._counts > 0
        if visited.any():
            seen = self._sums / np.maximum(self._counts, 1.0)
            self._visits[slot] += visited
            share = np.maximum(_NEW_CYCLE_SHARE, 1.0 / (1.0 + self._visits[slot]))
            self._mean[slot] += np.where(visited, share * (seen - self._mean[slot]), 0.0)
            self._sums = np.zeros(len(visited))
            self._counts = np.zeros(len(visited))

    def log_ratios(self, end: float, steps: FloatArray, deviation: FloatArray) -> FloatArray:
        """Return the expected log ratios for steps ahead of ``end``, shape [workloads, steps].

        ``deviation`` [workloads] is the log ratio of now.
        """
        middle = end - self._step / 2
        here = int((middle % self._cycle) // self._slot)
        ahead = self._mean[self._slots_at(middle + steps * self._step)]
        fade = np.power(0.5, steps * self._step / _DEVIATION_HALF_LIFE_SECONDS)
        return np.asarray(ahead + (deviation - self._mean[here]) * fade[:, None]).T
