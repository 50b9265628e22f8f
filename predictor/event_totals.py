"""Totals of events per step, where it is known which steps were seen whole. Pure: no clock.

One thread at a time; the Kafka reader guards it with its lock.
"""

from __future__ import annotations

import math

import numpy as np

from models.forecast import FloatArray
from models.series import MOST_PER_SECOND, DemandSeries

#: How far sums of float steps may be off a boundary, in steps.
ROUNDING = 1e-6


class EventTotals:
    """Event weight per step of ``step_seconds`` from ``start`` on (seconds since the epoch).

    Steps that lie before ``start`` are not kept.
    """

    def __init__(self, *, start: float, step_seconds: float) -> None:
        """Begin with nothing, at the step that holds ``start``."""
        self._step_seconds = step_seconds
        self._first = math.floor(start / step_seconds + ROUNDING)
        self._totals: FloatArray = np.zeros(1024)
        self._missing = np.zeros(1024, dtype=np.bool_)

    @property
    def start(self) -> float:
        """Where the first step kept begins."""
        return self._first * self._step_seconds

    @property
    def step_seconds(self) -> float:
        """How long a step is."""
        return self._step_seconds

    def add(self, at: float, weight: float) -> None:
        """Add an event at its time, which must not lie before ``start``."""
        place = self._place(at)
        self._reach(place + 1)
        self._totals[place] += weight

    def has_room(self, at: float, weight: float) -> bool:
        """Say whether the demand of a step could be believed with this event, too."""
        place = self._place(at)
        held = self._totals[place] if place < len(self._totals) else 0.0
        return bool(held + weight <= MOST_PER_SECOND * self._step_seconds)

    def spread(self, start: float, end: float, weight: float) -> None:
        """Add weight that arrived evenly between two times."""
        for place, share in self._shares(start, end):
            self._totals[place] += weight * share

    def mark_missing(self, start: float, end: float) -> None:
        """Mark every step that [start, end) touches as not seen whole."""
        low, high = self._places(start, end)
        self._missing[low:high] = True

    def forget_before(self, time: float) -> None:
        """Drop the steps that end before a time."""
        drop = math.floor(time / self._step_seconds + ROUNDING) - self._first
        if drop > 0:
            self._totals = self._totals[drop:].copy()
            self._missing = self._missing[drop:].copy()
            self._first += drop

    def series(self, *, start: float, end: float, known_from: float) -> DemandSeries:
        """Return demand per second of [start, end); missing before ``known_from``."""
        step = self._step_seconds
        low = math.floor(start / step + ROUNDING) - self._first
        high = max(low, math.floor(end / step + ROUNDING) - self._first)
        self._reach(high)
        values = np.full(high - low, np.nan)
        inside = slice(max(low, 0), max(high, 0))
        held = np.where(self._missing[inside], np.nan, self._totals[inside] / step)
        values[inside.start - low : inside.start - low + len(held)] = held
        # The step that holds `known_from` counts: before a topic's first event there was none.
        unknown = math.floor(known_from / step + ROUNDING) - self._first - low
        values[: max(0, unknown)] = np.nan
        return DemandSeries(start=(self._first + low) * step, step_seconds=step, values=values)

    def _place(self, at: float) -> int:
        return math.floor(at / self._step_seconds) - self._first

    def _places(self, start: float, end: float) -> tuple[int, int]:
        """Return the first step that a span touches and the one after its last, with room made."""
        start = max(start, self.start)
        if end <= start:
            return 0, 0
        low = self._place(start)
        high = max(low + 1, math.ceil(end / self._step_seconds - ROUNDING) - self._first)
        self._reach(high)
        return low, high

    def _shares(self, start: float, end: float) -> list[tuple[int, float]]:
        """Return the steps of a span and which share of it lies in each."""
        start = max(start, self.start)
        step = self._step_seconds
        shares = []
        for place in range(*self._places(start, end)):
            left = (self._first + place) * step
            inside = min(end, left + step) - max(start, left)
            shares.append((place, max(0.0, inside) / (end - start)))
        return shares

    def _reach(self, count: int) -> None:
        """Make room for so many steps; double it, so that adding stays cheap."""
        if count > len(self._totals):
            more = max(count, 2 * len(self._totals)) - len(self._totals)
            self._totals = np.concatenate([self._totals, np.zeros(more)])
            self._missing = np.concatenate([self._missing, np.zeros(more, dtype=np.bool_)])
