"""The plainest replicas that leave nothing late: as many as demand needs, at every instant.

It knows the demand to come only in that it keeps replicas through a gap no longer than a restore,
which is cheaper than to let them go. Of all replicas that never let a queue begin these are the
cheapest, but for what the start of the scored part spares.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import grey_closing

from headstart.trial import Trial
from models.forecast import FloatArray


def counts_that_follow(trial: Trial, step_seconds: float, *, restore_seconds: float) -> FloatArray:
    """Return the replicas of each of the equal steps from the start."""
    most = _highest_rates(trial, step_seconds)
    # What floating point adds to a whole number of replicas is no demand.
    need = np.ceil(most / trial.capacity_per_replica - 1e-9)
    gap = int(restore_seconds / step_seconds)
    padded: FloatArray = np.pad(np.asarray(need, dtype=np.float64), gap)
    # A closing fills, of each replica's time, the gaps that are shorter than its window.
    return grey_closing(padded, size=(gap + 1,))[gap : gap + len(need)]


def _highest_rates(trial: Trial, step_seconds: float) -> FloatArray:
    """Return the highest demand per second within each step, however its bins lie."""
    steps = max(1, int(np.ceil((trial.end - trial.start) / step_seconds - 1e-9)))
    instants = trial.start + np.arange(1, steps) * step_seconds
    edges = np.union1d(trial.edges(), instants)
    widths = np.diff(edges)
    # An edge and an instant may be meant to be the same, and differ by rounding.
    is_piece = widths > 1e-6 * step_seconds
    middles = (edges[:-1] + widths / 2)[is_piece]
    place = np.floor((middles - trial.start) / step_seconds).astype(np.int64)
    highest = np.zeros(steps)
    np.maximum.at(highest, np.minimum(place, steps - 1), trial.rate_at(middles))
    return highest
