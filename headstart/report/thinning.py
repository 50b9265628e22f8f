"""Fewer points for the same picture: extremes per pixel for lines, changes for steps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

#: As many points as a line gets; a chart is about 1,000 pixels wide.
MAX_POINTS = 1500


def thin(times: FloatArray, values: FloatArray, limit: int = MAX_POINTS) -> tuple[FloatArray, ...]:
    """Keep the smallest and the largest value of each of ``limit / 2`` equal runs, in order.

    Peaks survive, as they do not with means or every n-th point. A run in which nothing is known
    keeps one NaN, so that gaps survive too.
    """
    count = len(values)
    if count <= limit:
        return times, values
    edges = np.linspace(0, count, limit // 2 + 1).astype(np.int64)
    kept: list[int] = []
    for low, high in pairwise(edges.tolist()):
        kept.extend(_extremes(values[low:high], low))
    index = np.array(kept, dtype=np.int64)
    return times[index], values[index]


def changes(
    times: FloatArray, values: FloatArray, limit: int = MAX_POINTS
) -> tuple[FloatArray, ...]:
    """Keep where a step line changes, and its two ends; thin that if there are too many."""
    moved = np.empty(len(values), dtype=bool)
    moved[0] = True
    moved[-1] = True
    # NaN differs from itself, which would keep every step of a gap.
    same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    moved[1:-1] = ~same[:-1]
    return thin(times[moved], values[moved], limit)


def sample(count: int, limit: int) -> NDArray[np.int64]:
    """Return at most ``limit`` evenly spaced indices into ``count`` values, ends included."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).round().astype(np.int64))


def _extremes(run: FloatArray, offset: int) -> list[int]:
    """Return where a run is smallest and largest, ascending; its first place if all is NaN."""
    if np.isnan(run).all():
        return [offset]
    return sorted({offset + int(np.nanargmin(run)), offset + int(np.nanargmax(run))})
