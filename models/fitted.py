"""What fitted models say of a step, on its way to the blend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.forecast import QUANTILES, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """What fitted models say from one origin; NaN where there is none yet.

    ``points`` [workloads, horizons] of the autoregression, ``boosted`` and ``linear``
    [workloads, horizons, quantiles] of the trees and the lines, all in demand per second.
    """

    points: FloatArray
    boosted: FloatArray
    linear: FloatArray


def side_by_side(said: Sequence[Learned | None], *, horizons: int) -> Learned | None:
    """Return what is said of several workloads, one each, as one; None if nothing is of any."""
    if all(one is None for one in said):
        return None
    points = np.full((len(said), horizons), np.nan)
    boosted = np.full((*points.shape, len(QUANTILES)), np.nan)
    linear = boosted.copy()
    for row, one in enumerate(said):
        if one is not None:
            points[row], boosted[row], linear[row] = one.points[0], one.boosted[0], one.linear[0]
    return Learned(points=points, boosted=boosted, linear=linear)
