"""How sure to be: of demand, as a level, and of the lead time, as a quantile.

The level walks the forecast's quantiles (0 is the first, 4 the fifth) and beyond the last one
multiplies demand by 1.15 a unit. Which level is in force the shadows say (level_choice.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.forecast import QUANTILES, FloatArray

#: The level of a forecast's last quantile.
SUREST_FORECAST = float(len(QUANTILES) - 1)
#: All that a level may be.
LEAST_LEVEL, MOST_LEVEL = -2.0, 16.0
_BEYOND_LAST = 0.15
_ABOVE_PEAK = 1.1
HIGHEST_LEAD_QUANTILE = 0.995
_LEAD_UP, _LEAD_DOWN_PER_MINUTE = 0.03, 0.0002
USUAL_LEAD_QUANTILE = 0.9
# Which share of outcomes each level covers.
_LOWEST_COVERED = -2
_COVERED_LEVELS = np.arange(float(_LOWEST_COVERED), len(QUANTILES))
_COVERED_SHARES = (0.2, 0.35, *QUANTILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was learned from outcomes: how sure to be of demand, and of the lead time."""

    level: float = 1.5
    lead_time_quantile: float = USUAL_LEAD_QUANTILE


def lead_quantile_after(
    quantile: float, *, seconds: float, late_share: float, allowed: float, slow_restores: bool
) -> float:
    """Return the lead time's quantile after a while of serving.

    It rises when demand was late while restores took longer than planned (``slow_restores``),
    and sinks back slowly when they did not.
    """
    minutes = seconds / 60.0
    if late_share > allowed and slow_restores:
        return min(quantile + _LEAD_UP * late_share * minutes, HIGHEST_LEAD_QUANTILE)
    return max(min(quantile, quantile - _LEAD_DOWN_PER_MINUTE * minutes), USUAL_LEAD_QUANTILE)


def covered(level: float) -> float:
    """Return the share of outcomes that a level's demand covers."""
    if level >= SUREST_FORECAST:
        return _COVERED_SHARES[-1]
    # Asked for at every tick of every workload: numpy's interpolation takes ten times as long.
    place = max(math.floor(level) - _LOWEST_COVERED, 0)
    low, high = _COVERED_SHARES[place : place + 2]
    return low + (high - low) * max(level - (place + _LOWEST_COVERED), 0.0)


def level_covering(share: float) -> float:
    """Return the level that covers a share of outcomes; the inverse of ``covered``.

    Beyond the last quantile two units stand for a tenfold rarer miss.
    """
    last = QUANTILES[-1]
    if share > last:
        rarer = np.log10((1.0 - last) / max(1.0 - share, 1e-9))
        return float(min(_COVERED_LEVELS[-1] + 2.0 * rarer, MOST_LEVEL))
    return float(np.interp(share, _COVERED_SHARES, _COVERED_LEVELS))


def demand_at(values: FloatArray, level: float, *, peak_per_second: float) -> FloatArray:
    """Return demand per second at a level, from forecast values [steps, quantiles].

    Beyond the last quantile demand is never taken for more than a little above the highest
    that was seen of late (``peak_per_second``): no miss is a reason to provide for what never was.
    """
    last = values.shape[1] - 1
    if level >= last:
        highest = np.maximum(values[:, last], _ABOVE_PEAK * peak_per_second)
        raised = values[:, last] * (1.0 + _BEYOND_LAST) ** (level - last)
        return np.asarray(np.minimum(raised, highest))
    if level < 0:
        # Below the median: as far under it as the next quantile lies over it.
        below = values[:, 0] + level * (values[:, 1] - values[:, 0]) / 2
        return np.asarray(np.maximum(below, 0.0))
    low = int(level)
    share = level - low
    return np.asarray(values[:, low] * (1.0 - share) + values[:, low + 1] * share)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelWeights:
    """What many levels take of each quantile: ``of_quantiles`` [quantiles, levels].

    ``raised`` is by how much a level beyond the last quantile multiplies it, 1 for the others.
    """

    of_quantiles: FloatArray
    raised: FloatArray

    @classmethod
    def of(cls, levels: FloatArray) -> LevelWeights:
        """Return the weights of levels."""
        count = len(QUANTILES)
        weights = np.array(
            [np.interp(levels, np.arange(count), row) for row in np.eye(count)], dtype=np.float64
        )
        below = np.minimum(levels, 0.0) / 2
        weights[0] -= below
        weights[1] += below
        beyond = np.maximum(levels - (count - 1), 0.0)
        return cls(of_quantiles=weights, raised=np.asarray((1.0 + _BEYOND_LAST) ** beyond))


def highest_demand(
    values: FloatArray, firsts: Sequence[int], weights: LevelWeights, *, peak_per_second: FloatArray
) -> FloatArray:
    """Return the highest demand per second at each level [workloads, levels], as ``demand_at`` has.

    ``values`` [steps, quantiles] are the steps of all workloads, those of each from ``firsts`` on,
    at least one each; ``peak_per_second`` [workloads] is the highest that was seen of each.
    """
    at_levels = values @ weights.of_quantiles
    highest = np.maximum(np.maximum.reduceat(at_levels, firsts, axis=0), 0.0)
    bound = np.maximum(highest, _ABOVE_PEAK * peak_per_second[:, None])
    return np.asarray(np.minimum(highest * weights.raised, bound))
