"""One predictor of several: it forecasts what is its own, publishes that, and lets go at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from models.forecast import WorkloadName
from models.forecast_record import Fence, ForecastRecord
from models.outlook import Outlook
from predictor.metrics import PredictorMetrics
from predictor.ports import PublishCounts
from predictor.service import ForecastService
from predictor.settings import ServiceSettings
from predictor.sharded_service import ShardedService
from predictor.sharding import Holding, Takeover, partition_of
from predictor.workload import WorkloadDemand
from tests.unit.predictor.builders import NAN, START, STEP, FakeForecaster, FakeSource, a_forecast

PARTITIONS = 4
NAMES = tuple(WorkloadName(f"w{number}") for number in range(12))
FENCE = Fence(group="predictors", era=1, generation=4)
EVERYTHING = frozenset(range(PARTITIONS))


class FakeMember:
    def __init__(self) -> None:
        self.held = Holding()

    def holding(self) -> Holding:
        return self.held

    def may_publish(self, partition: int, fence: Fence) -> bool:
        return True

    def take(self, *partitions: int, takeover: Takeover | None = None) -> None:
        taken = {one: takeover or Takeover(fence=FENCE) for one in partitions}
        self.held = Holding(
            partitions=PARTITIONS,
            assigned=frozenset(partitions),
            taken=MappingProxyType(taken),
            problem=None,
        )


class FakeLog:
    def __init__(self) -> None:
        self.records: list[tuple[int, ForecastRecord]] = []
        self.takes = 10_000

    def publish(self, records: Sequence[tuple[int, ForecastRecord]]) -> int:
        taken = list(records[: self.takes])
        self.records += taken
        return len(taken)

    def counts(self) -> PublishCounts:
        return PublishCounts(published=len(self.records))

    def workloads(self) -> list[WorkloadName]:
        return [record.workload for _, record in self.records]


class Parts:
    def __init__(self) -> None:
        self.member, self.log = FakeMember(), FakeLog()
        self.sources: dict[WorkloadName, FakeSource] = {}
        self.sources_by_name: dict[WorkloadName, FakeSource] = {}
        self.forecaster = FakeForecaster()
        self.service = ForecastService(
            forecaster=self.forecaster, settings=ServiceSettings(), metrics=PredictorMetrics()
        )
        self.sharded = ShardedService(
            self.service,
            self.member,
            self.log,
            workloads=NAMES,
            demand_of=self.demand_of,
            least_seconds=2.0,
        )

    def demand_of(self, workload: WorkloadName) -> WorkloadDemand:
        self.sources[workload] = self.sources_by_name.get(workload) or FakeSource()
        return WorkloadDemand(
            workload=workload,
            step_seconds=STEP,
            history_seconds=5 * STEP,
            sources=(self.sources[workload],),
        )

    async def turn(self, now: float = START) -> None:
        """Follow the group, forecast, publish."""
        await self.sharded.turn(now)
        await self.service.tick(now)
        await self.sharded.turn(now)


def of(*partitions: int) -> set[WorkloadName]:
    return {name for name in NAMES if partition_of(name, PARTITIONS) in partitions}


async def test_nothing_is_forecast_before_a_partition_was_taken() -> None:
    parts = Parts()
    parts.member.held = Holding(partitions=PARTITIONS, assigned=EVERYTHING)
    await parts.turn()
    assert parts.service.workloads() == ()
    assert parts.log.records == []
    assert parts.sharded.report().why_unready() == "the group: not in the group yet"


async def test_the_workloads_of_its_partitions_are_forecast_and_published() -> None:
    parts = Parts()
    parts.member.take(0, 2)
    await parts.turn()
    assert set(parts.service.workloads()) == of(0, 2)
    assert sorted(parts.log.workloads()) == sorted(of(0, 2))
    for partition, record in parts.log.records:
        assert partition == partition_of(record.workload, PARTITIONS)
        assert record.fence == FENCE
    assert parts.sharded.report().workloads == tuple(sorted(of(0, 2)))


async def test_a_partition_counts_as_published_once_its_workloads_are_known() -> None:
    parts = Parts()
    parts.member.take(0, 2)
    assert parts.sharded.report().why_unready() == "the group: 2 partitions are being taken over"
    await parts.turn()
    assert parts.sharded.report().why_unready() is None


async def test_what_was_lost_is_forecast_no_more_and_the_rest_goes_on() -> None:
    parts = Parts()
    parts.member.take(0, 2)
    await parts.turn()
    parts.member.take(0)
    kept = {name: parts.sources[name] for name in of(0)}
    await parts.turn(START + STEP)
    assert set(parts.service.workloads()) == of(0)
    assert all(parts.sources[name].is_closed for name in of(2))
    assert {name: parts.sources[name] for name in of(0)} == kept
    assert set(parts.log.workloads()[len(of(0, 2)) :]) == of(0)


async def test_a_partition_that_is_read_once_more_is_forecast_meanwhile_but_not_published() -> None:
    parts = Parts()
    parts.member.take(0)
    await parts.turn()
    published = len(parts.log.records)
    parts.member.held = replace(parts.member.held, taken=MappingProxyType({}))
    await parts.turn(START + STEP)
    assert set(parts.service.workloads()) == of(0)
    assert len(parts.log.records) == published


async def test_without_word_from_the_group_nothing_is_published_but_forecasts_go_on() -> None:
    parts = Parts()
    parts.member.take(0)
    parts.member.held = replace(parts.member.held, problem="no word from the group")
    await parts.turn()
    assert parts.log.records == []
    assert parts.service.latest(next(iter(of(0)))) is not None
    assert parts.sharded.report().publishing == ()


async def test_the_last_words_of_the_one_before_hold_until_there_is_a_forecast_of_ours() -> None:
    parts = Parts()
    name = min(of(1))
    before = a_forecast(*[7.0] * 90, issued_at=START - STEP, workload=name)
    outlook = Outlook(workload=name, published_at=START - 5, reading=None, forecast=before)
    takeover = Takeover(
        fence=FENCE, workloads=frozenset({name}), outlooks=MappingProxyType({name: outlook})
    )
    parts.member.take(1, takeover=takeover)
    nothing = FakeSource(demand_at=lambda at: NAN)
    parts.sources_by_name[name] = nothing
    await parts.turn()
    said = {record.workload: record.outlook for _, record in parts.log.records}
    mine = said[name]
    assert mine is not None
    assert mine.forecast is before
    assert mine.published_at == START
    nothing.demand_at = lambda at: 5.0
    await parts.turn(START + STEP)
    newest = {record.workload: record.outlook for _, record in parts.log.records}[name]
    assert newest is not None
    assert newest.forecast is not None
    assert newest.forecast.issued_at == START + STEP


async def test_what_the_broker_did_not_take_is_published_at_the_next_turn() -> None:
    parts = Parts()
    parts.member.take(*EVERYTHING)
    parts.log.takes = 5
    await parts.turn()
    parts.log.takes = 10_000
    await parts.sharded.turn(START + 0.25)
    assert sorted(parts.log.workloads()) == sorted(NAMES)


async def test_a_workload_that_is_none_any_more_is_removed_from_the_topic_once() -> None:
    parts = Parts()
    gone = WorkloadName("gone")
    partition = partition_of(gone, PARTITIONS)
    takeover = Takeover(fence=FENCE, workloads=frozenset({gone, *of(partition)}))
    parts.member.take(partition, takeover=takeover)
    await parts.turn()
    await parts.turn(START + STEP)
    removed = [(at, record) for at, record in parts.log.records if record.outlook is None]
    assert removed == [(partition, ForecastRecord(workload=gone, fence=FENCE, outlook=None))]


async def test_a_workload_is_removed_from_where_it_no_longer_belongs() -> None:
    parts = Parts()
    name = min(of(1))
    takeover = Takeover(fence=FENCE, workloads=frozenset({name}))
    parts.member.take(0, takeover=takeover)
    await parts.turn()
    assert (0, ForecastRecord(workload=name, fence=FENCE, outlook=None)) in parts.log.records
