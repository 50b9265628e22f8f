"""Known events and what they do to a forecast. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.forecast import KNOWN_EVENTS, FloatArray, Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWindow:
    """A span during which demand is expected to be different.

    ``multiplier`` is relative to demand without the event; ``floor_per_second`` is the least
    demand to prepare for. Times are seconds since the epoch, [start, end).
    """

    name: str
    start: float
    end: float
    multiplier: float | None = None
    floor_per_second: float | None = None

    def __post_init__(self) -> None:
        """Refuse an impossible window.

        Raises:
            ValueError: naming the window, the value and what is allowed.
        """
        if self.end < self.start:
            raise ValueError(f"calendar {self.name!r}: ends {self.start - self.end:g} s too early")
        for field, value in (
            ("multiplier", self.multiplier),
            ("floorPerSecond", self.floor_per_second),
        ):
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise ValueError(f"calendar {self.name!r}: {field} {value} is not at least 0")


def apply(forecast: Forecast, windows: Sequence[CalendarWindow]) -> Forecast:
    """Return the forecast with known events in it.

    Each step is scaled by its multiplier over the one in force when the forecast was issued:
    an event under way is in the measured level already, and its end takes it out again. Of
    overlapping windows the largest multiplier counts; the highest floor holds for every
    quantile. A step that a window covers in part gets that part of the effect.
    """
    if not windows:
        return forecast
    steps = np.arange(1, len(forecast.values) + 1, dtype=np.float64)
    ends: FloatArray = forecast.issued_at + forecast.step_seconds * steps
    starts: FloatArray = ends - forecast.step_seconds
    ahead = _multipliers(windows, starts, ends)
    before = np.array([forecast.issued_at])
    measured = float(_multipliers(windows, before - forecast.step_seconds, before)[0])
    # An event that was to silence demand altogether says nothing of what follows it.
    factors = ahead / measured if measured > 0 else np.where(ahead > 0, 1.0, ahead)
    values = forecast.values * factors[:, None]
    floors = _floors(windows, starts, ends)
    values = np.maximum(values, floors[:, None])
    if np.array_equal(values, forecast.values):
        return forecast
    return Forecast(
        workload=forecast.workload,
        issued_at=forecast.issued_at,
        step_seconds=forecast.step_seconds,
        quantiles=forecast.quantiles,
        values=values,
        basis=forecast.basis + KNOWN_EVENTS,
    )


def _overlap(window: CalendarWindow, starts: FloatArray, ends: FloatArray) -> FloatArray:
    """Return which share of each step lies inside the window."""
    inside = np.minimum(ends, window.end) - np.maximum(starts, window.start)
    share: FloatArray = np.maximum(inside, 0.0) / (ends - starts)
    return share


def _multipliers(
    windows: Sequence[CalendarWindow], starts: FloatArray, ends: FloatArray
) -> FloatArray:
    factors = np.full(len(starts), -np.inf)
    for window in windows:
        if window.multiplier is None:
            continue
        share = _overlap(window, starts, ends)
        factor = 1.0 + (window.multiplier - 1.0) * share
        factors = np.where(share > 0, np.maximum(factors, factor), factors)
    return np.where(np.isneginf(factors), 1.0, factors)


def _floors(windows: Sequence[CalendarWindow], starts: FloatArray, ends: FloatArray) -> FloatArray:
    floors = np.zeros(len(starts))
    for window in windows:
        if window.floor_per_second is not None:
            touched = _overlap(window, starts, ends) > 0
            floors = np.where(touched, np.maximum(floors, window.floor_per_second), floors)
    return floors
