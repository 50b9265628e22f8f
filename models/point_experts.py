"""The experts that need no fit: one point a horizon, from the first measured step.

Means of several half-lives, and what recurs daily and hourly. Arrays run over
workloads.
"""

from __future__ import annotations

import numpy as np

from models.forecast import FloatArray
from models.profiles import Profile
from models.rows import Rows
from models.smoothing import Levels

_HALF_LIVES_STEPS = (0.7, 4.0, 20.0, 120.0, 1000.0)
_SLOW = 3  # the level that profiles are relative to
_USUAL = 4  # demand as it is in the long run
_DAY, _HOUR = (86400.0, 300.0), (3600.0, 60.0)
#: In this order.
POINT_EXPERTS = ("ewma 0.7", "ewma 4", "ewma 20", "day profile", "hour profile")


class PointExperts(Rows):
    """What is known of some workloads, and the points that follow from it."""

    _parts = ("_levels", "_day", "_hour")

    def __init__(self, steps_ahead: FloatArray, *, step_seconds: float, workloads: int) -> None:
        """Begin with nothing known."""
        self._ahead, self._step = steps_ahead, step_seconds
        self._levels = Levels(_HALF_LIVES_STEPS, workloads=workloads)
        self._day, self._hour = (
            Profile(
                workloads=workloads,
                cycle_seconds=cycle_seconds,
                slot_seconds=slot_seconds,
                step_seconds=step_seconds,
            )
            for cycle_seconds, slot_seconds in (_DAY, _HOUR)
        )

    @property
    def offset(self) -> FloatArray:
        """What is added before a logarithm: one request a step, or 2 % of the slow level."""
        # A level that is not known yet is NaN, which fmax passes over.
        return np.asarray(np.fmax(1.0 / self._step, 0.02 * self._levels.values[_SLOW]))

    @property
    def usual(self) -> FloatArray:
        """The usual demand per second, and one request a step; NaN before the first step."""
        return np.asarray(self._levels.values[_USUAL] + 1.0 / self._step)

    def update(self, end: float, demand: FloatArray) -> FloatArray:
        """Take in the step that ended at ``end``; return points [experts, horizons, workloads].

        ``demand`` [workloads] is per second, NaN where missing.
        """
        offset = self.offset
        self._levels.update(demand)
        quick, slow = self._levels.values[0], self._levels.values[_SLOW]
        base = slow + offset
        deviation = np.log((quick + offset) / base)
        ratio = np.log((demand + offset) / base)
        points = np.empty((len(POINT_EXPERTS), len(self._ahead), len(demand)))
        points[:3] = self._levels.values[:3, None]
        for row, profile in enumerate((self._day, self._hour), start=3):
            profile.update(end, ratio)
            ahead = profile.log_ratios(end, self._ahead, deviation).T
            points[row] = np.maximum(base * np.exp(ahead) - offset, 0.0)
        return points
