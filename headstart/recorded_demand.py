"""A trace out of what Prometheus has recorded, instead of a file."""

from __future__ import annotations

import asyncio
import math

import numpy as np
from numpy.typing import NDArray

from headstart.errors import RunFailedError, UsageError
from headstart.traces import Trace
from models.series import DemandSeries
from predictor.adapters.prometheus import PrometheusSource
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.errors import SourceUnavailableError
from predictor.ports import SourceReading
from predictor.settings import PrometheusSettings

DAY_SECONDS = 86400.0
STEP_SECONDS = 10.0
_MOST_DAYS = 366.0
#: What is complete up to longer ago holds a partial answer: a trace would have a hole there.
_MOST_UNSETTLED_SECONDS = 60.0


def recorded_trace(url: str, query: str, *, days: float, now: float) -> Trace:
    """Return the demand of the ``days`` before ``now``; NaN where nothing was recorded.

    It begins with what was recorded first: nobody knows of demand before.

    Raises:
        UsageError: if the address or the days can't be used.
        RunFailedError: if Prometheus does not answer with one series of demand.
    """
    checked_days(days)
    end = math.floor(now / STEP_SECONDS) * STEP_SECONDS
    start = end - max(1, round(days * DAY_SECONDS / STEP_SECONDS)) * STEP_SECONDS
    try:
        connections = PrometheusConnections(PrometheusSettings(url=url))
    except ValueError as error:
        raise UsageError(f"--prometheus: {error}") from error
    try:
        reading = asyncio.run(_read(PrometheusSource(connections, query=query), start, end))
    except SourceUnavailableError as error:
        raise RunFailedError(f"--prometheus: {error}") from error
    if reading.complete_until < reading.series.end - _MOST_UNSETTLED_SECONDS:
        raise RunFailedError(f"--prometheus: {'; '.join(reading.warnings)}")
    known = np.isfinite(reading.series.values)
    if not known.any():
        why = "; ".join(("", *reading.warnings))
        raise RunFailedError(f"--query: {query} has no value of the last {days:g} days{why}")
    return trace_since("prometheus", reading.series, known)


def trace_since(name: str, series: DemandSeries, known: NDArray[np.bool_]) -> Trace:
    """Return the trace that begins with a series' first step that is ``known``, one of which is."""
    first = int(np.argmax(known))
    return Trace(
        name=name,
        origin_epoch_seconds=series.start + first * series.step_seconds,
        bin_seconds=series.step_seconds,
        requests=series.values[first:] * series.step_seconds,
    )


def checked_days(days: float) -> None:
    """Refuse a span that can't be asked for.

    Raises:
        UsageError: naming the option.
    """
    if not 0 < days <= _MOST_DAYS:
        raise UsageError(f"--days: {days:g} is not allowed: must be above 0, up to 366")


async def _read(source: PrometheusSource, start: float, end: float) -> SourceReading:
    try:
        return await source.read(start=start, end=end, step_seconds=STEP_SECONDS)
    finally:
        await source.close()
