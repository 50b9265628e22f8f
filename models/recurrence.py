"""How long it takes until demand recurs: an hour, unless its own history clearly says otherwise.

Much of what recurs does so by the clock. What polls, retries or runs "each seven minutes" does not,
and what came so many hours ago says nothing of it. The autocorrelation of demand, of what is left
of it beside a slow level, does.
"""

from __future__ import annotations

import numpy as np

from models.features import HOUR_SECONDS, filled, offset_of
from models.forecast import FloatArray

_ASIDE_STEPS = 300
#: Longer cycles are parts of a day, and recur with it.
_LONGEST_SECONDS = 6 * 3600.0
#: So often a cycle must have been seen, and so many steps long it is: lags tell of shorter ones.
_FEWEST_CYCLES, _FEWEST_STEPS = 6, 6
#: What is nearer than where the correlation is so much lower than later is still the same burst.
_SHARE_BETWEEN = 0.5
#: A cycle's correlation is at least so high, and higher by so much than the hour's.
_LEAST_CORRELATION, _ABOVE_THE_HOUR = 0.3, 0.1
#: At a whole number of cycles the correlation is at least this share of it; so it is at a part of
#: one, if that is the cycle.
_SHARE_AGAIN, _SHARE_OF_A_PART = 0.7, 0.8
#: A multiple's highest correlation may lie so far off it.
_UNSURE_STEPS = 4.0


def cycle_seconds_of(demand: FloatArray, *, step_seconds: float) -> float:
    """Return after how long demand per second (NaN where missing) recurs within a day."""
    most = min(round(_LONGEST_SECONDS / step_seconds), len(demand) // _FEWEST_CYCLES)
    correlation = _autocorrelation(demand, step_seconds, lags=len(demand) // 2)
    later = np.maximum.accumulate(correlation[most::-1])[::-1]
    apart = np.flatnonzero(correlation[: most + 1] < _SHARE_BETWEEN * later)
    nearest = max(int(apart[0]) if len(apart) else most, _FEWEST_STEPS)
    if nearest >= most:
        return HOUR_SECONDS
    best = nearest + int(np.argmax(correlation[nearest : most + 1]))
    highest = correlation[best]
    hour = float(correlation[round(HOUR_SECONDS / step_seconds) :][:1].max(initial=0.0))
    if (
        highest < max(_LEAST_CORRELATION, hour + _ABOVE_THE_HOUR)
        or _near(correlation, 2.0 * best) < _SHARE_AGAIN * highest
    ):
        return HOUR_SECONDS
    parts = [
        part
        for part in range(2, best // nearest + 1)
        if _near(correlation, best / part) >= _SHARE_OF_A_PART * highest
    ]
    return _exact_seconds(correlation, best / max(parts, default=1), highest, step_seconds)


def _exact_seconds(
    correlation: FloatArray, lag: float, highest: float, step_seconds: float
) -> float:
    """Return a lag to a fraction of a step, as ever longer multiples of it tell.

    A second off, and within a week the bursts would seem to come at another time of the cycle. So
    a whole minute is taken where the lag may be one: whoever sets a time sets that.
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
    """Return the highest correlation within a fiftieth of a lag, 0 where it is not known."""
    middle, within = round(lag), int(lag / 50)
    return float(correlation[max(middle - within, 0) : middle + within + 1].max(initial=0.0))


def _autocorrelation(demand: FloatArray, step_seconds: float, *, lags: int) -> FloatArray:
    """Return the correlation of demand with itself so many steps before, of each lag from 0 on."""
    offset = offset_of(demand, step_seconds=step_seconds)
    whole, known = filled(demand), ~np.isnan(demand)
    rest = np.log(whole + offset) - np.log(_slow_level(whole) + offset)
    rest = np.where(known, rest - (rest[known].mean() if known.any() else 0.0), 0.0)
    pairs = np.maximum(_products(known.astype(float), lags), 1.0)
    means = _products(rest, lags) / pairs
    return np.asarray(means / max(means[0], 1e-300) if len(means) else means)


def _slow_level(demand: FloatArray) -> FloatArray:
    """Return the mean of each step and of so many on either side, or as many as there are."""
    steps = np.arange(len(demand))
    first, end = (
        np.maximum(steps - _ASIDE_STEPS, 0),
        np.minimum(steps + _ASIDE_STEPS + 1, len(demand)),
    )
    summed = np.concatenate([[0.0], np.cumsum(demand)])
    return np.asarray((summed[end] - summed[first]) / (end - first))


def _products(values: FloatArray, lags: int) -> FloatArray:
    """Return the sums of products of values so many steps apart, of each lag from 0 on."""
    # Padded, so that the end is not held against the beginning.
    spectrum = np.fft.rfft(values, 2 * max(len(values), 1))
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2)[:lags])
