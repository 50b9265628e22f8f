"""Which restores were of use: needed while they served, and ready before anybody waited for them.

Pure and vectorized: a long replay has thousands of restores. What became of one that was never
ready, or never needed, is not asked here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.simulation_records import RecordKind, ReplicaRecord
from headstart.scoring import is_late_within
from headstart.trial import Capacity, Trial
from models.forecast import FloatArray

#: Requests late this long before a restore was ready had waited for it.
WAITED_SECONDS = 10.0


def count_hits(records: Sequence[ReplicaRecord], trial: Trial) -> int:
    """Return how many restores were needed while ready, and had nobody late just before.

    A restore was needed if at some instant of its ready life demand exceeded the capacity of all
    other ready replicas.
    """
    lives = [
        (record.ready_at, trial.end if record.released_at is None else record.released_at)
        for record in records
        if record.kind != RecordKind.INITIAL and record.ready_at is not None
    ]
    ready_at, until = np.array(lives, dtype=np.float64).reshape(-1, 2).T
    capacity = Capacity.from_records(records)
    waited = is_late_within(trial, capacity, ready_at - WAITED_SECONDS, ready_at)
    return int(np.count_nonzero(_is_needed(trial, capacity, ready_at, until) & ~waited))


def _is_needed(
    trial: Trial, capacity: Capacity, begins: FloatArray, ends: FloatArray
) -> NDArray[np.bool_]:
    """Say whether within [begin, end) demand ever exceeds what all ready replicas but one serve."""
    changes = capacity.ready.times
    changes = changes[(changes > trial.start) & (changes < trial.end)]
    times = np.union1d(trial.edges(), changes)
    rate = trial.rate_at(times[:-1] + np.diff(times) / 2)
    others = trial.capacity_per_replica * (capacity.ready.at(times[:-1]) - 1)
    # How many pieces before each of ``times`` need every replica that there is.
    seen = np.concatenate([[0], np.cumsum(rate > others + 1e-9 * trial.capacity_per_replica)])
    first, last = (np.searchsorted(times, np.minimum(at, trial.end)) for at in (begins, ends))
    return np.asarray(seen[last] > seen[first])
