"""Demand from a PromQL query: the DemandSource on prometheus-api-client."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

import numpy as np

from models.forecast import FloatArray
from models.series import DemandSeries
from predictor.adapters.daemon_call import call_in_daemon_thread
from predictor.adapters.prometheus_answer import NO_SERIES, Grid, RangeAnswer
from predictor.adapters.prometheus_client import PrometheusClient
from predictor.errors import SourceUnavailableError
from predictor.ports import SourceReading
from predictor.settings import PrometheusSettings

#: Prometheus refuses more than 11,000 points.
CHUNK_POINTS = 10_000


class PrometheusSource:
    """One query that returns one series in demand per second.

    The query's value at a time is taken as the demand of the step that ends there.
    """

    def __init__(
        self,
        settings: PrometheusSettings,
        *,
        query: str,
        name: str = "prometheus",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep what is needed; nothing is sent before the first read."""
        self._settings = settings
        self._query = query
        self._name = name
        self._clock = clock
        self._client = PrometheusClient(settings)
        self._is_busy = False

    @property
    def name(self) -> str:
        """Say which source this is."""
        return self._name

    async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
        """Return the steps of [start, end); each 10,000 steps have the deadline to themselves.

        Raises:
            SourceUnavailableError: with one line that says what went wrong.
        """
        first = math.floor(start / step_seconds + 1e-6)
        steps = max(0, math.floor((end - first * step_seconds) / step_seconds + 1e-6))
        settled = self._clock() - self._settings.settle_seconds
        complete = math.floor(settled / step_seconds) - first
        pieces = []
        for low in range(0, steps, CHUNK_POINTS):
            count = min(CHUNK_POINTS, steps - low)
            # Multiples of the step, so that a step has the same value in whichever read.
            grid = Grid(
                first=(first + low + 1) * step_seconds, step_seconds=step_seconds, points=count
            )
            pieces.append(await self._query_range(grid))
        values = np.concatenate([piece.values for piece in pieces]) if pieces else np.empty(0)
        warnings = dict.fromkeys(warning for piece in pieces for warning in piece.warnings)
        if _matches(values, complete):
            warnings.pop(NO_SERIES, None)
        elif steps:
            warnings[NO_SERIES] = None
        return SourceReading(
            series=DemandSeries(
                start=first * step_seconds, step_seconds=step_seconds, values=values
            ),
            complete_until=(first + complete) * step_seconds,
            warnings=tuple(warnings),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    async def _query_range(self, grid: Grid) -> RangeAnswer:
        if self._is_busy:
            # The thread of an answer given up on; it ends with its connection.
            raise SourceUnavailableError("the answer before this one is still under way")
        deadline_seconds = self._settings.deadline_seconds
        self._is_busy = True
        deadline_at = time.monotonic() + deadline_seconds

        def query() -> RangeAnswer:
            try:
                return self._client.query_range(self._query, grid, deadline_at=deadline_at)
            finally:
                self._is_busy = False

        try:
            async with asyncio.timeout(deadline_seconds):
                return await call_in_daemon_thread(query, name=f"headstart-{self._name}")
        except TimeoutError as error:
            raise SourceUnavailableError(f"no answer within {deadline_seconds:g} s") from error


def _matches(values: FloatArray, complete: int) -> bool:
    """Say whether the query has a series; where the span reaches the present, still has one."""
    reaches_present = 0 < complete <= len(values)
    since = complete - 1 if reaches_present else 0
    return not np.isnan(values[since:]).all()
