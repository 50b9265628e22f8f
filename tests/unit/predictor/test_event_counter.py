from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from models.outlook import DemandReading
from predictor.event_counter import EventCounter, TopicRecord
from predictor.event_totals import EventTotals
from predictor.ports import KafkaCounts
from predictor.request_event import parse_time
from predictor.settings import KafkaEvents
from tests.unit.predictor.builders import NAN

NOW = 1_700_000_000.0


def a_counter(*, is_loaded: bool = False, **events: Any) -> EventCounter:
    """Count by steps of 10 s, with ten minutes of history before NOW."""
    counter = EventCounter(
        KafkaEvents(topic="requests", **events),
        step_seconds=10,
        history_seconds=600,
        now=NOW,
    )
    if is_loaded:
        counter.known_since(NOW - 600)
        counter.complete_until = NOW
    return counter


def a_record(
    offset: int = 0, *, at: float = NOW, value: object = None, partition: int = 0
) -> TopicRecord:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return TopicRecord(partition=partition, offset=offset, recorded_at=at, key=None, value=raw)


def demand(counter: EventCounter, first: float, last: float) -> list[float]:
    series = counter.series(start=NOW + first, end=NOW + last, complete_until=NOW)
    return [float(one) for one in series.values]


def test_events_are_counted_by_their_time_whatever_their_order() -> None:
    counter = a_counter(is_loaded=True)
    for offset, at in enumerate([NOW - 5, NOW - 15, NOW - 1]):
        counter.take(a_record(offset, at=at), now=NOW)
    assert_allclose(demand(counter, -30, 0), [0, 0.1, 0.2])


@pytest.mark.parametrize(
    "time",
    [
        NOW - 5,
        (NOW - 5) * 1e3,
        (NOW - 5) * 1e6,
        str(int(NOW - 5)),
        "2023-11-14T22:13:15Z",
        "2023-11-14T23:13:15+01:00",
        "2023-11-14T22:13:15.000",
    ],
)
def test_a_time_field_may_be_of_any_usual_form(time: object) -> None:
    assert parse_time(time, "time") == pytest.approx(NOW - 5)


def test_event_time_comes_from_the_field_and_not_from_the_record() -> None:
    counter = a_counter(is_loaded=True, timestamp_field="data.at")
    counter.take(a_record(at=NOW, value={"data": {"at": NOW - 25}}), now=NOW)
    assert_allclose(demand(counter, -30, 0), [0.1, 0, 0])


def test_events_weigh_what_their_field_says() -> None:
    counter = a_counter(is_loaded=True, weight_field="tokens")
    counter.take(a_record(at=NOW - 5, value={"tokens": 250}), now=NOW)
    assert_allclose(demand(counter, -10, 0), [25])


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"\xff{", "the payload is not JSON"),
        (b"[" * 100_000, "the payload is not JSON"),
        ({"tokens": 1}, "at: missing"),
        ([1], "at: missing"),
        ({"at": "yesterday", "tokens": 1}, "at: 'yesterday' is not a time"),
        ({"at": True, "tokens": 1}, "at: 'True' is not a time"),
        ({"at": -1, "tokens": 1}, "at: -1.0 is not a time"),
        ({"at": NOW, "tokens": "9"}, "tokens: '9' is not a number"),
        ({"at": NOW, "tokens": -9}, "tokens: -9 is not at least 0"),
        ({"at": NOW, "tokens": 10**400}, f"tokens: 1{'0' * 39} and so on is too large"),
        ({"at": NOW, "tokens": 1e300}, "tokens: 1e+300 is not believed, 1e+12 would be"),
        ({"at": NOW, "tokens": 10**13}, "tokens: 1e+13 is not believed, 1e+12 would be"),
        ({"at": 10**400, "tokens": 1}, f"at: 1{'0' * 39} and so on is too large"),
    ],
)
def test_a_poison_event_is_skipped_and_said(value: object, problem: str) -> None:
    counter = a_counter(is_loaded=True, timestamp_field="at", weight_field="tokens")
    assert counter.take(a_record(0, value=value), now=NOW) == problem
    assert counter.take(a_record(1, value={"at": NOW, "tokens": 1}), now=NOW) is None
    assert counter.counts() == KafkaCounts(events=1, poison=1)


def test_weights_that_add_up_to_what_nobody_believes_are_poison() -> None:
    counter = a_counter(is_loaded=True, weight_field="tokens")
    values = [{"tokens": 1e12}] * 10 + [{"tokens": 1.0}]
    faults = [
        counter.take(a_record(offset, at=NOW - 5, value=value), now=NOW)
        for offset, value in enumerate(values)
    ]
    assert faults == [None] * 10 + ["a weight of 1 is too much for its step"]
    assert counter.counts() == KafkaCounts(events=10, poison=1)
    assert counter.take(a_record(11, at=NOW + 5, value={"tokens": 1.0}), now=NOW) is None
    assert_allclose(demand(counter, -10, 0), [1e12])


def test_an_offset_is_counted_once() -> None:
    counter = a_counter(is_loaded=True)
    for offset in (0, 1, 0, 1, 2):
        counter.take(a_record(offset, at=NOW - 5), now=NOW)
    assert_allclose(demand(counter, -10, 0), [0.3])
    assert counter.counts() == KafkaCounts(events=3, duplicates=2)


def test_offsets_read_again_on_purpose_are_no_duplicates() -> None:
    counter = a_counter(is_loaded=True)
    for _ in range(2):
        counter.take(a_record(0, at=NOW - 5), now=NOW, repeated_below=1)
    assert counter.counts() == KafkaCounts(events=1)


def test_the_same_offset_of_another_partition_is_another_event() -> None:
    counter = a_counter(is_loaded=True)
    for partition in (0, 1):
        counter.take(a_record(0, partition=partition), now=NOW)
    assert counter.counts().events == 2


def test_events_too_far_ahead_are_not_counted() -> None:
    counter = a_counter(is_loaded=True)
    counter.take(a_record(0, at=NOW + 69), now=NOW)
    counter.take(a_record(1, at=NOW + 71), now=NOW)
    assert counter.counts() == KafkaCounts(events=1, future=1)


def test_hopelessly_old_events_are_late_and_not_counted() -> None:
    counter = a_counter(is_loaded=True)
    counter.take(a_record(at=NOW - 10_000), now=NOW)
    assert counter.counts() == KafkaCounts(late=1)


def test_an_event_of_a_step_handed_out_as_complete_is_late_but_counted() -> None:
    counter = a_counter(is_loaded=True)
    demand(counter, -30, 0)
    counter.take(a_record(0, at=NOW - 15), now=NOW)
    counter.take(a_record(1, at=NOW + 1), now=NOW)
    assert counter.counts() == KafkaCounts(events=2, late=1)
    assert_allclose(demand(counter, -30, 0), [0, 0.1, 0])


def test_before_the_first_record_demand_is_missing_not_zero() -> None:
    counter = a_counter()
    counter.take(a_record(at=NOW - 15), now=NOW)
    assert_array_equal(demand(counter, -40, 0), [NAN, NAN, 0.1, 0])


def test_a_gap_is_missing_not_zero() -> None:
    counter = a_counter(is_loaded=True)
    counter.mark_missing(NOW - 25, NOW - 15, now=NOW)
    assert_array_equal(demand(counter, -40, 0), [0, NAN, NAN, 0])


def a_counter_of_the_last_seconds() -> EventCounter:
    """Count an event in each of the nine seconds before NOW, twice its weight in the last two."""
    counter = a_counter(is_loaded=True, weight_field="weight")
    for offset, before in enumerate(range(9, 0, -1)):
        value = {"weight": 2 if before <= 2 else 1}
        counter.take(a_record(offset, at=NOW - before + 0.5, value=value), now=NOW)
    return counter


def test_the_newest_demand_is_that_of_five_seconds_wherever_in_a_step() -> None:
    recent = a_counter_of_the_last_seconds().recent(complete_until=NOW - 0.7)
    assert recent == DemandReading(measured_at=NOW - 1, window_seconds=5.0, per_second=6 / 5)


def test_at_a_steps_end_too_the_newest_demand_is_that_of_five_seconds() -> None:
    recent = a_counter_of_the_last_seconds().recent(complete_until=NOW + 0.4)
    assert recent == DemandReading(measured_at=NOW, window_seconds=5.0, per_second=7 / 5)


def test_steps_that_are_no_longer_are_the_newest_demand_themselves() -> None:
    counter = EventCounter(
        KafkaEvents(topic="requests"), step_seconds=5, history_seconds=600, now=NOW
    )
    counter.known_since(NOW - 600)
    assert counter.recent(complete_until=NOW - 1) is None


def test_the_newest_demand_is_missing_where_some_of_it_was_not_seen() -> None:
    counter = a_counter_of_the_last_seconds()
    counter.mark_missing(NOW - 4.5, NOW - 4, now=NOW)
    assert counter.recent(complete_until=NOW - 1) is None


def test_before_a_topic_was_known_there_is_no_newest_demand() -> None:
    counter = a_counter()
    counter.known_since(NOW - 4)
    assert counter.recent(complete_until=NOW - 1) is None
    counter.known_since(NOW - 6)
    newest = counter.recent(complete_until=NOW - 1)
    assert newest is not None
    assert newest.per_second == 0


def test_weight_known_by_its_span_alone_is_newest_demand_too() -> None:
    counter = a_counter(is_loaded=True)
    counter.spread(NOW - 5, NOW - 1, 8.0)
    newest = counter.recent(complete_until=NOW - 1)
    assert newest is not None
    assert newest.per_second == pytest.approx(8 / 5)


def test_the_newest_demand_goes_on_as_time_does() -> None:
    counter = a_counter(is_loaded=True)
    for second in range(200):
        counter.take(a_record(second, at=NOW + second + 0.5), now=NOW + second + 1)
    for before in (61, 7):
        newest = counter.recent(complete_until=NOW + 200 - before)
        assert newest is not None
        assert newest.per_second == 1.0


def test_steps_beyond_the_history_wanted_are_forgotten() -> None:
    counter = a_counter(is_loaded=True)
    counter.series(start=NOW, end=NOW, complete_until=NOW + 100)
    assert counter.history_start == NOW - 500


def test_weight_is_spread_over_the_time_in_which_it_came() -> None:
    counter = a_counter(is_loaded=True)
    counter.spread(NOW - 15, NOW - 5, 20.0)
    assert_allclose(demand(counter, -20, 0), [1, 1])


@given(
    st.lists(
        st.tuples(st.floats(0, 5_000), st.floats(0, 100)),
        max_size=30,
    ),
    st.sampled_from([1.0, 7.0, 10.0, 0.1]),
)
def test_nothing_is_lost_by_counting_in_steps(
    events: list[tuple[float, float]], step_seconds: float
) -> None:
    totals = EventTotals(start=NOW, step_seconds=step_seconds)
    for at, weight in events:
        totals.add(NOW + at + step_seconds, weight)
    series = totals.series(start=NOW, end=NOW + 5_100, known_from=0)
    assert series.values.sum() * step_seconds == pytest.approx(sum(one[1] for one in events))


@given(st.lists(st.floats(0.01, 300), min_size=2, max_size=12))
def test_spreading_keeps_the_total(gaps: list[float]) -> None:
    totals = EventTotals(start=NOW, step_seconds=10)
    moments = list(itertools.accumulate(gaps, initial=NOW))
    for start, end in itertools.pairwise(moments):
        totals.spread(start, end, 3.0)
    series = totals.series(start=NOW, end=moments[-1] + 20, known_from=0)
    assert series.values.sum() * 10 == pytest.approx(3.0 * len(gaps))
