"""Whose clock dates demand where Prometheus's differs from ours. Pure.

Samples have the time of the server that scraped them: by our clock alone, an hour behind, demand
of an hour ago would be taken for the newest.
"""

from __future__ import annotations

import math
from dataclasses import replace

from predictor.ports import SourceReading

#: What differs by less moves no demand out of its step.
TOLERATED_SECONDS = 5.0


def steps_ahead(ahead_seconds: float, step_seconds: float, settle_seconds: float) -> int:
    """Return how many steps later the server's are.

    Whole ones, so that a step stays one; and rounded so that none that has settled by the server's
    clock ends in our future.
    """
    spare = min(settle_seconds, step_seconds / 2)
    return math.ceil((ahead_seconds - spare) / step_seconds)


def carried_back(reading: SourceReading, steps: int, ahead_seconds: float) -> SourceReading:
    """Return a reading by the server's clock as one by ours, which says so."""
    if ahead_seconds == 0.0:
        return reading
    seconds, recent = steps * reading.series.step_seconds, reading.recent
    where = "ahead of" if ahead_seconds > 0 else "behind"
    remark = f"the server's clock is {abs(ahead_seconds):.0f} s {where} ours: asked by the server's"
    return SourceReading(
        series=replace(reading.series, start=reading.series.start - seconds),
        complete_until=reading.complete_until - seconds,
        warnings=(*reading.warnings, remark),
        recent=recent and replace(recent, measured_at=recent.measured_at - seconds),
    )
