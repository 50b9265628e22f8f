"""A topic of forecasts as its consumer sees it, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kafka import TopicPartition

from controller.adapters.forecast_topic import ForecastTopic
from models.forecast import WorkloadName
from models.forecast_record import Fence, ForecastRecord, encode_record
from models.outlook import Outlook
from tests.builders import CHAT

FIRST, SECOND = TopicPartition("forecasts", 0), TopicPartition("forecasts", 1)
CODE = WorkloadName("code")
FENCE = Fence(group="predictors", era=1, generation=4)


@dataclass(frozen=True, kw_only=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Broker:
    """A topic's log, and the consumer of it; ``batch`` records a poll."""

    logs: dict[TopicPartition, list[Record]] = field(
        default_factory=lambda: {FIRST: [], SECOND: []}
    )
    begins: dict[TopicPartition, int] = field(default_factory=dict)
    batch: int = 100
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    now: float = 1000.0

    def say(
        self,
        at: float | None,
        *,
        fence: Fence = FENCE,
        partition: TopicPartition = FIRST,
        workload: WorkloadName = CHAT,
    ) -> None:
        outlook = None
        if at is not None:
            outlook = Outlook(workload=workload, published_at=at, reading=None, forecast=None)
        record = ForecastRecord(workload=workload, fence=fence, outlook=outlook)
        self.write(*encode_record(record), partition=partition)

    def write(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]],
        *,
        partition: TopicPartition = FIRST,
    ) -> None:
        log = self.logs[partition]
        offset = log[-1].offset + 1 if log else 0
        log.append(
            Record(
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                key=key,
                value=value,
                headers=headers,
            )
        )

    def beginning_offsets(
        self, partitions: Sequence[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {one: self.begins.get(one, 0) for one in partitions}

    def end_offsets(
        self, partitions: Sequence[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {one: self.logs[one][-1].offset + 1 if self.logs[one] else 0 for one in partitions}

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.positions = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.positions[partition] = offset

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self.positions[partition]

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        found = {}
        for partition, position in self.positions.items():
            left = [one for one in self.logs[partition] if one.offset >= position][: self.batch]
            if left:
                found[partition] = left
                self.positions[partition] = left[-1].offset + 1
        return found


def a_topic(broker: Broker) -> ForecastTopic:
    topic = ForecastTopic(monotonic=lambda: broker.now)
    topic.attach(broker, [FIRST, SECOND])
    return topic


def said(topic: ForecastTopic, workload: WorkloadName = CHAT) -> float | None:
    outlook = topic.latest(workload)
    return None if outlook is None else outlook.published_at
