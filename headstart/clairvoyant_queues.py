"""The queues that the programme of who knows the future tells apart, and values between them.

Levels are the same for all chunks, in units of each chunk's own: fine where the objective is
usually decided, then doubling until no replicas serve what is queued within the wait.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: In units of a chunk: one unit is half of what its mean replicas serve within the wait.
_USUAL_LEVELS = (
    *(0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75),
    *(2.0, 2.25, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 40.0),
)
#: The shortest wait that levels are sized for, and the least unit, in replica-seconds.
_LEAST_WAIT_SECONDS = 2.0
_LEAST_UNIT = 0.5
#: Sign, exponent and three bits of the fraction number the eighths of octaves of a float32; every
#: level lies on a border of them, so its place is looked up without a search.
_DROPPED_BITS = 20


def queue_units(mean_replicas: NDArray[np.float64], wait_seconds: float) -> NDArray[np.float32]:
    """Return the unit of queues of each chunk, in replica-seconds of work."""
    seconds = max(wait_seconds, _LEAST_WAIT_SECONDS) / 2
    return np.asarray(np.maximum(mean_replicas * seconds, _LEAST_UNIT), dtype=np.float32)


def queue_levels(most_in_time: float) -> NDArray[np.float32]:
    """Return levels up to one, in units, beyond what any replicas serve within the wait.

    Without such a level in view a queue would look as if it were never late.
    """
    levels = list(_USUAL_LEVELS)
    while levels[-1] < most_in_time:
        levels.append(levels[-1] * 2)
    return np.array(levels, dtype=np.float32)


def level_table(levels: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return for each eighth of an octave the last level not above it, but never the very last."""
    count = _eighth(levels[-1:])[0] - _eighth(levels[1:2])[0] + 1
    eighths = np.arange(count, dtype=np.int32) + _eighth(levels[1:2])[0]
    starts = np.left_shift(eighths, _DROPPED_BITS, dtype=np.int32).view(np.float32)
    table = np.concatenate([[0], np.searchsorted(levels, starts, side="right") - 1])
    return np.asarray(np.minimum(table, len(levels) - 2), dtype=np.int64)


def interpolate(
    value: NDArray[np.float32],
    at: NDArray[np.float32],
    levels: NDArray[np.float32],
    table: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the values at queues between levels; beyond the last in a straight line.

    ``value[n, q, c]`` is known at the levels, ``at`` are queues in units, not below 0.
    """
    count, queues, chunks = value.shape
    first_eighth = int(_eighth(levels[1:2])[0]) - 1
    below = table[np.clip(_eighth(at) - first_eighth, 0, len(table) - 1)]
    share = (at - levels[below]) / np.diff(levels)[below]
    flat = value.reshape(-1)
    row = np.arange(count)[:, None, None] * (queues * chunks) + np.arange(chunks)
    first = flat[row + below * chunks]
    return np.asarray(first + share * (flat[row + (below + 1) * chunks] - first))


def _eighth(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Number the eighth of an octave that each value lies in."""
    return np.right_shift(values.view(np.int32), _DROPPED_BITS)
