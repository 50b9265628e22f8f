"""The replica counts that the programme of who knows the future may choose from.

Work is measured in replica-seconds: demand divided by the capacity of one replica.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

#: More levels of replicas than this are spread out: densely where demand mostly is, and up to a
#: crowd's peak in steps that grow.
REPLICA_LEVELS = 48
CROWD_LEVELS = 12
#: The windows, in steps, in which demand is held against what replicas serve.
_WINDOWS_STEPS = (1, 2, 3, 5, 8, 13, 21, 34, 55)
#: How often the range of a constant count is halved.
_HALVINGS = 24


def replica_choices(
    work: FloatArray, place: NDArray[np.int64], step_seconds: float, wait_seconds: float
) -> NDArray[np.float32]:
    """Return the replica counts that each chunk may need, ascending.

    ``work`` arrives per second in each step, ``place[t, c]`` is step t of chunk c among them.
    """
    inside = np.minimum(place, len(work) - 1)
    needs = np.ceil(_needs(work, step_seconds, wait_seconds)[inside]) + 1
    chunk_work = np.where(place < len(work), work[inside], 0.0)
    # Of windows only a few are looked at, so a count that leaves nothing late may be above all.
    constant = np.ceil(_constant_need(chunk_work, step_seconds, wait_seconds))
    highest = np.maximum(needs.max(axis=0), constant)
    lowest = _calm(work, step_seconds)[inside].min(axis=0)
    lowest = np.floor(0.7 * np.where(np.isfinite(lowest), lowest, 0.0))
    levels = int(min((highest - lowest).max() + 1, REPLICA_LEVELS))
    columns = [
        _levels_of(low, need, high, levels)
        for low, need, high in zip(lowest, needs.T, highest, strict=True)
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _needs(work: FloatArray, step_seconds: float, wait_seconds: float) -> FloatArray:
    """Return how many replicas each step needs for what arrives from it on."""
    total = np.concatenate([[0.0], np.cumsum(work) * step_seconds])
    most = np.zeros(len(work))
    # Nothing is late if no window's work exceeds what n serve in it and the wait together.
    for width in _WINDOWS_STEPS:
        if width <= len(work):
            need = (total[width:] - total[:-width]) / (width * step_seconds + wait_seconds)
            most[: len(need)] = np.maximum(most[: len(need)], need)
    return most


def _constant_need(
    work: FloatArray, step_seconds: float, wait_seconds: float
) -> NDArray[np.float64]:
    """Return for each column of work the least constant replicas that leave nothing late."""
    low, high = np.zeros(work.shape[1]), work.max(axis=0)
    for _ in range(_HALVINGS):
        count = (low + high) / 2
        level = np.cumsum(work - count, axis=0) * step_seconds
        queued = level - np.minimum(np.minimum.accumulate(level, axis=0), 0.0)
        is_enough = queued.max(axis=0) <= count * wait_seconds
        low, high = np.where(is_enough, low, count), np.where(is_enough, count, high)
    return np.asarray(high)


def _calm(work: FloatArray, step_seconds: float) -> FloatArray:
    """Return the mean work of the five minutes from each step on; infinite towards the end."""
    total = np.concatenate([[0.0], np.cumsum(work) * step_seconds])
    width = min(len(work), max(1, int(300 / step_seconds)))
    calm = np.full(len(work), np.inf)
    calm[: len(work) - width + 1] = (total[width:] - total[:-width]) / (width * step_seconds)
    return calm


def _levels_of(lowest: float, needs: NDArray[Any], highest: float, levels: int) -> FloatArray:
    """Return ascending whole counts from the lowest to the highest need of a chunk.

    One replica apart if there are levels enough. Else evenly up to what nearly always is enough,
    and from there to the highest in equal ratios.
    """
    highest = max(float(highest), lowest + levels - 1)
    if highest - lowest < levels:
        return np.asarray(lowest + np.arange(levels), dtype=np.float64)
    usual = float(np.clip(np.quantile(needs, 0.98), lowest + levels - CROWD_LEVELS, highest))
    dense = np.linspace(lowest, usual, levels - CROWD_LEVELS)
    crowd = np.geomspace(max(usual, 1.0), highest, CROWD_LEVELS + 1)[1:]
    counts = np.round(np.concatenate([dense, crowd]))
    # Whole and strictly rising, whatever rounding did.
    return np.asarray(np.maximum.accumulate(counts - np.arange(levels)) + np.arange(levels))
