"""Records of the forecast topic that can't be used: whom they are held against, for how long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.adapters.forecast_topic import FENCE_SECONDS, ForecastTopic
from models.forecast import WorkloadName
from models.forecast_record import Fence, ForecastRecord, encode_record
from tests.builders import CHAT
from tests.unit.controller.forecast_broker import (
    CODE,
    FENCE,
    FIRST,
    SECOND,
    Broker,
    a_topic,
    said,
)

NEWER = replace(FENCE, generation=FENCE.generation + 1)


def say_bad(broker: Broker, *, fence: Fence = FENCE, workload: WorkloadName = CHAT) -> None:
    record = ForecastRecord(workload=workload, fence=fence, outlook=None)
    key, _, headers = encode_record(record)
    broker.write(key, b"{", headers)


def is_degraded(topic: ForecastTopic, workload: WorkloadName = CHAT) -> bool:
    outlook = topic.latest(workload)
    return outlook is not None and bool(outlook.degraded)


@pytest.mark.parametrize(("fence", "refused"), [(FENCE, False), (NEWER, True)])
def test_what_a_publisher_says_that_lost_its_turn_is_passed_over_good_or_bad(
    fence: Fence, refused: bool
) -> None:
    broker = Broker()
    broker.say(105.0, fence=NEWER)
    say_bad(broker, fence=fence)
    topic = a_topic(broker)
    topic.turn(broker)
    assert (said(topic), is_degraded(topic), topic.poison) == (105.0, refused, 1)


def test_a_bad_record_counts_once_the_newer_right_was_not_used_for_long() -> None:
    broker = Broker()
    broker.say(105.0, fence=NEWER)
    topic = a_topic(broker)
    topic.turn(broker)
    broker.now += FENCE_SECONDS
    say_bad(broker)
    topic.turn(broker)
    assert is_degraded(topic)


def test_a_bad_record_that_does_not_say_in_whose_right_it_is_counts() -> None:
    broker = Broker()
    broker.say(105.0)
    broker.write(b"chat", b"{", [])
    topic = a_topic(broker)
    topic.turn(broker)
    assert is_degraded(topic)


def test_a_topic_that_was_made_anew_holds_nothing_against_a_workload_never_known() -> None:
    broker = Broker()
    say_bad(broker, workload=CODE)
    topic = a_topic(broker)
    topic.turn(broker)
    assert is_degraded(topic, CODE)
    broker.logs[FIRST].clear()
    topic.attach(broker, [FIRST, SECOND])
    assert topic.latest(CODE) is None


def test_a_partition_made_anew_takes_back_what_was_refused_there_alone() -> None:
    broker = Broker()
    broker.say(105.0, partition=SECOND)
    topic = a_topic(broker)
    topic.turn(broker)
    say_bad(broker)
    topic.turn(broker)
    assert (said(topic), is_degraded(topic)) == (105.0, True)
    broker.logs[FIRST].clear()
    topic.attach(broker, [FIRST, SECOND])
    assert (said(topic), is_degraded(topic)) == (105.0, False)


def test_a_record_whose_key_fails_in_a_way_unthought_of_is_passed_over() -> None:
    broker = Broker()
    # No client gives such keys; it stands for whatever nobody thought of.
    broker.write("chat", b"{", [])  # type: ignore[arg-type]
    broker.say(105.0)
    topic = a_topic(broker)
    topic.turn(broker)
    assert (said(topic), topic.poison, topic.records) == (105.0, 1, 1)
