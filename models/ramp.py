"""Where a forecast rises, and to what: for people, who want to see what is about to happen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.forecast import FloatArray, Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """Forecast demand that rises above a level; times in seconds since the epoch.

    ``begins_at`` is the start of the first step above the level, ``peak_at`` that of the highest.
    """

    begins_at: float
    peak_at: float
    peak_per_second: float


def find_ramp(forecast: Forecast, *, now: float, level: float, quantile: float) -> Ramp | None:
    """Return the ramp above ``level`` (demand per second), or None if there is none ahead.

    Steps that have ended by ``now`` don't count. The quantile is read off the nearest one that the
    forecast has at or above it, or else its highest. A ramp is what rises: if the first step
    is above the level already, ``begins_at`` is ``now``.
    """
    steps = _ahead(forecast, now, quantile)
    above = np.flatnonzero(steps > level)
    if not len(above):
        return None
    skipped = forecast.values.shape[0] - len(steps)
    starts = forecast.issued_at + forecast.step_seconds * (skipped + np.arange(len(steps)))
    peak = int(np.argmax(steps))
    return Ramp(
        begins_at=max(now, float(starts[above[0]])),
        peak_at=max(now, float(starts[peak])),
        peak_per_second=float(steps[peak]),
    )


def _ahead(forecast: Forecast, now: float, quantile: float) -> FloatArray:
    """Return the quantile's demand in each step that has not ended."""
    column = min(int(np.searchsorted(forecast.quantiles, quantile)), len(forecast.quantiles) - 1)
    ended = max(0, int((now - forecast.issued_at) // forecast.step_seconds))
    return forecast.values[ended:, column]
