"""Which steps ahead are forecast, and how the steps between are filled in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

# Dense where plans are made, sparse far out: demand an hour ahead needs no 10 s resolution.
_STEPS_AHEAD = (1, 2, 3, 6, 12, 18, 30, 45, 60, 90, 120, 180, 240, 360)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HorizonGrid:
    """The steps ahead that experts forecast, ascending; ``dense`` fills every step between.

    ``dense`` has shape [last step, len(steps)]: multiplied with values on the grid it gives
    values for the steps 1, 2, … up to the last, interpolated linearly.
    """

    steps: NDArray[np.intp]
    dense: FloatArray = field(repr=False)

    @property
    def last(self) -> int:
        """How many steps ahead the grid reaches."""
        return int(self.steps[-1])

    def every_step(self, quantiles: FloatArray) -> FloatArray:
        """Return demand at every step ahead from quantiles on the grid, [len(steps), quantiles].

        Ascending in the quantiles, and never below 0.
        """
        return np.asarray(np.maximum.accumulate(np.maximum(self.dense @ quantiles, 0.0), axis=1))

    def __len__(self) -> int:
        """Count the steps on the grid."""
        return len(self.steps)


def grid_of(steps: tuple[int, ...]) -> HorizonGrid:
    """Return the grid of given steps ahead.

    Raises:
        ValueError: if the steps are none, below 1 or not ascending.
    """
    if not steps or steps[0] < 1 or list(steps) != sorted(set(steps)):
        raise ValueError(f"steps: {steps} is not an ascending list of steps of at least 1")
    ahead = np.arange(1, steps[-1] + 1, dtype=float)
    known = np.asarray(steps, dtype=float)
    dense = np.column_stack([np.interp(ahead, known, row) for row in np.eye(len(steps))])
    return HorizonGrid(steps=np.asarray(steps, dtype=np.intp), dense=dense)


def grid_reaching(reach_seconds: float, *, step_seconds: float) -> HorizonGrid:
    """Return the usual grid, cut where it first reaches ``reach_seconds``."""
    reach = max(1, int(np.ceil(reach_seconds / step_seconds)))
    inner = tuple(step for step in _STEPS_AHEAD if step < reach)
    return grid_of((*inner, reach))
