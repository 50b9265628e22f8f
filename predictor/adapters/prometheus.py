"""Demand from a PromQL query: the DemandSource on prometheus-api-client."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from models.forecast import FloatArray
from models.series import DemandSeries
from models.server_time import ahead_seconds
from predictor.adapters.daemon_call import call_in_daemon_thread
from predictor.adapters.prometheus_answer import RangeAnswer
from predictor.adapters.prometheus_clock import TOLERATED_SECONDS, carried_back, steps_ahead
from predictor.adapters.prometheus_connections import PrometheusConnections
from predictor.adapters.prometheus_memory import Answered, answered
from predictor.adapters.prometheus_samples import Grid
from predictor.adapters.prometheus_span import SpanAnswer, complete_until, joined
from predictor.errors import SourceUnavailableError
from predictor.ports import SourceReading

#: Prometheus refuses more than 11,000 points.
CHUNK_POINTS = 10_000
#: Who takes more than this of its deadline waits in the line of those that are late.
LATE_SHARE = 0.5


class PrometheusSource:
    """One query that returns one series in demand per second.

    The query's value at a time is taken as the demand of the step that ends there. Times are the
    server's, whose samples these are; readings have ours.
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
        self._partial_since: float | None = None
        self._ahead_seconds = 0.0
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
        first = math.floor(start / step_seconds + 1e-6)
        last = max(first, math.floor(end / step_seconds + 1e-6))
        ahead = self._steps_ahead(step_seconds)
        reading = await self._read(first + ahead, last + ahead, step_seconds)
        if (told := self._steps_ahead(step_seconds)) != ahead:
            # This answer told that one of the clocks is wrong: it is of another time than wanted.
            ahead = told
            reading = await self._read(first + ahead, last + ahead, step_seconds)
            if self._steps_ahead(step_seconds) != ahead:
                raise SourceUnavailableError("one answer has another time than the one before it")
        return carried_back(reading, ahead, self._ahead_seconds)

    async def _read(self, first: int, last: int, step_seconds: float) -> SourceReading:
        """Return the steps from ``first`` on, before ``last``, all by the server's clock."""
        now = self._clock() + self._ahead_seconds
        complete = math.floor((now - self._settings.settle_seconds) / step_seconds)
        known = self._before.known(first, min(last, complete), step_seconds)
        if self._before.is_recent(now) and first + len(known) >= min(last, complete):
            values = np.append(known, np.full(last - first - len(known), np.nan))
            return _reading(first, step_seconds, values, complete, self._before.warnings)
        known = known[: max(0, last - first - 1)]  # one step at least is asked for
        answers = await self._answers(first + len(known), last, step_seconds)
        answer = joined(known, answers, first=first, complete=complete, step_seconds=step_seconds)
        if answer.fault:
            raise SourceUnavailableError(answer.fault)
        self._note_partial(answer)
        since = self._partial_since
        by_server = None if since is None else since + self._ahead_seconds
        complete = complete_until(answer, now=now, partial_since=by_server)
        if len(kept := answer.values[: max(0, complete - first)]):
            self._before = answered(first, kept, step_seconds, warnings=answer.warnings, at=now)
        reading = _reading(first, step_seconds, answer.values, complete, answer.warnings)
        return replace(reading, recent=answer.at_least)

    async def close(self) -> None:
        """Let go of the connections."""
        self._connections.leave()

    def _note_partial(self, answer: SpanAnswer) -> None:
        """Remember since when, by our clock, nothing but partial answers came."""
        if answer.partial_from is None:
            self._partial_since = None
        elif self._partial_since is None:
            self._partial_since = self._clock()

    async def _answers(self, first: int, last: int, step_seconds: float) -> list[RangeAnswer]:
        """Ask for steps, in parts that Prometheus does not refuse."""
        return [
            await self._query_range(
                # Multiples of the step, so that a step has the same value in whichever read.
                Grid(
                    first=(low + 1) * step_seconds,
                    step_seconds=step_seconds,
                    points=min(CHUNK_POINTS, last - low),
                )
            )
            for low in range(first, last, CHUNK_POINTS)
        ]

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
            began_at, sent_at = time.monotonic(), self._clock()
            try:
                answer = connection.client.query_range(self._query, grid, deadline_at=deadline_at)
                self._hear(connection.client.date, sent_at)
                return answer
            finally:
                took_seconds = time.monotonic() - began_at
                self._was_late = took_seconds > LATE_SHARE * self._settings.deadline_seconds
                self._is_busy = False
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._connections.give_back, connection)

        return await call_in_daemon_thread(query, name=f"headstart-{self._name}")

    def _steps_ahead(self, step_seconds: float) -> int:
        return steps_ahead(self._ahead_seconds, step_seconds, self._settings.settle_seconds)

    def _hear(self, date: str | None, sent_at: float) -> None:
        """Note by how much the server's clock is ahead of ours."""
        self._ahead_seconds = ahead_seconds(
            self._ahead_seconds,
            date,
            sent_at=sent_at,
            received_at=self._clock(),
            tolerated_seconds=TOLERATED_SECONDS,
        )


def _reading(
    first: int, step_seconds: float, values: FloatArray, complete: int, warnings: tuple[str, ...]
) -> SourceReading:
    return SourceReading(
        series=DemandSeries(start=first * step_seconds, step_seconds=step_seconds, values=values),
        complete_until=complete * step_seconds,
        warnings=warnings,
    )
