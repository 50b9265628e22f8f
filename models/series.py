"""Demand over equal steps. Missing is NaN, never zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.forecast import FloatArray

#: A run of zeros this many steps long, out of a series that is never otherwise idle, is an outage.
OUTAGE_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandSeries:
    """Equally spaced demand.

    ``values[i]`` is the mean demand per second during the ``step_seconds`` that start at
    ``start + i * step_seconds`` (seconds since the epoch); NaN where it is not known.
    """

    start: float
    step_seconds: float
    values: FloatArray

    def __post_init__(self) -> None:
        """Refuse an impossible series.

        Raises:
            ValueError: if the step is not above 0, or a value is negative or infinite.
        """
        if self.step_seconds <= 0:
            raise ValueError(f"step_seconds: {self.step_seconds} is not above 0")
        if self.values.ndim != 1:
            raise ValueError(f"values: {self.values.ndim} dimensions, one is allowed")
        if np.isinf(self.values).any() or (self.values < 0).any():
            raise ValueError("values: demand must be finite and at least 0, or NaN where missing")

    @property
    def end(self) -> float:
        """Where the last step ends, in seconds since the epoch."""
        return self.start + self.step_seconds * len(self.values)

    def between(self, start: float, end: float) -> DemandSeries:
        """Return the steps of [start, end) on this grid; steps not held are missing."""
        first = round((start - self.start) / self.step_seconds)
        count = max(0, round((end - start) / self.step_seconds))
        values = np.full(count, np.nan)
        low, high = max(first, 0), min(first + count, len(self.values))
        if high > low:
            values[low - first : high - first] = self.values[low:high]
        return DemandSeries(
            start=self.start + first * self.step_seconds,
            step_seconds=self.step_seconds,
            values=values,
        )


def merge(preferred: Sequence[DemandSeries]) -> DemandSeries:
    """Join series on one grid, taking each step from the first that knows it.

    Raises:
        ValueError: if there is none, or their grids differ.
    """
    if not preferred:
        raise ValueError("series: none given")
    first = preferred[0]
    values = first.values.copy()
    for other in preferred[1:]:
        if (other.start, other.step_seconds, other.values.shape) != (
            first.start,
            first.step_seconds,
            values.shape,
        ):
            raise ValueError("series: grids differ")
        values = np.where(np.isnan(values), other.values, values)
    return DemandSeries(start=first.start, step_seconds=first.step_seconds, values=values)
