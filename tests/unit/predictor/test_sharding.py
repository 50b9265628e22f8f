"""Which workloads are whose, and what comes with a partition that is taken over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from models.codec import encode_outlook
from models.forecast import WorkloadName
from models.forecast_record import FENCE_HEADER, Fence, ForecastRecord, encode_record
from models.outlook import Outlook
from predictor.sharding import Holding, PartitionLog, ShardReport, Takeover, partition_of

FENCE = Fence(group="predictors", era=1, generation=4)


def an_outlook(workload: str = "chat", at: float = 100.0) -> Outlook:
    return Outlook(workload=WorkloadName(workload), published_at=at, reading=None, forecast=None)


def a_record(
    workload: str = "chat", *, at: float | None = 100.0, fence: Fence = FENCE
) -> tuple[bytes, bytes | None, list[tuple[str, bytes]]]:
    outlook = None if at is None else an_outlook(workload, at)
    name = WorkloadName(workload)
    return encode_record(ForecastRecord(workload=name, fence=fence, outlook=outlook))


def taken_over(
    *records: tuple[bytes | None, bytes | None, list[tuple[str, bytes]]], generation: int = 5
) -> Takeover:
    log = PartitionLog(group="predictors", generation=generation)
    for record in records:
        log.take(*record)
    return log.takeover()


@given(st.text(min_size=1).filter(lambda text: text.isprintable()), st.integers(1, 1000))
def test_a_workload_is_where_kafka_s_own_clients_put_its_key(name: str, partitions: int) -> None:
    theirs = (murmur2(name.encode()) & 0x7FFFFFFF) % partitions
    assert partition_of(WorkloadName(name), partitions) == theirs


def test_there_is_no_partition_of_none() -> None:
    with pytest.raises(ValueError, match="partitions: 0 is not at least 1"):
        partition_of(WorkloadName("chat"), 0)
    assert Holding().partition_of(WorkloadName("chat")) is None


def test_an_empty_partition_comes_with_a_first_right() -> None:
    assert taken_over() == Takeover(fence=replace(FENCE, generation=5))


def test_the_newest_outlooks_come_with_a_partition() -> None:
    takeover = taken_over(a_record(at=100.0), a_record("code"), a_record(at=105.0))
    assert takeover.workloads == {"chat", "code"}
    newest = takeover.outlooks[WorkloadName("chat")]
    assert encode_outlook(newest) == encode_outlook(an_outlook(at=105.0))


def test_a_workload_that_was_removed_does_not_come_back() -> None:
    assert taken_over(a_record(), a_record(at=None)).workloads == frozenset()


def test_a_late_record_changes_nothing() -> None:
    later = replace(FENCE, generation=9)
    takeover = taken_over(a_record(at=105.0, fence=later), a_record(at=110.0), generation=10)
    assert takeover.outlooks[WorkloadName("chat")].published_at == 105.0
    assert takeover.fence == replace(FENCE, generation=10)


def test_a_right_outranks_those_from_before_the_group_was_forgotten() -> None:
    takeover = taken_over(a_record(fence=replace(FENCE, generation=70)), generation=1)
    assert takeover.fence == replace(FENCE, era=2, generation=1)


def test_records_of_other_groups_and_poison_are_left_alone() -> None:
    _, value, headers = a_record()
    takeover = taken_over(
        a_record("theirs", fence=replace(FENCE, group="others", generation=99)),
        (b"chat", value, []),
        (None, value, headers),
        (b"\xff", value, headers),
        (b"code", b"{", [(FENCE_HEADER, headers[0][1])]),
    )
    assert takeover.fence == replace(FENCE, generation=5)
    # What can't be read is known by its key: it will be removed, or published anew.
    assert list(takeover.workloads) == ["code"]
    assert not takeover.outlooks


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"problem": "no word from the group"}, "the group: no word from the group"),
        ({"publishing": (0,)}, "the group: 1 partitions are being taken over"),
    ],
)
def test_a_predictor_says_why_it_is_not_ready(changes: dict[str, object], why: str | None) -> None:
    report = ShardReport(
        partitions=32, assigned=(0, 3), publishing=(0, 3), workloads=(), problem=None
    )
    changed = replace(report, **changes)  # type: ignore[arg-type]
    assert changed.why_unready() == why
    assert changed.summary() == "2 of 32 partitions, 0 workloads"
