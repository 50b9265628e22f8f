"""Outlooks from the forecast topic: the newest word of who has the right to say it."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from controller.adapters.forecast_topic import FENCE_SECONDS
from models.forecast import WorkloadName
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


def test_the_log_is_read_from_its_beginning_and_shown_when_all_was_read() -> None:
    broker = Broker(batch=1)
    broker.say(100.0)
    broker.say(105.0)
    topic = a_topic(broker)
    topic.turn(broker)
    assert (topic.is_caught_up, said(topic)) == (False, None)
    topic.turn(broker)
    assert (topic.is_caught_up, said(topic)) == (True, 105.0)


def test_an_empty_topic_is_read_at_once() -> None:
    topic = a_topic(broker := Broker())
    assert topic.turn(broker)
    assert topic.is_caught_up


def test_a_workload_that_is_gone_has_no_outlook() -> None:
    broker = Broker()
    broker.say(100.0)
    broker.say(None)
    topic = a_topic(broker)
    topic.turn(broker)
    assert said(topic) is None


@pytest.mark.parametrize("late", [110.0, None])
def test_a_publisher_that_lost_its_turn_is_not_heard(late: float | None) -> None:
    broker = Broker()
    broker.say(105.0, fence=replace(FENCE, generation=5))
    broker.say(late)
    topic = a_topic(broker)
    topic.turn(broker)
    assert (said(topic), topic.late, topic.records) == (105.0, 1, 1)


def test_a_right_that_nobody_uses_keeps_others_from_being_heard_only_so_long() -> None:
    broker = Broker()
    broker.say(105.0, fence=replace(FENCE, generation=5))
    topic = a_topic(broker)
    topic.turn(broker)
    broker.now += FENCE_SECONDS
    broker.say(200.0)
    topic.turn(broker)
    assert said(topic) == 200.0


def test_a_workload_that_moved_is_not_removed_by_where_it_was() -> None:
    broker = Broker()
    broker.say(105.0, partition=SECOND)
    topic = a_topic(broker)
    topic.turn(broker)
    broker.say(None, fence=replace(FENCE, generation=9), partition=FIRST)
    topic.turn(broker)
    assert said(topic) == 105.0


def test_poison_is_counted_skipped_and_told_with_its_offset(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = Broker()
    broker.say(100.0)
    broker.write(b"chat", b"{", broker.logs[FIRST][0].headers)
    broker.write(b"chat", b"{}", [])
    broker.say(105.0)
    topic = a_topic(broker)
    with caplog.at_level(logging.WARNING):
        topic.turn(broker)
    assert (said(topic), topic.poison, topic.records) == (105.0, 2, 2)
    [line] = caplog.messages
    assert line.startswith("kafka: forecasts-0: record at offset 1 skipped: value: no JSON")


def test_a_record_that_is_refused_leaves_the_last_outlook_which_says_so_until_the_next() -> None:
    broker = Broker()
    broker.say(100.0)
    broker.say(100.0, workload=CODE)
    broker.write(b"chat", b'{"workload": "chat", "publishedAt": -5}', broker.logs[FIRST][0].headers)
    topic = a_topic(broker)
    topic.turn(broker)
    known, other = topic.latest(CHAT), topic.latest(CODE)
    assert known is not None
    assert other is not None
    [why] = known.degraded
    assert (known.published_at, other.degraded) == (100.0, ())
    assert why.startswith("predictor: what it says now is not used: outlook.")
    broker.say(105.0)
    topic.turn(broker)
    newest = topic.latest(CHAT)
    assert newest is not None
    assert (newest.published_at, newest.degraded) == (105.0, ())


def test_a_new_connection_goes_on_where_the_last_one_ended() -> None:
    broker = Broker()
    broker.say(100.0)
    topic = a_topic(broker)
    topic.turn(broker)
    broker.say(105.0)
    topic.attach(broker, [FIRST, SECOND])
    assert said(topic) == 100.0
    topic.turn(broker)
    assert (said(topic), topic.records) == (105.0, 2)


def test_a_topic_that_was_made_anew_is_read_from_its_beginning() -> None:
    broker = Broker()
    broker.say(100.0, fence=replace(FENCE, generation=70))
    broker.say(100.0, workload=WorkloadName("code"), partition=SECOND)
    topic = a_topic(broker)
    topic.turn(broker)
    broker.logs[FIRST].clear()
    topic.attach(broker, [FIRST, SECOND])
    broker.say(200.0, fence=replace(FENCE, generation=1))
    topic.turn(broker)
    assert (said(topic), said(topic, WorkloadName("code"))) == (200.0, 100.0)


def test_what_was_compacted_away_at_the_end_is_not_waited_for() -> None:
    broker = Broker()
    broker.say(100.0)
    broker.say(105.0)
    topic = a_topic(broker)
    broker.logs[FIRST].pop()
    broker.positions[FIRST] = 2
    topic.turn(broker)
    assert topic.is_caught_up


def test_a_record_on_which_reading_fails_does_not_keep_it_there() -> None:
    broker = Broker()
    broker.say(100.0)
    # No client makes such headers; it stands for whatever nobody thought of.
    broker.write(b"chat", b"{}", None)  # type: ignore[arg-type]
    broker.say(105.0)
    topic = a_topic(broker)
    topic.turn(broker)
    assert (said(topic), topic.poison, topic.records) == (105.0, 1, 2)
    topic.attach(broker, [FIRST, SECOND])
    topic.turn(broker)
    assert (topic.poison, topic.records) == (1, 2)
