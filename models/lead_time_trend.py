"""A slow drift of latencies, taken out so that old measurements speak for the present."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: A drift is sought in the newest so many measurements, and not with fewer than so many.
NEWEST = 60
AT_LEAST = 10
#: A slope within so many standard errors of zero is taken for chance.
CHANCE = 2.5


def without_trend(logs: Sequence[float]) -> Sequence[float]:
    """Return the logarithms (oldest first) as they would be if all had been measured now.

    The least-squares slope is shrunk by how far it may be chance (positive-part James and Stein
    1961), so that a steady stream stays as it is and only a drift that stands out is followed.
    """
    newest = logs[-NEWEST:]
    count = len(newest)
    if count < AT_LEAST:
        return logs
    held = np.asarray(newest)
    steps = np.arange(count) - (count - 1) / 2
    squares = float(steps @ steps)
    slope = float(steps @ held) / squares
    error = held - held.mean() - slope * steps
    chance = CHANCE**2 * float(error @ error) / (count - 2) / squares
    if slope**2 <= chance:
        return logs
    slope *= 1 - chance / slope**2
    age = np.minimum(np.arange(len(logs))[::-1], count - 1)
    shifted: list[float] = (np.asarray(logs) + slope * age).tolist()
    return shifted
