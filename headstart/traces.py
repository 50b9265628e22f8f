"""Traces of demand: reading them, and what a replay takes from them when nobody says otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headstart.errors import InvalidTraceError, UsageError, shown
from headstart.timestamps import instant_text
from headstart.trace_format import read_bins
from headstart.trace_rows import open_lines
from models.forecast import FloatArray

_SUFFIXES = (".gz", ".csv", ".jsonl", ".json", ".txt")

_MINUTE_SECONDS = 60.0
# Minutes begin at each second up to this many; beyond, more sparsely, for the memory's sake.
_MAX_WINDOWS = 4_000_000
_PEAK_PERCENTILE = 99.9
_REPLICAS_AT_PEAK = 20
_SHORT_TRACE_SECONDS = 7200.0
_SHORT_WARMUP_SECONDS = 600.0
_LONGEST_WARMUP_SECONDS = 172_800.0
_WARMUP_ALLOWED = "must be a share above 0 and below 1 (0.5 or 50%), or seconds with an s (3600s)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Requests by equal bins.

    ``requests[i]`` arrived in the ``bin_seconds`` that start at ``origin_epoch_seconds +
    i * bin_seconds``; NaN where that is not known. ``is_line_each`` says that each known bin is a
    line of a file, in order, after a header.
    """

    name: str
    origin_epoch_seconds: float
    bin_seconds: float
    requests: FloatArray
    is_line_each: bool = False

    @property
    def duration_seconds(self) -> float:
        """How long the trace is, from the start of its first bin to the end of its last."""
        return len(self.requests) * self.bin_seconds

    @property
    def per_second(self) -> FloatArray:
        """Mean demand per second in each bin; NaN where missing."""
        return self.requests / self.bin_seconds

    def place_of(self, index: int) -> str:
        """Return where and when a known bin is, as messages say it: its line, if it has one."""
        instant = instant_text(self.origin_epoch_seconds + index * self.bin_seconds)
        known = int(np.count_nonzero(~np.isnan(self.requests[: index + 1])))
        return f"line {known + 1}, {instant}" if self.is_line_each else instant


def read_trace(path: Path) -> Trace:
    """Read a trace: counts per bin (CSV), or a log of arrivals (CSV or JSON lines); or its gzip.

    Counts lie on the grid of their most common spacing, and bins left out are missing (NaN).
    Arrivals are counted by the second; there, a second without a line is a second without demand.

    Raises:
        InvalidTraceError: in one line, with the file's line, field, value and what is allowed.
    """
    with open_lines(path) as lines:
        bins = read_bins(lines, str(path))
    return Trace(
        name=_trace_name(path),
        origin_epoch_seconds=bins.origin_epoch_seconds,
        bin_seconds=bins.bin_seconds,
        requests=bins.requests,
        is_line_each=bins.is_line_each,
    )


def default_capacity(
    trace: Trace, *, from_seconds: float = 0.0, to_seconds: float | None = None
) -> float:
    """Return the demand per second that one replica serves if nobody says: peak / 20.

    The peak is the 99.9th percentile (linear) of the mean rate of the minutes that begin at each
    second of the span (of the bins, if these are longer than a minute). The span counts from the
    trace's start, and is the whole trace unless given.

    Raises:
        InvalidTraceError: if the span has no request.
    """
    end = trace.duration_seconds if to_seconds is None else to_seconds
    rates = _minute_rates(trace, from_seconds, end)
    peak = float(np.percentile(rates, _PEAK_PERCENTILE)) if rates.size else 0.0
    if peak <= 0:  # Too few busy minutes for the percentile, or a span of under a minute.
        first, last = (round(at / trace.bin_seconds) for at in (from_seconds, end))
        rates = trace.per_second[first:last]
        peak = float(rates[~np.isnan(rates)].max(initial=0.0))
    if peak <= 0:
        raise InvalidTraceError(
            f"{trace.name}: no request at all: nobody can say what a replica serves"
        )
    return peak / _REPLICAS_AT_PEAK


def default_warmup(trace: Trace) -> float:
    """Return the seconds that warm the forecaster if nobody says: whole bins, never the last.

    Ten minutes of a trace under two hours, else the first half, at most two days.
    """
    duration = trace.duration_seconds
    if duration >= _SHORT_TRACE_SECONDS:
        wanted = min(duration / 2, _LONGEST_WARMUP_SECONDS)
    elif duration > _SHORT_WARMUP_SECONDS:
        wanted = _SHORT_WARMUP_SECONDS
    else:
        wanted = duration / 2
    return max(1, _whole_bins(wanted, trace)) * trace.bin_seconds


def parse_warmup(text: str, trace: Trace) -> float:
    """Return the seconds, in whole bins, that ``0.5``, ``50%`` or ``3600s`` mean for a trace.

    Raises:
        UsageError: if the text is neither, or leaves nothing before or after it.
    """
    seconds = _warmup_seconds(text.strip(), trace)
    if seconds is None:
        raise UsageError(f"--warmup: {shown(text)} is not allowed: {_WARMUP_ALLOWED}")
    count = _whole_bins(seconds, trace)
    if not 1 <= count < len(trace.requests):
        low, high = trace.bin_seconds, trace.duration_seconds - trace.bin_seconds
        raise UsageError(
            f"--warmup: {shown(text)} is not allowed: "
            f"must leave a bin on each side, so from {low:g}s to {high:g}s for {trace.name}"
        )
    return count * trace.bin_seconds


def _trace_name(path: Path) -> str:
    name = path.name
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name or path.name


def _minute_rates(trace: Trace, begin: float, end: float) -> FloatArray:
    """Return the mean rates of the minutes within [begin, end) that are mostly known."""
    known = ~np.isnan(trace.requests)
    edges: FloatArray = np.arange(len(trace.requests) + 1) * np.float64(trace.bin_seconds)
    if trace.bin_seconds > _MINUTE_SECONDS:
        inside: FloatArray = trace.per_second[known & (edges[:-1] >= begin) & (edges[1:] <= end)]
        return inside
    step = max(1.0, math.ceil((end - begin) / _MAX_WINDOWS))
    starts: FloatArray = begin + np.float64(step) * np.arange(
        math.floor((end - begin - _MINUTE_SECONDS) / step + 1e-9) + 1
    )
    arrived = _cumulated(np.where(known, trace.requests, 0.0))
    seconds = _cumulated(known * trace.bin_seconds)
    demand = _within(starts, edges, arrived)
    measured = _within(starts, edges, seconds)
    mostly = measured >= _MINUTE_SECONDS / 2
    rates: FloatArray = demand[mostly] / measured[mostly]
    return rates


def _within(starts: FloatArray, edges: FloatArray, cumulated: FloatArray) -> FloatArray:
    # Cumulated and interpolated, so that a minute may begin and end inside a bin.
    return np.interp(starts + _MINUTE_SECONDS, edges, cumulated) - np.interp(
        starts, edges, cumulated
    )


def _cumulated(values: FloatArray) -> FloatArray:
    return np.concatenate(([0.0], np.cumsum(values)))


def _whole_bins(seconds: float, trace: Trace) -> int:
    # The small amount: 0.3 of ten bins is 2.9999999999999996 of them in binary fractions.
    return math.floor(seconds / trace.bin_seconds + 1e-9)


def _warmup_seconds(text: str, trace: Trace) -> float | None:
    unit = text[-1:] if text.endswith(("s", "%")) else ""
    try:
        value = float(text.removesuffix(unit))
    except ValueError:
        return None
    if not math.isfinite(value) or value <= 0:
        return None
    if unit == "s":
        return value
    share = value / 100 if unit == "%" else value
    return share * trace.duration_seconds if share < 1 else None
