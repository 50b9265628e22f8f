"""What fitted models say of a step, on its way to the blend."""

from __future__ import annotations

from dataclasses import dataclass

from models.forecast import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """What fitted models say from one origin; NaN where there is none yet.

    ``points`` [workloads, horizons] of the autoregression, ``boosted`` and ``linear``
    [workloads, horizons, quantiles] of the trees and the lines, all in demand per second.
    """

    points: FloatArray
    boosted: FloatArray
    linear: FloatArray
