"""Whether the newest latencies are of another regime than the ones before.

The newest few are held against all older ones, in several windows, on the residuals from each
stream's own mean, so that streams of different speed can be judged together. A two-sample t-test
in sliding windows: Page 1954 (Biometrika 41) gave the idea; the windows bound the delay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.lead_time_belief import Moments, student_quantile

#: Short windows find jumps within a few restores, long ones a slow drift.
WINDOWS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24)
#: Fewer older measurements than this say nothing to compare with.
OLDER_AT_LEAST = 3
#: How unlikely chance must be, for each window: 7 false alarms in 10,000 steady measurements, and
#: a threefold slowdown is found after two or three. At 4e-4 it was 13, and half a restore sooner.
SIGNIFICANCE = 2e-4
#: A regime more even than this is not believed: ordinary jitter would look like a change.
SIGMA_FLOOR = 0.15
#: What the spread is believed to be before any is seen, and how many measurements that is worth.
PRIOR_SIGMA = 0.4
PRIOR_DOF = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Latencies of one kind: all in ``total``, the newest also one by one, oldest first."""

    times: tuple[float, ...]
    logs: tuple[float, ...]
    total: Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A change found: how far (in logarithms), and how many of each stream come after it."""

    size: float
    newer: tuple[int, ...]


@dataclass(slots=True)
class _Tally:
    """Sums over the streams of one window."""

    count: int = 0
    residuals: float = 0.0
    uncertainty: float = 0.0
    squares: float = PRIOR_DOF * PRIOR_SIGMA**2
    dof: float = PRIOR_DOF


def find_shift(streams: Sequence[Stream]) -> Shift | None:
    """Return the change that stands out most, or None if chance explains what is seen."""
    order = sorted(
        ((time, i) for i, stream in enumerate(streams) for time in stream.times),
        key=lambda entry: entry[0],
    )
    best: Shift | None = None
    best_score = 1.0
    for window in WINDOWS:
        if window > len(order):
            break
        newer = [0] * len(streams)
        for _, i in order[-window:]:
            newer[i] += 1
        size, score = _score(streams, newer)
        if score > best_score:
            best, best_score = Shift(size=size, newer=tuple(newer)), score
    return best


def _score(streams: Sequence[Stream], newer: Sequence[int]) -> tuple[float, float]:
    """Return the shift, and its size as a multiple of what chance may do."""
    tally = _Tally()
    for stream, count in zip(streams, newer, strict=True):
        if count:
            _add(tally, stream, count)
    if tally.count < WINDOWS[0]:
        return 0.0, 0.0
    sigma = max(math.sqrt(tally.squares / tally.dof), SIGMA_FLOOR)
    size = tally.residuals / tally.count
    standard_error = sigma * math.sqrt(tally.uncertainty) / tally.count
    allowed = -student_quantile(tally.dof, SIGNIFICANCE / 2)
    return size, abs(size) / (standard_error * allowed)


def _add(tally: _Tally, stream: Stream, count: int) -> None:
    newest = Moments.of(stream.logs[-count:])
    older = stream.total.without(newest)
    if older.count < OLDER_AT_LEAST:
        return
    tally.count += count
    tally.residuals += count * (newest.mean - older.mean)
    # The newest scatter about their mean, and that mean is compared with one that is not exact.
    tally.uncertainty += count + count**2 / older.count
    tally.squares += older.squares + newest.squares
    tally.dof += older.count + count - 2
