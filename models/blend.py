"""Online blend of experts by discounted pinball loss, for each horizon and quantile.

Source: exponentially weighted average forecasters with discounting, Cesa-Bianchi and Lugosi
(2006), chapter 2; sleeping experts as in Freund, Schapire, Singer and Warmuth (1997).
"""

from __future__ import annotations

import numpy as np

from models.forecast import FloatArray

_SHARPNESS = 20.0
_MEMORY_STEPS = 3000.0


def pinball(errors: FloatArray, levels: FloatArray) -> FloatArray:
    """Return the pinball loss of ``errors`` = actual - forecast, levels on the last axis."""
    return np.asarray(np.maximum(levels * errors, (levels - 1.0) * errors))


class Blend:
    """Weights of experts; every array is [experts, workloads, horizons, quantiles]."""

    def __init__(self, shape: tuple[int, int, int, int]) -> None:
        """Begin with equal weights."""
        self._loss = np.zeros(shape)
        self._seen = np.zeros(shape)

    def learn(self, losses: FloatArray) -> None:
        """Take in the losses of one step; NaN for an expert that slept."""
        awake = ~np.isnan(losses)
        self._seen += awake
        # A plain mean until the memory is full, so that the first losses count alike.
        gain = 1.0 / np.minimum(np.maximum(self._seen, 1.0), _MEMORY_STEPS)
        self._loss += np.where(awake, gain * (losses - self._loss), 0.0)

    def weights(self, awake: FloatArray) -> FloatArray:
        """Return weights that sum to 1 over the experts that are awake.

        An expert that has not been scored yet has the mean loss of those that have, and so
        joins without a jump.
        """
        scored = self._seen > 0
        known = np.where(scored, self._loss, 0.0).sum(axis=0) / np.maximum(scored.sum(axis=0), 1)
        loss = np.where(scored, self._loss, known * 1.1)
        loss = np.where(awake, loss, np.inf)
        best = loss.min(axis=0)
        best = np.where(np.isfinite(best), best, 0.0)
        # On the scale of the best: one absurd expert must not make the others look alike.
        raw = np.exp(-_SHARPNESS * (loss - best) / np.maximum(best, 1e-12))
        raw = np.where(awake, raw, 0.0)
        return np.asarray(raw / np.maximum(raw.sum(axis=0), 1e-300))
