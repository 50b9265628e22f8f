"""Demand, answers and forecasts that are valid as they are, and fakes of the ports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.forecast import QUANTILES, Forecast, WorkloadName
from models.outlook import DemandReading
from models.series import DemandSeries
from predictor.demand import Answer
from predictor.errors import SourceUnavailableError
from predictor.ports import SourceReading

CHAT = WorkloadName("chat")
NAN = float("nan")
STEP = 10.0
START = 1_000_000.0


def a_series(*values: float, start: float = START, step_seconds: float = STEP) -> DemandSeries:
    """Return demand from ``start`` on."""
    return DemandSeries(start=start, step_seconds=step_seconds, values=np.array(values, float))


def an_answer(
    source: str,
    *values: float,
    steps_complete: int | None = None,
    start: float = START,
    recent: tuple[float, float] | None = None,
) -> Answer:
    """Return an answer whose first ``steps_complete`` steps (else all) are complete.

    ``recent`` is how many seconds after the last step five more seconds end, and their demand.
    """
    end = start + len(values) * STEP
    complete = len(values) if steps_complete is None else steps_complete
    return Answer(
        source=source,
        reading=SourceReading(
            series=a_series(*values, start=start),
            complete_until=start + complete * STEP,
            recent=recent
            and DemandReading(
                measured_at=end + recent[0], window_seconds=5.0, per_second=recent[1]
            ),
        ),
    )


def a_forecast(
    *medians: float, issued_at: float = START, step_seconds: float = STEP, workload: str = CHAT
) -> Forecast:
    """Return a forecast whose quantiles are 1.0, 1.1, 1.2 … times the medians."""
    spread = 1 + 0.1 * np.arange(len(QUANTILES))
    return Forecast(
        workload=WorkloadName(workload),
        issued_at=issued_at,
        step_seconds=step_seconds,
        quantiles=QUANTILES,
        values=np.outer(np.array(medians, float), spread),
        basis="test",
    )


class FakeSource:
    """Answers with ``demand_at(step start)`` of steps complete at ``complete_until``."""

    def __init__(
        self,
        name: str = "prometheus",
        *,
        demand_at: Callable[[float], float] = lambda at: 5.0,
        complete_until: float = float("inf"),
    ) -> None:
        """Begin well."""
        self.name = name
        self.demand_at = demand_at
        self.complete_until = complete_until
        self.problem: str | None = None
        self.warnings: tuple[str, ...] = ()
        self.asked: list[tuple[float, float]] = []
        self.is_closed = False

    async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
        """Answer, or raise the problem."""
        self.asked.append((start, end))
        if self.problem is not None:
            raise SourceUnavailableError(self.problem)
        starts = start + step_seconds * np.arange(round((end - start) / step_seconds))
        values = np.array([self.demand_at(at) for at in starts.tolist()], float)
        return SourceReading(
            series=DemandSeries(start=start, step_seconds=step_seconds, values=values),
            complete_until=min(self.complete_until, end),
            warnings=self.warnings,
        )

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True


class FakeForecaster:
    """Keeps what it was given; forecasts ``horizon`` steps of the last known demand."""

    def __init__(self, *, horizon: int = 30) -> None:
        """Begin without demand."""
        self.horizon = horizon
        self.basis = "test"
        self.extended: dict[WorkloadName, list[DemandSeries]] = {}
        self.fault: Exception | None = None

    def extend(self, workload: WorkloadName, series: DemandSeries) -> None:
        """Keep the steps."""
        if self.fault is not None:
            raise self.fault
        self.extended.setdefault(workload, []).append(series)

    def forecast(self, workloads: Collection[WorkloadName]) -> Mapping[WorkloadName, Forecast]:
        """Forecast the last known demand of each, of those that have any."""
        found = {workload: self._forecast(workload) for workload in workloads}
        return {workload: one for workload, one in found.items() if one is not None}

    def _forecast(self, workload: WorkloadName) -> Forecast | None:
        known = [one for one in self.values(workload) if one == one]
        if not known:
            return None
        forecast = a_forecast(
            *[known[-1]] * self.horizon,
            issued_at=self.extended[workload][-1].end,
            workload=workload,
        )
        return replace(forecast, basis=self.basis)

    def forget(self, workload: WorkloadName) -> None:
        """Let go."""
        self.extended.pop(workload, None)

    def values(self, workload: WorkloadName = CHAT) -> Sequence[float]:
        """Return everything given, in order."""
        parts = [series.values for series in self.extended.get(workload, [])]
        return [float(one) for one in np.concatenate(parts)] if parts else []
