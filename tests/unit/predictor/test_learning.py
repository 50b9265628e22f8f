"""Whoever has read its sources learns together with the others."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from numpy.testing import assert_array_equal

from models.forecast import Forecast, WorkloadName
from predictor.metrics import PredictorMetrics
from predictor.ports import SourceReading
from predictor.service import ForecastService
from predictor.settings import ServiceSettings
from predictor.workload import WorkloadDemand
from tests.unit.predictor.builders import START, STEP, FakeForecaster, FakeSource

NAMES = [WorkloadName(f"w{number}") for number in range(5)]


class Together(FakeForecaster):
    """Notes of whom it was asked at once; may fail for all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[set[WorkloadName]] = []
        self.problem: Exception | None = None

    def forecast(self, workloads: Collection[WorkloadName]) -> Mapping[WorkloadName, Forecast]:
        self.asked.append(set(workloads))
        if self.problem is not None:
            raise self.problem
        return super().forecast(workloads)


class Slow(FakeSource):
    """Answers once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
        await self.let.wait()
        return await super().read(start=start, end=end, step_seconds=step_seconds)


async def a_service(
    forecaster: Together, *sources: FakeSource, tick_seconds: float = 30.0
) -> ForecastService:
    service = ForecastService(
        forecaster=forecaster,
        settings=ServiceSettings(tick_seconds=tick_seconds),
        metrics=PredictorMetrics(),
    )
    demands = [
        WorkloadDemand(
            workload=name, step_seconds=STEP, history_seconds=5 * STEP, sources=(source,)
        )
        for name, source in zip(NAMES, sources, strict=False)
    ]
    await service.set_workloads(demands, now=START)
    return service


async def test_all_that_answered_are_forecast_at_once() -> None:
    forecaster = Together()
    service = await a_service(forecaster, *[FakeSource() for _ in NAMES])
    await service.tick(START)
    await service.tick(START + STEP)
    assert forecaster.asked == [set(NAMES), set(NAMES)]


async def test_a_late_one_is_forecast_in_the_same_tick_after_those_that_did_not_wait_for_it() -> (
    None
):
    forecaster, slow = Together(), Slow()
    service = await a_service(forecaster, slow, FakeSource(), tick_seconds=2.0)
    tick = asyncio.create_task(service.tick(START))
    async with asyncio.timeout(30):
        await anext(service.subscribe(NAMES[1]))
    assert service.latest(NAMES[0]) is None
    slow.let.set()
    await tick
    await service.tick(START + STEP)
    assert forecaster.asked[0] == {NAMES[1]}
    assert service.latest(NAMES[0]) is not None
    await service.close()


async def test_a_forecaster_that_fails_for_all_leaves_their_last_outlooks() -> None:
    forecaster = Together()
    service = await a_service(forecaster, FakeSource(), FakeSource())
    await service.tick(START)
    before = [service.latest(name) for name in NAMES[:2]]
    forecaster.problem = RuntimeError("a bug")
    await service.tick(START + STEP)
    assert [service.latest(name) for name in NAMES[:2]] == before
    forecaster.problem = None
    await service.tick(START + 2 * STEP)
    after = service.latest(NAMES[0])
    assert after is not None
    assert after.forecast is not None
    assert after.forecast.issued_at == START + 2 * STEP


async def test_who_ends_while_others_learn_is_not_waited_for() -> None:
    forecaster, slow = Together(), Slow()
    service = await a_service(forecaster, slow, FakeSource(), tick_seconds=0.5)
    await service.tick(START)
    await service.close()
    assert service.workloads() == ()
    assert forecaster.asked == [{NAMES[1]}]


async def test_steps_before_the_first_known_one_are_not_learned() -> None:
    forecaster = Together()
    source = FakeSource(demand_at=lambda at: 5.0 if at >= START - 2 * STEP else float("nan"))
    service = await a_service(forecaster, source)
    await service.tick(START)
    [series] = forecaster.extended[NAMES[0]]
    assert series.start == START - 2 * STEP
    assert_array_equal(series.values, [5.0, 5.0])
