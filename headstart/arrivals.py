"""From columns of a trace file to requests per equal bin. Pure; a missing bin is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import InvalidTraceError
from headstart.timestamps import (
    BadTimestampError,
    day_number_hint,
    has_zone,
    plain_numbers,
    to_epoch_seconds,
)
from models.forecast import FloatArray

ARRIVAL_BIN_SECONDS = 1.0

# A year of seconds, and a little: more is a slip in a timestamp, and would fill the memory.
_MAX_BINS = 40_000_000
# Timestamps written with milliseconds may stray this much of a bin from the grid.
_STRAY_SHARE = 0.01
_MOST_REQUESTS = 1e15
# In autumn local time repeats an hour: its lines go back by less, or stand still.
_CLOCKS_GO_BACK_SECONDS = 3600.0
# No outage of metrics lasts a quarter; a slip in the year leaves a gap of more, and a replay of it
# would play each ten seconds of that gap.
_LONGEST_GAP_DAYS = 92
_DAY_SECONDS = 86_400.0
_ZONES_HINT = "times without a zone are UTC: if these are local, and clocks went back, write zones"
_COUNT_ALLOWED = "must be a number from 0 to 1e15; leave the line out if it is not known"


def bin_arrivals(texts: Sequence[str], *, name: str, first_line: int) -> tuple[float, FloatArray]:
    """Count arrivals, in any order, into bins of one second.

    Returns the start of the first bin (seconds since the epoch) and the counts.

    Raises:
        InvalidTraceError: for a bad timestamp, one so far off that the span is absurd, a quarter
            without any, or a log of one second.
    """
    seconds = _column_seconds(texts, name=name, first_line=first_line, is_log=True)
    origin = float(np.floor(seconds.min()))
    bins = np.floor(seconds - origin).astype(np.int64)
    if bins.max() >= _MAX_BINS:
        strange = int(np.argmax(np.abs(seconds - np.median(seconds))))
        raise InvalidTraceError.at(
            f"{name}:{first_line + strange}",
            "timestamp",
            texts[strange],
            "must be within 460 days of the others in a log of arrivals",
        )
    if bins.max() == 0:
        raise InvalidTraceError(f"{name}: a log of arrivals must span at least 2 seconds")
    counts = np.bincount(bins)
    busy = np.flatnonzero(counts)
    late = _after_longest_gap(busy)
    if late is not None:
        index = int(np.argmax(bins == busy[late]))
        allowed = _gap_allowed(origin + busy[late - 1], origin + busy[late], "the arrival before")
        place = f"{name}:{first_line + index}"
        raise InvalidTraceError.at(place, "timestamp", texts[index], allowed)
    return origin, counts.astype(np.float64)


def bin_counts(
    timestamps: Sequence[str], counts: Sequence[str], *, name: str, first_line: int
) -> tuple[float, float, FloatArray]:
    """Lay counts on the grid of their most common spacing; bins left out are missing.

    Returns the start of the first bin (seconds since the epoch), the bin in seconds and the
    counts.

    Raises:
        InvalidTraceError: for a bad value, a line out of order, twice the same time, a quarter
            without any, a time that is not on the grid, or a single line, from which no spacing
            can be told.
    """
    seconds = _column_seconds(timestamps, name=name, first_line=first_line, is_log=False)
    requests = _column_counts(counts, name=name, first_line=first_line)
    if len(seconds) == 1:
        raise InvalidTraceError(
            f"{name}: one line of counts: at least 2 are needed to tell the bin"
        )
    bin_seconds = _most_common(np.diff(seconds))
    positions = (seconds - seconds[0]) / bin_seconds if bin_seconds > 0 else np.empty(0)
    found = _out_of_order(seconds, timestamps) or _off_grid(positions, bin_seconds)
    if found is not None:
        index, allowed = found
        place = f"{name}:{first_line + index}"
        raise InvalidTraceError.at(place, "timestamp", timestamps[index], allowed)
    grid = np.full(round(positions[-1]) + 1, np.nan)
    grid[np.round(positions).astype(np.int64)] = requests
    return float(seconds[0]), bin_seconds, grid


def _out_of_order(seconds: FloatArray, texts: Sequence[str]) -> tuple[int, str] | None:
    """Return the first time that goes back, or comes too long after; and what is allowed."""
    spacing = np.diff(seconds)
    if (spacing <= 0).any():
        index = int(np.argmax(spacing <= 0)) + 1
        allowed = f"must be later than {texts[index - 1]} in the line before"
        if spacing[index - 1] >= -_CLOCKS_GO_BACK_SECONDS and not has_zone(texts[index]):
            allowed += f"; {_ZONES_HINT}"
        return index, allowed
    late = _after_longest_gap(seconds)
    if late is None:
        return None
    return late, _gap_allowed(seconds[late - 1], seconds[late], "the line before")


def _after_longest_gap(ascending: NDArray[Any]) -> int | None:
    """Return the index after the longest gap; None if that is no longer than gaps may be."""
    if len(ascending) < 2:
        return None
    gaps = np.diff(ascending)
    index = int(np.argmax(gaps))
    return index + 1 if gaps[index] > _LONGEST_GAP_DAYS * _DAY_SECONDS else None


def _gap_allowed(before: float, after: float, what: str) -> str:
    """Say how long a gap may be: which of its two sides is mistyped nobody knows."""
    moment = datetime.fromtimestamp(before, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"must be at most {_LONGEST_GAP_DAYS} days after {what}, {moment}, "
        f"not {(after - before) / _DAY_SECONDS:,.0f} days; one of the two may be mistyped"
    )


def _off_grid(positions: FloatArray, bin_seconds: float) -> tuple[int, str] | None:
    """Return the first position that is not on the grid and what is allowed; None if all are."""
    if not len(positions):
        return 1, "must be at least a microsecond after the line before"
    too_far = positions > _MAX_BINS
    refused = too_far | (np.abs(positions - np.round(positions)) > _STRAY_SHARE)
    if not refused.any():
        return None
    index = int(np.argmax(refused))
    if too_far[index]:
        return index, f"must be within {_MAX_BINS} bins of {bin_seconds:g} s after the first"
    return (
        index,
        f"must be whole bins of {bin_seconds:g} s, the most common spacing, after the first",
    )


def _most_common(spacing: FloatArray) -> float:
    # Microseconds: finer than that, binary fractions of unix time no longer agree.
    values, times = np.unique(np.round(spacing, 6), return_counts=True)
    return float(values[np.argmax(times)])


def _column_seconds(
    texts: Sequence[str], *, name: str, first_line: int, is_log: bool
) -> FloatArray:
    try:
        seconds = to_epoch_seconds(texts)
    except BadTimestampError as error:
        place = f"{name}:{first_line + error.index}"
        raise InvalidTraceError.at(place, "timestamp", error.text, error.allowed) from error
    hint = day_number_hint(texts, seconds, is_log=is_log)
    if hint:
        raise InvalidTraceError.at(f"{name}:{first_line}", "timestamp", texts[0], hint)
    return seconds


def _column_counts(texts: Sequence[str], *, name: str, first_line: int) -> FloatArray:
    values = plain_numbers(texts)
    if values is None:
        values = np.array([_count(text) for text in texts])
    refused = ~((values >= 0) & (values <= _MOST_REQUESTS))
    if refused.any():
        index = int(np.argmax(refused))
        place = f"{name}:{first_line + index}"
        raise InvalidTraceError.at(place, "requests", texts[index], _COUNT_ALLOWED)
    return values


def _count(text: str) -> float:
    number = plain_numbers([text])
    return np.nan if number is None else float(number[0])
