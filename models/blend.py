"""Online blend of experts by discounted pinball loss, for each horizon and quantile.

Source: exponentially weighted average forecasters with discounting, Cesa-Bianchi and Lugosi
(2006), chapter 2; sleeping experts as in Freund, Schapire, Singer and Warmuth (1997).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray
from models.rows import Rows

_SHARPNESS = 20.0
_MEMORY_STEPS = 3000.0
# A request in thousands of years: what is exactly right may be compared, too.
_TINY = 1e-12
# Whoever has not shown otherwise over a hundred steps is taken to lose a fifth more than the plain
# mean: a newcomer joins without a jump, and a cold start leans on the mean.
_PRIOR_STEPS, _PRIOR_RATIO = 100.0, 1.2


def pinball(errors: FloatArray, levels: FloatArray) -> FloatArray:
    """Return the pinball loss of ``errors`` = actual - forecast; ``levels`` broadcasts to them."""
    return np.asarray(np.maximum(levels * errors, (levels - 1.0) * errors))


class Blend(Rows):
    """Weights of experts; every array is [quantiles, horizons, experts, workloads].

    Experts wake at different times, and demand differs from time to time: each is judged by how
    much better it was than one that never sleeps, the reference, over the steps it was awake for.
    """

    _arrays = ("_loss", "_usual", "_seen", "_supposed")

    def __init__(self, shape: tuple[int, int, int, int], *, reference: int) -> None:
        """Begin in favor of ``reference``, an expert's place."""
        self._reference = slice(reference, reference + 1)
        self._loss = np.zeros(shape)
        self._usual = np.zeros(shape)
        self._seen = np.zeros(shape)
        self._supposed = np.full(shape, _PRIOR_STEPS * _PRIOR_RATIO)
        self._supposed[:, :, self._reference] = _PRIOR_STEPS

    def learn(self, losses: FloatArray) -> None:
        """Take in the losses of one step; NaN for an expert that slept."""
        usual = losses[:, :, self._reference]
        awake = losses == losses
        awake &= usual == usual
        self._seen += awake
        # A plain mean until the memory is full, so that the first losses count alike.
        gain = awake / np.clip(self._seen, 1.0, _MEMORY_STEPS)
        self._loss += gain * (np.where(awake, losses, 0.0) - self._loss)
        self._usual += gain * (np.where(awake, usual, 0.0) - self._usual)

    def weights(self, awake: NDArray[np.bool_]) -> FloatArray:
        """Return weights that sum to 1 over the experts that are awake."""
        ratio = self._seen * (self._loss + _TINY) / (self._usual + _TINY)
        ratio = (ratio + self._supposed) / (self._seen + _PRIOR_STEPS)
        ratio[~awake] = np.inf
        best = ratio.min(axis=2, keepdims=True)
        best = np.where(best < np.inf, best, 1.0)
        # On the scale of the best: one absurd expert must not make the others look alike.
        raw = np.exp(_SHARPNESS * (1.0 - ratio / best))
        raw /= np.maximum(raw.sum(axis=2, keepdims=True), 1e-300)
        return np.asarray(raw)
