"""Online blend of experts by discounted pinball loss, for each horizon and quantile.

Source: exponentially weighted average forecasters with discounting, Cesa-Bianchi and Lugosi
(2006), chapter 2; sleeping experts as in Freund, Schapire, Singer and Warmuth (1997).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

_SHARPNESS = 20.0
_MEMORY_STEPS = 3000.0
# A request in thousands of years: what is exactly right may be compared, too.
_TINY = 1e-12


def pinball(errors: FloatArray, levels: FloatArray) -> FloatArray:
    """Return the pinball loss of ``errors`` = actual - forecast, levels on the last axis."""
    return np.asarray(np.maximum(levels * errors, (levels - 1.0) * errors))


class Blend:
    """Weights of experts; every array is [experts, workloads, horizons, quantiles].

    Experts wake at different times, and demand differs from time to time: each is judged by how
    much better it was than one that never sleeps, the reference, over the steps it was awake for.
    """

    def __init__(self, shape: tuple[int, int, int, int], *, reference: int) -> None:
        """Begin with equal weights; ``reference`` is an expert's place."""
        self._reference = reference
        self._loss = np.zeros(shape)
        self._usual = np.zeros(shape)
        self._seen = np.zeros(shape)

    def learn(self, losses: FloatArray) -> None:
        """Take in the losses of one step; NaN for an expert that slept."""
        usual = losses[self._reference]
        awake = ~np.isnan(losses + usual)
        self._seen += awake
        # A plain mean until the memory is full, so that the first losses count alike.
        gain = np.where(awake, 1.0 / np.clip(self._seen, 1.0, _MEMORY_STEPS), 0.0)
        self._loss += gain * (np.where(awake, losses, 0.0) - self._loss)
        self._usual += gain * (np.where(awake, usual, 0.0) - self._usual)

    def weights(self, awake: NDArray[np.bool_]) -> FloatArray:
        """Return weights that sum to 1 over the experts that are awake.

        An expert that has not been scored yet counts as a tenth worse than the mean of those
        that have, and so joins without a jump.
        """
        scored = self._seen > 0
        ratio = (self._loss + _TINY) / (self._usual + _TINY)
        mean = np.where(scored, ratio, 0.0).sum(axis=0) / np.maximum(scored.sum(axis=0), 1)
        ratio = np.where(scored, ratio, 1.1 * mean)
        ratio = np.where(awake, ratio, np.inf)
        best = ratio.min(axis=0)
        best = np.where(np.isfinite(best), best, 1.0)
        # On the scale of the best: one absurd expert must not make the others look alike.
        raw = np.exp(-_SHARPNESS * (ratio - best) / np.maximum(best, _TINY))
        return np.asarray(raw / np.maximum(raw.sum(axis=0), 1e-300))
