"""What Prometheus answered before, so that steps that are over are asked for once. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from models.forecast import FloatArray

#: As many as are looked back at when new ones are read, and to spare.
KEPT_STEPS = 1_000
#: What has been missing for longer is not asked for again: it counts as missing by then.
PATIENCE_SECONDS = 120.0
#: Whoever knows all that there can be asks again after this, to hear whether the server answers.
ALIVE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """Values of complete steps, the first one's number since the epoch, and when they came."""

    first: int = 0
    step_seconds: float = 0.0
    values: FloatArray = field(default_factory=lambda: np.empty(0))
    warnings: tuple[str, ...] = ()
    at: float = -np.inf

    def known(self, first: int, until: int, step_seconds: float) -> FloatArray:
        """Return the steps from ``first`` on, before ``until`` and the first to be asked for again.

        That is the first one missing, unless it has been for long.
        """
        if step_seconds != self.step_seconds or first < self.first:
            return np.empty(0)
        values = self.values[first - self.first : max(0, until - self.first)]
        old = max(0, until - first - math.ceil(PATIENCE_SECONDS / step_seconds))
        missing = np.flatnonzero(np.isnan(values[old:]))
        return values[: old + int(missing[0])] if len(missing) else values

    def is_recent(self, now: float) -> bool:
        """Say whether the server showed itself a moment ago."""
        return 0 <= now - self.at < ALIVE_SECONDS


def answered(
    first: int, values: FloatArray, step_seconds: float, *, warnings: tuple[str, ...], at: float
) -> Answered:
    """Return what to keep of an answer: its newest steps."""
    newest = values[-KEPT_STEPS:]
    return Answered(
        first=first + len(values) - len(newest),
        step_seconds=step_seconds,
        values=newest,
        warnings=warnings,
        at=at,
    )
