"""Values that a forecast is made of: quantiles of demand over equal steps ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
WorkloadName = NewType("WorkloadName", str)

#: The quantile levels that every forecast carries, ascending.
QUANTILES: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95, 0.99)
#: The basis of a forecast by the plain mean, used while what should be better is not.
MOVING_AVERAGE = "moving average"
#: How the basis of a forecast ends that known events have changed.
KNOWN_EVENTS = " + calendar"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Demand per second, by quantile, for each of the next equal steps.

    ``values[i, j]`` is the demand per second not exceeded with probability ``quantiles[j]``
    during the step that ends ``(i + 1) * step_seconds`` after ``issued_at``.
    ``issued_at`` is the end of the last measured step, in seconds since the epoch, or where the
    first of ``known_steps`` begins, of which demand is known to their end: in replays alone, and
    not part of what is published.
    """

    workload: WorkloadName
    issued_at: float
    step_seconds: float
    quantiles: tuple[float, ...]
    values: FloatArray
    basis: str
    known_steps: int = 0

    def __post_init__(self) -> None:
        """Refuse what no consumer could use.

        Raises:
            ValueError: if shapes disagree, more is known than is forecast, a quantile falls, or a
                value is negative or missing.
        """
        if self.step_seconds <= 0:
            raise ValueError(f"step_seconds: {self.step_seconds} is not above 0")
        if self.values.ndim != 2 or self.values.shape[1] != len(self.quantiles):
            raise ValueError(
                f"values: shape {self.values.shape} does not end in {len(self.quantiles)} quantiles"
            )
        if not 0 <= self.known_steps <= len(self.values):
            raise ValueError(f"known_steps: {self.known_steps} is not from 0 to {len(self.values)}")
        # A value that is missing makes both comparisons false.
        low, high = self.values.min(initial=0.0), self.values.max(initial=0.0)
        if not (low >= 0.0 and high < np.inf):
            raise ValueError("values: every value must be finite and at least 0")
        if (self.values[:, 1:] < self.values[:, :-1]).any():
            raise ValueError("values: must not fall from one quantile to the next")

    @property
    def horizon_seconds(self) -> float:
        """How far ahead the forecast reaches."""
        return float(self.values.shape[0] * self.step_seconds)

    def is_stale(self, *, now: float) -> bool:
        """Say whether the last step forecast lies in the past."""
        return now >= self.issued_at + self.horizon_seconds
