"""Reads the samples of a range query into steps of demand. Pure.

A step that can't be demand is missing, as one that is not finite is, and a sentence says why: one
odd step must not cost all the others. Samples that no Prometheus writes are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray
from models.series import MOST_PER_SECOND
from predictor.errors import SourceUnavailableError

#: Rates are differences of floats: a hair below zero is zero.
ROUNDING = 1e-9
#: Prometheus keeps times in milliseconds.
TIME_TOLERANCE_SECONDS = 2e-3
MAX_QUOTED = 200

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The times asked for: ``points`` of them, the first at ``first``, seconds since the epoch."""

    first: float
    step_seconds: float
    points: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """A value for each time of a grid, NaN where missing or odd, and what is odd about those."""

    values: FloatArray
    is_odd: Flags
    oddities: tuple[str, ...]


def steps_of(result: Sequence[object], grid: Grid) -> Steps:
    """Return the demand of each time from all series of a matrix; one at a time may have it.

    Raises:
        SourceUnavailableError: with one line that says which sample can't be read.
    """
    samples = _joined([_placed(series, grid) for series in result])
    places, demand = samples.places, samples.demand
    count = np.bincount(places, minlength=grid.points)
    alone = count[places] == 1
    odd_ones = (
        (
            ~alone,
            "the query returns {count} series, one is needed; put sum() around it (at {at:.3f})",
        ),
        (
            alone & (demand < -ROUNDING),
            "answered a demand of {demand:g} at {at:.3f}; demand can't be negative",
        ),
        (
            alone & (demand > MOST_PER_SECOND),
            "answered a demand of {demand:g} at {at:.3f}; "
            f"more than {MOST_PER_SECOND:g} per second is not believed",
        ),
        (alone & samples.is_histogram, "answered a histogram at {at:.3f}; a float is needed"),
    )
    values, is_odd, oddities = np.full(grid.points, np.nan), np.zeros(grid.points, bool), []
    values[places] = np.maximum(demand, 0.0)
    for is_wrong, sentence in odd_ones:
        if is_wrong.any():
            is_odd[places[is_wrong]] = True
            first = np.flatnonzero(is_wrong)[np.argmin(places[is_wrong])]
            place = int(places[first])
            at = grid.first + place * grid.step_seconds
            oddities.append(sentence.format(count=count[place], demand=demand[first], at=at))
    values[is_odd] = np.nan
    return Steps(values=values, is_odd=is_odd, oddities=tuple(oddities))


def one_line(text: str) -> str:
    """Return the text without line breaks or control characters, cut to a readable length."""
    line = re.sub(r"[\x00-\x20\x7f]+", " ", text).strip()
    return line if len(line) <= MAX_QUOTED else line[: MAX_QUOTED - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Samples:
    """The place on the grid and the demand of each sample, NaN of a histogram."""

    places: NDArray[np.intp]
    demand: FloatArray
    is_histogram: Flags


def _joined(all_series: Sequence[_Samples]) -> _Samples:
    return _Samples(
        places=np.concatenate([np.empty(0, np.intp), *(one.places for one in all_series)]),
        demand=np.concatenate([np.empty(0), *(one.demand for one in all_series)]),
        is_histogram=np.concatenate([np.empty(0, bool), *(one.is_histogram for one in all_series)]),
    )


def _placed(series: object, grid: Grid) -> _Samples:
    points, histograms = _fields(series)
    times, demand = _samples(points)
    times = np.append(times, [_time(one) for one in histograms])
    with np.errstate(over="ignore"):  # of times beyond all that was asked for
        places = np.rint((times - grid.first) / grid.step_seconds)
        is_off = np.abs(grid.first + places * grid.step_seconds - times) > TIME_TOLERANCE_SECONDS
    is_off |= (places < 0) | (places >= grid.points)
    if is_off.any():
        at = times[np.argmax(is_off)]
        raise SourceUnavailableError(f"answered a sample at {at:.3f}, which was not asked for")
    return _Samples(
        places=places.astype(np.intp),
        demand=np.append(
            np.where(np.isfinite(demand), demand, np.nan), np.full(len(histograms), np.nan)
        ),
        is_histogram=np.arange(len(times)) >= len(points),
    )


def _fields(series: object) -> tuple[list[Any], list[Any]]:
    """Return the samples of a series, and its histograms."""
    fields = series if isinstance(series, dict) else {}
    points, histograms = fields.get("values"), fields.get("histograms")
    if not isinstance(points, list) and not (isinstance(histograms, list) and histograms):
        raise SourceUnavailableError("answered a series without float values (a histogram?)")
    return (
        points if isinstance(points, list) else [],
        histograms if isinstance(histograms, list) else [],
    )


def _samples(points: list[object]) -> FloatArray:
    """Return the times and the values of samples, [2, samples]."""
    found = _plain_samples(points)
    return (
        found if found is not None else np.array([_point(one) for one in points]).reshape(-1, 2).T
    )


def _plain_samples(points: list[Any]) -> FloatArray | None:
    """Return samples that all are as they should be; else None: one by one tells what is wrong."""
    try:
        ats, texts = zip(*points, strict=True)
        if set(map(type, ats)) <= {int, float} and set(map(type, texts)) <= {str}:
            found = np.array([ats, [float(text) for text in texts]], dtype=np.float64)
            return found if np.isfinite(found[0]).all() else None
    except (TypeError, ValueError, OverflowError):
        pass
    return None


def _point(point: object) -> tuple[float, float]:
    """Return time and value of ``[seconds, "value"]``."""
    at = _time(point)
    if isinstance(point, Sequence) and isinstance(point[1], str):
        try:
            return at, float(point[1])
        except ValueError:
            pass
    raise SourceUnavailableError(_unreadable(point))


def _time(point: object) -> float:
    """Return the time of a pair that begins with it."""
    if isinstance(point, Sequence) and len(point) == 2 and isinstance(point[0], int | float):
        try:
            if math.isfinite(at := float(point[0])):
                return at
        except OverflowError:  # JSON knows whole numbers of any size
            pass
    raise SourceUnavailableError(_unreadable(point))


def _unreadable(point: object) -> str:
    return f"answered a sample that can't be read: {one_line(str(point))}"
