"""What was forecast for steps that are still to come, kept until each of them is measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray
from models.rows import Rows


class Awaited(Rows):
    """Forecasts for several steps ahead; each horizon keeps as many as it is steps long.

    A forecast is [horizons, *cells], workloads last; in single precision, for there are many.
    """

    _arrays = ("_slots",)

    def __init__(self, steps: NDArray[np.intp], cells: tuple[int, ...]) -> None:
        """Begin with nothing forecast: all is NaN."""
        self._steps = steps
        self._first = np.cumsum(steps) - steps
        self._slots = np.full((int(steps.sum()), *cells), np.nan, dtype=np.float32)

    def due(self, time: int) -> FloatArray:
        """Return what was forecast for the step ``time``: h steps before it, for each horizon."""
        return np.asarray(self._slots[self._first + time % self._steps], dtype=np.float64)

    def put(self, time: int, forecast: FloatArray, known: NDArray[np.bool_]) -> None:
        """Keep what is forecast at ``time``, in place of what was due then.

        Of workloads that are not ``known`` nothing is kept: NaN.
        """
        where = self._first + time % self._steps
        self._slots[where] = forecast
        if not known.all():
            for slot in where:
                self._slots[slot][..., ~known] = np.nan
