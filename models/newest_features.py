"""The features of a series' newest origin alone, from no more of its history than they take."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from models.features import HALF_LIVES, ROUGH_HALF_LIVES, Features
from models.forecast import FloatArray

#: What is older than so many half-lives weighs less than a double's last digit.
_HALF_LIVES_LOOKED_BACK = 60


class NewestFeatures(Features):
    """Features of the last step as origin: what has faded from every mean is not looked at."""

    def log_at(self, steps: NDArray[np.intp]) -> FloatArray:
        """Take it of these alone."""
        return np.asarray(np.log(self._demand[steps] + self._offset))

    def level_at(self, steps: NDArray[np.intp]) -> FloatArray:
        """Weigh what came before each."""
        # All horizons of an origin ask for the same few.
        asked, places = np.unique(steps, return_inverse=True)
        means = [_mean(self._demand[: step + 1], self._level_half_life) for step in asked]
        return np.log(np.asarray(means) + self._offset)[places]

    def smooth(self, origins: NDArray[np.intp]) -> list[FloatArray]:
        """Weigh what came before the last step."""
        levels = [math.log(_mean(self._demand, half) + self._offset) for half in HALF_LIVES]
        logs = np.log(self._demand[-steps_back(max(ROUGH_HALF_LIVES)) - 1 :] + self._offset)
        change = np.abs(np.diff(logs, prepend=logs[:1]))
        roughs = [_mean(change, half) for half in ROUGH_HALF_LIVES]
        return [np.full(len(origins), one) for one in (*levels, *roughs)]


def steps_back(half_life: float) -> int:
    """Return how many steps an exponentially weighted mean is made of."""
    return math.ceil(_HALF_LIVES_LOOKED_BACK * half_life)


def _mean(values: FloatArray, half_life: float) -> float:
    """Return the exponentially weighted mean after the last value, as begun with the first."""
    newest = values[: -steps_back(half_life) - 1 : -1]
    weights = _weights(half_life, len(newest))
    return float(newest @ weights)


@functools.lru_cache(maxsize=64)
def _weights(half_life: float, count: int) -> FloatArray:
    """Return the weights of the newest value, the one before it, …; the last has all the rest."""
    keep = 0.5 ** (1.0 / half_life)
    weights = (1.0 - keep) * np.power(keep, np.arange(count))
    weights[-1:] = keep ** (count - 1)
    return np.asarray(weights)
