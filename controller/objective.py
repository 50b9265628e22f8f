"""The objective's closed loop: measured misses move the quantile level, within bounds.

The level walks the forecast's quantiles (0 is the first, 4 the fifth) and beyond the last one
multiplies demand by 1.15 a unit. It rises with the share of demand that waited too long and sinks
slowly while that share is below the aim: an integral controller, clamped against wind-up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from controller.policy import Objective
from models.forecast import QUANTILES, FloatArray

# How fast the level moves at first, and once it has served for days: whatever it wobbles about
# the right one costs more in GPUs than it saves in misses.
_GAIN_PER_MINUTE, _SETTLED_GAIN_PER_MINUTE = 0.3, 0.045
_SETTLING_SECONDS = 86400.0
_REFERENCE_MISS = 0.01  # the gain was measured for an objective of 99 %
_LEVELS = (-2.0, 16.0)
_BEYOND_LAST = 0.15
_AIM = 0.55  # of the misses that the objective allows
_ABOVE_PEAK = 1.1
_HIGHEST_LEAD_QUANTILE = 0.995
_LEAD_UP, _LEAD_DOWN_PER_MINUTE = 0.03, 0.0002
_USUAL_LEAD_QUANTILE = 0.9
# Which share of outcomes each level covers.
_COVERED_LEVELS = np.arange(-2.0, len(QUANTILES))
_COVERED_SHARES = np.asarray((0.2, 0.35, *QUANTILES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was learned from outcomes: how sure to be of demand, and of the lead time."""

    level: float = 1.75
    lead_time_quantile: float = _USUAL_LEAD_QUANTILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a while of serving showed; demand in requests (or tokens).

    ``slow_restores`` says that restores were under way for longer than the lead time planned.
    ``usual_per_second`` is the long-run mean demand that a minute's share is weighed against,
    ``recent_late_share`` the share of late demand over the last half day or so, ``seen_seconds``
    for how long there has been measured at all.
    """

    seconds: float
    demand: float
    late: float
    usual_per_second: float
    recent_late_share: float
    seen_seconds: float
    slow_restores: bool = False


def update(calibration: Calibration, measured: Measured, objective: Objective) -> Calibration:
    """Return the calibration after a while of serving.

    Every late request counts against the objective, so every one moves the level: were those of
    slow starts left out, the share that the level settles at would lie above the aim.
    """
    if measured.seconds <= 0 or measured.demand <= 0:
        return calibration
    allowed = 1.0 - objective.attainment
    minutes = measured.seconds / 60.0
    late_share = measured.late / measured.demand
    usual = max(measured.usual_per_second * measured.seconds, 1e-9)
    weight = min(measured.demand / usual, 3.0) * minutes
    gain = _gain(measured.seen_seconds) * (_REFERENCE_MISS / allowed) ** 0.5
    error = late_share - _AIM * allowed
    level = calibration.level + gain * weight * error * _urgency(measured, allowed, error)
    lead = calibration.lead_time_quantile
    if late_share > allowed and measured.slow_restores:
        lead = min(lead + _LEAD_UP * late_share * minutes, _HIGHEST_LEAD_QUANTILE)
    elif lead > _USUAL_LEAD_QUANTILE:
        lead = max(lead - _LEAD_DOWN_PER_MINUTE * minutes, _USUAL_LEAD_QUANTILE)
    return Calibration(level=min(max(level, _LEVELS[0]), _LEVELS[1]), lead_time_quantile=lead)


def _gain(seen_seconds: float) -> float:
    """Return how far a minute's error moves the level: less, the longer it has been moved."""
    fresh = math.exp(-seen_seconds / _SETTLING_SECONDS)
    return _SETTLED_GAIN_PER_MINUTE + (_GAIN_PER_MINUTE - _SETTLED_GAIN_PER_MINUTE) * fresh


def _urgency(measured: Measured, allowed: float, error: float) -> float:
    """Return how much faster to move: a half day far off the aim is not just bad luck."""
    ratio = max(measured.recent_late_share, 1e-6) / allowed
    return float(np.clip(ratio if error > 0 else 0.5 / ratio, 1.0, 4.0))


def covered(level: float) -> float:
    """Return the share of outcomes that a level's demand covers."""
    return float(np.interp(level, _COVERED_LEVELS, _COVERED_SHARES))


def level_covering(share: float) -> float:
    """Return the level that covers a share of outcomes; the inverse of ``covered``.

    Beyond the last quantile two units stand for a tenfold rarer miss.
    """
    last = QUANTILES[-1]
    if share > last:
        rarer = np.log10((1.0 - last) / max(1.0 - share, 1e-9))
        return float(min(_COVERED_LEVELS[-1] + 2.0 * rarer, _LEVELS[1]))
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
