from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from models.forecast import MOVING_AVERAGE, WorkloadName
from models.outlook import Outlook
from models.series import BUSY_STEPS, DemandSeries, outage_steps
from predictor.calendar import CalendarWindow
from predictor.errors import SourceUnavailableError
from predictor.metrics import PredictorMetrics
from predictor.ports import Calendar, SourceReading
from predictor.service import ForecastService
from predictor.settings import ServiceSettings
from predictor.subscriptions import BACKLOG
from predictor.workload import SPAN_STEPS, WorkloadDemand, context_steps
from tests.unit.predictor.builders import (
    CHAT,
    NAN,
    START,
    STEP,
    FakeForecaster,
    FakeSource,
    a_series,
)


class FakeArchive:
    def __init__(self, *, demand_per_second: float = NAN, until: float = 0.0) -> None:
        self.demand_per_second = demand_per_second
        self.until = until
        self.recorded: list[DemandSeries] = []
        self.sources: set[str] = set()

    def record_demand(self, workload: WorkloadName, source: str, series: DemandSeries) -> None:
        self.recorded.append(series)
        self.sources.add(source)

    def demand(
        self, workload: WorkloadName, source: str, *, start: float, end: float, step_seconds: float
    ) -> DemandSeries:
        self.sources.add(source)
        starts = np.arange(start, end, step_seconds)
        values = np.where(starts < self.until, self.demand_per_second, np.nan)
        return DemandSeries(start=start, step_seconds=step_seconds, values=values)


class FakeCalendar:
    name = "launches"

    def __init__(
        self, *windows: CalendarWindow, problem: str | None = None, remark: str = ""
    ) -> None:
        self.remark = remark
        self._windows = windows
        self._problem = problem

    async def windows(self, *, start: float, end: float) -> tuple[CalendarWindow, ...]:
        if self._problem:
            raise SourceUnavailableError(self._problem)
        return self._windows


class Parts:
    """A service with one workload of five steps' history, and its fakes."""

    def __init__(
        self,
        *sources: FakeSource,
        calendar: Calendar | None = None,
        archive: FakeArchive | None = None,
        history_seconds: float = 5 * STEP,
    ) -> None:
        self.forecaster = FakeForecaster()
        self.metrics = PredictorMetrics()
        self.service = ForecastService(
            forecaster=self.forecaster,
            settings=ServiceSettings(),
            metrics=self.metrics,
            archive=archive,
        )
        self.demand = WorkloadDemand(
            workload=CHAT,
            step_seconds=STEP,
            history_seconds=history_seconds,
            sources=sources,
            calendars=(calendar,) if calendar else (),
        )

    async def tick(self, *moments: float) -> Outlook:
        """Tick at moments in seconds after START; return the last outlook."""
        if not self.service.workloads():
            await self.service.set_workloads([self.demand], now=START + moments[0])
        for moment in moments:
            await self.service.tick(START + moment)
        outlook = self.service.latest(CHAT)
        assert outlook is not None
        return outlook

    def shown(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"workload": CHAT, **labels})


async def test_history_is_read_in_and_each_finished_step_handed_on_once_in_order() -> None:
    parts = Parts(FakeSource(demand_at=lambda at: at - START + 10_000))
    await parts.tick(0, 4, 12, 25, 25)
    assert_array_equal(parts.forecaster.values(), [9950, 9960, 9970, 9980, 9990, 10_000, 10_010])


async def test_an_outlook_has_the_newest_reading_and_a_forecast_from_its_end() -> None:
    outlook = await Parts(FakeSource(demand_at=lambda at: 7.0)).tick(3)
    assert outlook.reading is not None
    assert outlook.forecast is not None
    assert (outlook.reading.measured_at, outlook.reading.per_second) == (START, 7.0)
    assert outlook.forecast.issued_at == START
    assert outlook.degraded == ()


async def test_a_step_that_may_still_grow_is_not_handed_on() -> None:
    source = FakeSource(complete_until=START)
    parts = Parts(source)
    await parts.tick(10)
    assert len(parts.forecaster.values()) == 4
    source.complete_until = START + 20
    await parts.tick(20)
    assert len(parts.forecaster.values()) == 6


async def test_what_failed_is_said_and_how_long_ago_it_answered() -> None:
    source = FakeSource()
    parts = Parts(source)
    await parts.tick(0)
    source.problem = "connection refused"
    outlook = await parts.tick(12)
    assert outlook.degraded == ("prometheus: connection refused; last answer 12 s ago",)
    assert outlook.reading is not None
    assert parts.shown("headstart_source_up", source="prometheus") == 0
    assert parts.shown("headstart_source_errors_total", source="prometheus") == 1


async def test_a_forecast_lives_until_its_horizon_ends() -> None:
    source = FakeSource()
    parts = Parts(source)
    await parts.tick(0)
    source.problem = "connection refused"
    horizon = parts.forecaster.horizon * STEP
    assert (await parts.tick(horizon - 1)).forecast is not None
    outlook = await parts.tick(horizon + 5)
    assert outlook.forecast is None
    assert "forecast: the last one ran out 5 s ago" in outlook.degraded


async def test_what_was_missed_while_a_source_was_down_is_read_in_afterwards() -> None:
    source = FakeSource(demand_at=lambda at: at - START + 10_000)
    parts = Parts(source)
    await parts.tick(0)
    source.problem = "connection refused"
    await parts.tick(10, 20)
    source.problem = None
    outlook = await parts.tick(30)
    assert_array_equal(parts.forecaster.values()[-3:], [10_000, 10_010, 10_020])
    assert outlook.degraded == ()


async def test_another_source_carries_on_while_one_is_down() -> None:
    down, up = FakeSource("prometheus"), FakeSource("kafka", demand_at=lambda at: 6.0)
    down.problem = "HTTP 503: overloaded"
    parts = Parts(down, up)
    outlook = await parts.tick(0)
    assert_array_equal(parts.forecaster.values(), [6.0] * 5)
    assert outlook.degraded == ("prometheus: HTTP 503: overloaded; no answer yet",)


async def test_a_source_with_a_bug_costs_nobody_else_anything() -> None:
    class Broken(FakeSource):
        async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
            raise KeyError("oops")

    outlook = await Parts(Broken("prometheus"), FakeSource("kafka")).tick(0)
    assert outlook.reading is not None
    assert outlook.degraded[0].startswith("prometheus: reading it failed (KeyError)")


async def test_a_forecaster_with_a_bug_leaves_the_last_outlook_and_the_others_alone() -> None:
    parts = Parts(FakeSource())
    first = await parts.tick(0)
    parts.forecaster.fault = RuntimeError("singular")
    assert await parts.tick(10) is first
    parts.forecaster.fault = None
    await parts.tick(20)
    assert len(parts.forecaster.values()) == 7
    assert parts.shown("headstart_predictor_tick_errors_total") == 1


async def test_a_slow_workload_does_not_hold_the_tick_of_the_others() -> None:
    class Stuck(FakeSource):
        async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
            await asyncio.Event().wait()
            raise AssertionError

    parts = Parts(FakeSource())
    service = ForecastService(
        forecaster=parts.forecaster,
        settings=ServiceSettings(tick_seconds=0.05),
        metrics=parts.metrics,
    )
    stuck = WorkloadDemand(
        workload=WorkloadName("stuck"), step_seconds=STEP, history_seconds=50, sources=(Stuck(),)
    )
    await service.set_workloads([stuck, parts.demand], now=START)
    for moment in (0, 10, 20):
        await service.tick(START + moment)
    assert len(parts.forecaster.values()) == 7
    assert service.latest(WorkloadName("stuck")) is None
    await service.close()


async def test_long_history_is_read_in_parts() -> None:
    parts = Parts(FakeSource(), history_seconds=(SPAN_STEPS + 100) * STEP)
    outlook = await parts.tick(0)
    assert len(parts.forecaster.values()) == SPAN_STEPS
    assert "forecast: none yet, history is being read" in outlook.degraded
    assert (await parts.tick(1)).forecast is not None
    assert len(parts.forecaster.values()) == SPAN_STEPS + 100


async def test_what_precedes_the_first_known_step_is_not_handed_on() -> None:
    parts = Parts(FakeSource(demand_at=lambda at: NAN if at < START - 20 else 5.0))
    await parts.tick(0)
    assert_array_equal(parts.forecaster.values(), [5, 5])


async def test_the_archive_knows_what_the_sources_no_longer_have() -> None:
    archive = FakeArchive(demand_per_second=3.0, until=START - 180)
    source = FakeSource(demand_at=lambda at: 5.0 if at >= START - 180 else NAN)
    parts = Parts(source, archive=archive, history_seconds=200)
    await parts.tick(0)
    assert_array_equal(parts.forecaster.values(), [3, 3] + [5] * 18)
    assert_array_equal(archive.recorded[0].values, parts.forecaster.values())


async def test_the_archive_alone_bridges_a_restart_once_the_sources_had_their_chance() -> None:
    source = FakeSource()
    source.problem = "connection refused"
    archive = FakeArchive(demand_per_second=3.0, until=START - 100)
    parts = Parts(source, archive=archive, history_seconds=200)
    await parts.tick(0, 30)
    assert parts.forecaster.values() == []
    outlook = await parts.tick(61)
    assert_array_equal(parts.forecaster.values(), [3] * 10)
    assert outlook.reading is not None
    assert outlook.reading.measured_at == START - 100


async def test_known_events_are_in_the_published_forecast() -> None:
    launch = CalendarWindow(name="launch", start=START + 20, end=START + 9999, multiplier=2)
    outlook = await Parts(FakeSource(), calendar=FakeCalendar(launch)).tick(0)
    assert outlook.forecast is not None
    assert_allclose(outlook.forecast.values[:4, 0], [5, 5, 10, 10])


async def test_an_unknown_calendar_is_said_and_the_forecast_goes_without() -> None:
    calendar = FakeCalendar(problem="HTTP 404")
    outlook = await Parts(FakeSource(), calendar=calendar).tick(0)
    assert outlook.forecast is not None
    assert outlook.degraded == ("calendar launches: HTTP 404",)


async def test_a_calendar_used_as_it_was_long_ago_is_said() -> None:
    launch = CalendarWindow(name="launch", start=START, end=START + 9999, multiplier=2)
    calendar = FakeCalendar(launch, remark="HTTP 500; used as it was last read")
    outlook = await Parts(FakeSource(), calendar=calendar).tick(0)
    assert outlook.forecast is not None
    assert_allclose(outlook.forecast.values[:2, 0], [10, 10])
    assert outlook.degraded == ("calendar launches: HTTP 500; used as it was last read",)


async def test_a_forecast_that_lost_to_a_moving_average_is_said_until_it_no_longer_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    launch = CalendarWindow(name="launch", start=START, end=START + 9999, multiplier=2)
    parts = Parts(FakeSource(), calendar=FakeCalendar(launch))
    sentence = "forecast: lost to a moving average of late, which is used instead"
    parts.forecaster.basis = MOVING_AVERAGE
    with caplog.at_level(logging.INFO, logger="predictor"):
        assert (await parts.tick(0)).degraded == (sentence,)
        parts.forecaster.basis = "blend"
        assert (await parts.tick(10)).degraded == ()
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"chat: {sentence}", f"chat: over: {sentence}"]


@pytest.mark.parametrize("step_seconds", [10.0, 15.0, 60.0, 300.0])
def test_each_tick_reads_what_tells_an_outage_from_idleness(step_seconds: float) -> None:
    assert context_steps(step_seconds) == BUSY_STEPS + outage_steps(step_seconds)


def test_fine_steps_are_not_read_again_by_the_thousand() -> None:
    assert context_steps(1.0) == context_steps(10.0) == 420


async def test_zeros_out_of_a_busy_source_are_doubted_for_an_hour_and_then_believed() -> None:
    parts = Parts(FakeSource(demand_at=lambda at: 5.0 if at < START else 0.0), history_seconds=900)
    doubted = await parts.tick(0, *range(10, 3601, 10))
    assert doubted.reading is not None
    assert (doubted.reading.measured_at, doubted.reading.per_second) == (START, 5.0)
    believed = await parts.tick(3610)
    assert believed.reading is not None
    assert (believed.reading.measured_at, believed.reading.per_second) == (START + 3610, 0.0)
    assert_array_equal(parts.forecaster.values()[90:], [NAN] * 360 + [0.0])


async def test_archived_demand_is_kept_and_asked_for_by_what_measures_it() -> None:
    archive = FakeArchive()
    parts = Parts(FakeSource(), archive=archive, history_seconds=200)
    parts.demand = replace(parts.demand, measured_by="0f1e")
    await parts.tick(0)
    assert archive.sources == {"combined 0f1e"}


async def test_a_sources_own_warnings_are_passed_on() -> None:
    source = FakeSource()
    source.warnings = ("partial response",)
    assert (await Parts(source).tick(0)).degraded == ("prometheus: partial response",)


async def test_demand_that_stops_coming_though_its_source_answers_is_said() -> None:
    source = FakeSource(complete_until=START)
    outlook = await Parts(source).tick(0, 80)
    assert outlook.degraded == ("demand: the newest that is known is 80 s old",)


async def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource()
    parts = Parts(source)
    source.problem = "connection refused"
    with caplog.at_level(logging.INFO, logger="predictor"):
        await parts.tick(0, 10, 20)
        source.problem = None
        await parts.tick(30, 40)
    assert [record.getMessage() for record in caplog.records] == [
        "chat: forecast: none yet",
        "chat: prometheus: connection refused",
        "chat: over: forecast: none yet",
        "chat: over: prometheus: connection refused",
    ]


async def test_what_a_source_remarked_is_not_called_over_while_it_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, other = FakeSource(), FakeSource("kafka", demand_at=lambda _: 50.0)
    first.warnings = ("half of it is missing",)
    parts = Parts(first, other)
    await parts.tick(0)
    with caplog.at_level(logging.INFO, logger="predictor"):
        first.problem = "connection refused"
        await parts.tick(10, 20)
        first.problem = None
        await parts.tick(30)
        first.warnings = ()
        await parts.tick(40)
    assert [record.getMessage() for record in caplog.records] == [
        "chat: kafka: disagrees with prometheus by a large factor",
        "chat: prometheus: half of it is missing",
        "chat: prometheus: connection refused",
        "chat: over: prometheus: connection refused",
        "chat: over: prometheus: half of it is missing",
    ]


async def test_a_workload_that_is_gone_is_forgotten_and_its_sources_closed() -> None:
    source = FakeSource()
    parts = Parts(source)
    await parts.tick(0)
    await parts.service.set_workloads([], now=START + 1)
    assert source.is_closed
    assert CHAT not in parts.forecaster.extended
    assert parts.service.latest(CHAT) is None
    assert parts.shown("headstart_demand_per_second", source="combined") is None


async def test_a_workload_that_did_not_change_goes_on_where_it_was() -> None:
    parts = Parts(FakeSource())
    await parts.tick(0)
    await parts.service.set_workloads([parts.demand], now=START + 10)
    await parts.tick(10)
    assert len(parts.forecaster.values()) == 6


async def test_listeners_get_the_newest_outlook_and_then_each_new_one() -> None:
    parts = Parts(FakeSource())
    await parts.tick(0)
    heard = parts.service.subscribe(CHAT)
    assert (await anext(heard)).outlook.published_at == START
    await parts.tick(10, 20)
    numbers = [(await anext(heard)).number for _ in range(2)]
    assert numbers == [2, 3]


async def test_a_listener_that_is_too_slow_is_dropped() -> None:
    parts = Parts(FakeSource())
    await parts.tick(0)
    heard = parts.service.subscribe()
    await anext(heard)
    await parts.tick(*range(1, BACKLOG + 3))
    assert len([one async for one in heard]) == BACKLOG


async def test_the_loop_ticks_by_the_clock_and_closes_at_the_end() -> None:
    source = FakeSource()
    parts = Parts(source)
    moments = iter([0.0, 0.5, 2.0, 5.0])
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise asyncio.CancelledError

    await parts.service.set_workloads([parts.demand], now=START)
    with pytest.raises(asyncio.CancelledError):
        await parts.service.run_forever(lambda: START + next(moments), sleep)
    assert slept == [1.5, 0.0]
    assert source.is_closed


@pytest.mark.parametrize(
    ("sources", "step_seconds", "problem"),
    [
        ((), STEP, "demand has no source"),
        ((FakeSource("a"), FakeSource("a")), STEP, "two sources have one name"),
        ((FakeSource("a"),), 0, "stepSeconds 0 is not above 0"),
    ],
)
def test_demand_that_can_not_be_measured_is_refused(
    sources: tuple[FakeSource, ...], step_seconds: float, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        WorkloadDemand(workload=CHAT, step_seconds=step_seconds, history_seconds=1, sources=sources)


def test_metrics_show_a_few_horizons_of_each_quantile() -> None:
    metrics = PredictorMetrics()
    forecaster = FakeForecaster(horizon=40)
    forecaster.extend(CHAT, a_series(5))
    metrics.show(
        Outlook(
            workload=CHAT,
            published_at=START + 30,
            reading=None,
            forecast=forecaster.forecast([CHAT])[CHAT],
        )
    )
    shown = {
        sample.labels["horizon_seconds"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "headstart_forecast_demand_per_second"
    }
    assert shown == {"60", "300"}
    age = metrics.registry.get_sample_value("headstart_forecast_age_seconds", {"workload": CHAT})
    assert age == 20


async def test_when_the_clock_was_set_back_demand_is_read_anew_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = FakeSource(demand_at=lambda at: 5.0 if at >= START + 3500.0 else 50.0)
    parts = Parts(source)
    ahead = await parts.tick(3600.0, 3610.0)
    assert ahead.reading is not None
    assert ahead.reading.per_second == 5.0
    outlook = await parts.tick(0.0)
    assert outlook.reading is not None
    assert outlook.forecast is not None
    assert (outlook.reading.measured_at, outlook.reading.per_second) == (START, 50.0)
    assert outlook.forecast.issued_at == START
    assert outlook.degraded == ()
    assert parts.forecaster.values() == [50.0] * 5
    assert [record.message for record in caplog.records] == [
        "chat: the clock was set back: history is read anew"
    ]


async def test_a_clock_that_is_set_back_by_a_little_changes_nothing() -> None:
    parts = Parts(FakeSource())
    await parts.tick(30.0, 5.0)
    assert len(parts.forecaster.values()) == 5
