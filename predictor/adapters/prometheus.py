"""Demand from a PromQL query: the DemandSource on prometheus-api-client."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable

import numpy as np

from models.forecast import FloatArray
from models.series import DemandSeries
from predictor.adapters.daemon_call import call_in_daemon_thread
from predictor.adapters.prometheus_answer import NO_SERIES, Grid, RangeAnswer
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.adapters.prometheus_memory import Answered, answered
from predictor.errors import SourceUnavailableError
from predictor.ports import SourceReading

#: Prometheus refuses more than 11,000 points.
CHUNK_POINTS = 10_000
#: Who takes more than this of its deadline waits in the line of those that are late.
LATE_SHARE = 0.5


class PrometheusSource:
    """One query that returns one series in demand per second.

    The query's value at a time is taken as the demand of the step that ends there.
    """

    def __init__(
        self,
        connections: PrometheusConnections,
        *,
        query: str,
        name: str = "prometheus",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep what is needed; nothing is sent before the first read."""
        self._connections, self._settings = connections, connections.settings
        self._query = query
        self._name = name
        self._clock = clock
        self._is_busy = self._was_late = False
        self._before = Answered()
        connections.join()

    @property
    def name(self) -> str:
        """Say which source this is."""
        return self._name

    async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
        """Return the steps of [start, end); each 10,000 steps have the deadline to themselves.

        Steps known to an earlier read are not asked for again.

        Raises:
            SourceUnavailableError: with one line that says what went wrong.
        """
        now = self._clock()
        first = math.floor(start / step_seconds + 1e-6)
        last = max(first, math.floor(end / step_seconds + 1e-6))
        complete = math.floor((now - self._settings.settle_seconds) / step_seconds)
        known = self._before.known(first, min(last, complete), step_seconds)
        if self._before.is_recent(now) and first + len(known) >= min(last, complete):
            warnings = self._before.warnings
            values = np.append(known, np.full(last - first - len(known), np.nan))
        else:
            values, warnings = await self._joined(known, first, last, step_seconds)
            warnings = _about_series(warnings, values, complete - first)
            if len(kept := values[: max(0, complete - first)]):
                self._before = answered(first, kept, step_seconds, warnings=warnings, at=now)
        return SourceReading(
            series=DemandSeries(
                start=first * step_seconds, step_seconds=step_seconds, values=values
            ),
            complete_until=complete * step_seconds,
            warnings=warnings,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        self._connections.leave()

    async def _joined(
        self, known: FloatArray, first: int, last: int, step_seconds: float
    ) -> tuple[FloatArray, tuple[str, ...]]:
        """Return what is known with what is asked for now, one step at least, and the warnings."""
        known = known[: max(0, last - first - 1)]
        values, warnings = [known], dict[str, None]()
        for low in range(first + len(known), last, CHUNK_POINTS):
            # Multiples of the step, so that a step has the same value in whichever read.
            grid = Grid(
                first=(low + 1) * step_seconds,
                step_seconds=step_seconds,
                points=min(CHUNK_POINTS, last - low),
            )
            answer = await self._query_range(grid)
            values.append(answer.values)
            warnings.update(dict.fromkeys(answer.warnings))
        return np.concatenate(values), tuple(warnings)

    async def _query_range(self, grid: Grid) -> RangeAnswer:
        if self._is_busy:
            # The thread of an answer given up on; it ends with its connection.
            raise SourceUnavailableError("the answer before this one is still under way")
        deadline_seconds = self._settings.deadline_seconds
        try:
            async with asyncio.timeout(deadline_seconds):
                return await self._asked(grid, time.monotonic() + deadline_seconds)
        except TimeoutError as error:
            # Or it waited for the others.
            self._was_late = self._was_late or self._is_busy
            raise SourceUnavailableError(f"no answer within {deadline_seconds:g} s") from error

    async def _asked(self, grid: Grid, deadline_at: float) -> RangeAnswer:
        loop = asyncio.get_running_loop()
        connection = await self._connections.lend(was_late=self._was_late)
        self._is_busy = True

        def query() -> RangeAnswer:
            began_at = time.monotonic()
            try:
                return connection.client.query_range(self._query, grid, deadline_at=deadline_at)
            finally:
                took_seconds = time.monotonic() - began_at
                self._was_late = took_seconds > LATE_SHARE * self._settings.deadline_seconds
                self._is_busy = False
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._connections.give_back, connection)

        return await call_in_daemon_thread(query, name=f"headstart-{self._name}")


def _about_series(warnings: tuple[str, ...], values: FloatArray, complete: int) -> tuple[str, ...]:
    """Return the warnings with whether the query matches a series, as the whole span tells."""
    others = tuple(one for one in warnings if one != NO_SERIES)
    return others if _matches(values, complete) or not len(values) else (*others, NO_SERIES)


def _matches(values: FloatArray, complete: int) -> bool:
    """Say whether the query has a series; where the span reaches the present, still has one."""
    reaches_present = 0 < complete <= len(values)
    since = complete - 1 if reaches_present else 0
    return not np.isnan(values[since:]).all()
