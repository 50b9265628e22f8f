"""Demand over equal steps. Missing is NaN, never zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

#: No service has more requests (or tokens) a second; whoever measures more is wrong.
MOST_PER_SECOND = 1e12
#: Zeros out of a busy series count as an outage for so long; then they are believed.
OUTAGE_SECONDS = 3600.0
#: A series is busy if, over this many steps, it never came near idle.
BUSY_STEPS = 60
#: Near idle: at or below this share of the mean. Poisson arrivals of 20 a step fall to half their
#: mean once in 10,000 steps; those that do reach a fifth of it (5 a step) reach zero by chance.
IDLE_SHARE = 0.2

#: A step of more than so many times the highest of the hour before is a fault of the metric.
#: Where little of that hour is known forecasts are young, and take longest to forget.
LEAP, YOUNG_LEAP, ENOUGH_STEPS = 1000.0, 200.0, 150
#: Out of near-silence it may be demand all the same, and is doubted for a step alone; but from a
#: request in ten seconds to a thousand a second is none even there.
QUIET_LEAP = 10_000.0
#: Demand is seen to rise ten times in a minute, and fifty times in a step out of near-silence. Of a
#: busy series this is beyond it, a fault of a thousand times over chance peaks included.
BUSY_LEAP = 300.0
#: From here on it is planned for, as a batch may do that to a few steady probes; but it is learned
#: only once it lasts or comes again, since forecasts remember it for hours.
BRIEF_LEAP = 100.0
#: A bad sample shows for a minute in a rate of one minute, a few of them for a little more.
GLITCH_SECONDS = 90.0
#: Of finer steps than usual the hour is shorter, as they are read with so many before them.
MOST_LEAP_STEPS = 360


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandSeries:
    """Equally spaced demand.

    ``values[i]`` is the mean demand per second during the ``step_seconds`` that start at
    ``start + i * step_seconds`` (seconds since the epoch); NaN where it is not known.
    """

    start: float
    step_seconds: float
    values: FloatArray

    def __post_init__(self) -> None:
        """Refuse an impossible series.

        Raises:
            ValueError: if the step is not above 0, or a value is negative or infinite.
        """
        if self.step_seconds <= 0:
            raise ValueError(f"step_seconds: {self.step_seconds} is not above 0")
        if self.values.ndim != 1:
            raise ValueError(f"values: {self.values.ndim} dimensions, one is allowed")
        if np.isinf(self.values).any() or (self.values < 0).any():
            raise ValueError("values: demand must be finite and at least 0, or NaN where missing")

    @property
    def end(self) -> float:
        """Where the last step ends, in seconds since the epoch."""
        return self.start + self.step_seconds * len(self.values)

    def between(self, start: float, end: float) -> DemandSeries:
        """Return the steps of [start, end) on this grid; steps not held are missing."""
        first = round((start - self.start) / self.step_seconds)
        count = max(0, round((end - start) / self.step_seconds))
        values = np.full(count, np.nan)
        low, high = max(first, 0), min(first + count, len(self.values))
        if high > low:
            values[low - first : high - first] = self.values[low:high]
        return DemandSeries(
            start=self.start + first * self.step_seconds,
            step_seconds=self.step_seconds,
            values=values,
        )


def merge(preferred: Sequence[DemandSeries]) -> DemandSeries:
    """Join series on one grid, taking each step from the first that knows it.

    Raises:
        ValueError: if there is none, or their grids differ.
    """
    if not preferred:
        raise ValueError("series: none given")
    first = preferred[0]
    values = first.values.copy()
    for other in preferred[1:]:
        if (other.start, other.step_seconds, other.values.shape) != (
            first.start,
            first.step_seconds,
            values.shape,
        ):
            raise ValueError("series: grids differ")
        values = np.where(np.isnan(values), other.values, values)
    return DemandSeries(start=first.start, step_seconds=first.step_seconds, values=values)


def outage_steps(step_seconds: float) -> int:
    """Return for how many steps zeros out of a busy series are doubted."""
    return max(1, round(OUTAGE_SECONDS / step_seconds))


def without_outages(series: DemandSeries) -> DemandSeries:
    """Return the series with the first hour of zeros out of a busy series as missing."""
    masked = mask_outages(series.values, outage_steps=outage_steps(series.step_seconds))
    return replace(series, values=masked)


def without_leaps(series: DemandSeries) -> DemandSeries:
    """Return the series with what can't be demand, after the hour before, as missing."""
    return _without_leaps(series, busy_leap=BUSY_LEAP)


def without_glitches(series: DemandSeries) -> DemandSeries:
    """Return what to learn of the series: lesser leaps too are missing while they may soon end."""
    learned = _without_leaps(series, busy_leap=BRIEF_LEAP).values
    if learned is not series.values:
        learned = np.where(np.isnan(without_leaps(series).values), np.nan, learned)
    return replace(series, values=learned)


def _without_leaps(series: DemandSeries, *, busy_leap: float) -> DemandSeries:
    masked = mask_leaps(
        series.values,
        steps_before=min(outage_steps(series.step_seconds), MOST_LEAP_STEPS),
        glitch_steps=math.ceil(GLITCH_SECONDS / series.step_seconds),
        busy_leap=busy_leap,
    )
    return replace(series, values=masked)


def mask_leaps(
    values: FloatArray, *, steps_before: int, glitch_steps: int, busy_leap: float = BUSY_LEAP
) -> FloatArray:
    """Return the values with the first steps of each leap beyond belief as missing.

    Those are ``glitch_steps`` known ones out of a busy series or beyond ``QUIET_LEAP``, else one:
    what is as high for longer is believed. So is what has been that high in the steps before, but
    for what was far beyond belief then. Out of nothing but zeros any may come. Causal, as
    ``mask_outages`` is.
    """
    known = np.flatnonzero(values == values)
    demand = values[known]
    positive = demand[demand > 0]
    least = min(busy_leap, YOUNG_LEAP)
    # Of nearly every series this is all: its highest is not so far from its lowest.
    if not len(positive) or positive.max() <= least * positive.min():
        return values
    masked, seen, end = values.copy(), values.copy(), 0
    enough = min(ENOUGH_STEPS, steps_before // 2)
    above = np.maximum(demand[:-1], positive.min())
    for first in (np.flatnonzero(demand[1:] > least * above) + 1).tolist():
        if first < end:
            continue
        before = seen[max(0, known[first] - steps_before) : known[first]]
        doubt = _doubt(before, demand[first], enough, busy_leap)
        steps = glitch_steps if doubt.may_last else 1
        end = first + _run(demand[first : first + steps] > doubt.above)
        run = known[first:end]
        masked[run] = np.nan
        seen[run[values[run] > doubt.forgotten_above]] = np.nan
    return masked


class _Doubt(NamedTuple):
    """What is not believed after some steps, for how long, and what is not held against later."""

    above: float
    forgotten_above: float
    may_last: bool


def _doubt(before: FloatArray, value: float, enough_steps: int, busy_leap: float) -> _Doubt:
    known = before[before == before]
    highest = float(known.max(initial=0.0))
    if highest == 0:
        return _Doubt(math.inf, math.inf, False)
    leap = LEAP if len(known) >= enough_steps else YOUNG_LEAP
    if _is_busy(before[-BUSY_STEPS:], BUSY_STEPS):
        return _Doubt(highest * min(leap, busy_leap), highest * min(leap, BUSY_LEAP), True)
    absurd = highest * QUIET_LEAP
    return _Doubt(highest * leap, absurd, value > absurd)


def _run(is_above: NDArray[np.bool_]) -> int:
    """Return how many of the first are above."""
    return len(is_above) if is_above.all() else int(np.argmin(is_above))


def mask_outages(
    values: FloatArray, *, outage_steps: int, busy_steps: int = BUSY_STEPS
) -> FloatArray:
    """Return the values with the zeros that only an outage explains as missing.

    A zero is masked if, over the ``busy_steps`` steps before its run of zeros began, at least
    half are known and none came near idle; after ``outage_steps`` of them the zeros are
    believed. Missing steps neither end a run nor begin one. Causal: what becomes of a step
    depends on it and on those before it, never on later ones.
    """
    masked = values.copy()
    zeros = np.flatnonzero(values == 0)
    last_positive = np.maximum.accumulate(np.where(values > 0, np.arange(len(values)), -1))
    for run in np.split(zeros, np.flatnonzero(np.diff(last_positive[zeros])) + 1):
        if len(run) and _is_busy(masked[max(0, run[0] - busy_steps) : run[0]], busy_steps):
            masked[run[run < run[0] + outage_steps]] = np.nan
    return masked


def _is_busy(before: FloatArray, busy_steps: int) -> bool:
    known = before[~np.isnan(before)]
    return 2 * len(known) >= max(busy_steps, 1) and bool(known.min() > IDLE_SHARE * known.mean())
