"""How long it takes until demand recurs: an hour, unless its own history clearly says otherwise.

Much of what recurs does so by the clock. What polls, retries or runs "each seven minutes" does not,
and what came so many hours ago says nothing of it. The autocorrelation of demand, of what is left
of it beside a slow level, does.
"""

from __future__ import annotations

import math

import numpy as np

from models.features import HOUR_SECONDS, ewma, filled, offset_of
from models.forecast import FloatArray

_SLOW_HALF_LIFE = 300.0  # steps
#: Longer cycles are parts of a day, and recur with it.
_LONGEST_SECONDS = 6 * 3600.0
#: So often a cycle must have been seen.
_FEWEST_CYCLES = 4
#: What is nearer than where the correlation is so much lower than later is still the same burst.
_SHARE_BETWEEN = 0.5
#: A cycle's correlation is at least so high, and higher by so much than the hour's.
_LEAST_CORRELATION, _ABOVE_THE_HOUR = 0.3, 0.1
#: At a whole number of cycles the correlation is at least this share of it; so it is at a part of
#: one, if that is the cycle.
_SHARE_AGAIN, _SHARE_OF_A_PART = 0.7, 0.9
#: A multiple's highest correlation may lie so far off it.
_UNSURE_STEPS = 4.0


def cycle_seconds_of(demand: FloatArray, *, step_seconds: float, least_seconds: float) -> float:
    """Return after how long demand per second (NaN where missing) recurs.

    It may be several cycles: as many as last ``least_seconds``, how far ahead it shall tell of.
    """
    most = min(round(_LONGEST_SECONDS / step_seconds), len(demand) // _FEWEST_CYCLES)
    correlation = _autocorrelation(demand, step_seconds, lags=len(demand) // 2)
    later = np.maximum.accumulate(correlation[most::-1])[::-1]
    apart = np.flatnonzero(correlation[: most + 1] < _SHARE_BETWEEN * later)
    if not len(apart):
        return HOUR_SECONDS
    nearest = int(apart[0])
    best = nearest + int(np.argmax(correlation[nearest : most + 1]))
    highest = correlation[best]
    hour = _near(correlation, HOUR_SECONDS / step_seconds)
    if (
        highest < max(_LEAST_CORRELATION, hour + _ABOVE_THE_HOUR)
        or _near(correlation, 2.0 * best) < _SHARE_AGAIN * highest
    ):
        return HOUR_SECONDS
    parts = [
        part
        for part in range(2, best // max(nearest, 1) + 1)
        if _near(correlation, best / part) >= _SHARE_OF_A_PART * highest
    ]
    lag = best / max(parts, default=1)
    cycle = _exact_seconds(correlation, lag, highest, step_seconds)
    return cycle * max(1, math.ceil(least_seconds / cycle))


def _exact_seconds(
    correlation: FloatArray, lag: float, highest: float, step_seconds: float
) -> float:
    """Return a lag to a fraction of a step, as ever longer multiples of it tell.

    A second off, and within a week the bursts would seem to come at another time of the cycle. So
    a whole minute is taken where it is as likely: whoever sets a time sets that.
    """
    times = 1
    while round(2 * lag * times) + 2 < len(correlation):
        first = round(2 * lag * times) - 2
        around = correlation[first : first + 5]
        if around.max() < _SHARE_AGAIN * highest:  # whatever sets the pace does not keep it
            break
        times *= 2
        lag = (first + int(np.argmax(around))) / times
    seconds = lag * step_seconds
    minutes = max(1, round(seconds / 60)) * 60.0
    return minutes if abs(minutes - seconds) <= _UNSURE_STEPS / times * step_seconds else seconds


def _near(correlation: FloatArray, lag: float) -> float:
    """Return the highest correlation within a step of a lag, 0 where it is not known."""
    middle = round(lag)
    return float(correlation[max(middle - 1, 0) : middle + 2].max(initial=0.0))


def _autocorrelation(demand: FloatArray, step_seconds: float, *, lags: int) -> FloatArray:
    """Return the correlation of demand with itself so many steps before, of each lag from 0 on."""
    offset = offset_of(demand, step_seconds=step_seconds)
    whole = filled(demand)
    rest = np.log(whole + offset) - np.log(ewma(whole, _SLOW_HALF_LIFE) + offset)
    known = ~np.isnan(demand)
    rest = np.where(known, rest - rest[known].mean() if known.any() else 0.0, 0.0)
    # Padded, so that the end is not held against the beginning.
    spectrum = np.fft.rfft(rest, 2 * max(len(rest), 1))
    products = np.fft.irfft(np.abs(spectrum) ** 2)[:lags]
    means = products / (len(rest) - np.arange(len(products)))
    return np.asarray(means / max(means[0], 1e-300) if len(means) else means)
