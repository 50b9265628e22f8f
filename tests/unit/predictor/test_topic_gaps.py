from __future__ import annotations

import tracemalloc

import pytest
from numpy.testing import assert_array_equal

from predictor.event_counter import GAP_SAID_SECONDS
from predictor.event_totals import EventTotals
from predictor.topic_gaps import MAX_AHEAD_SECONDS, Gap, OpenGaps, gap_sentence, joined
from tests.unit.predictor.builders import NAN
from tests.unit.predictor.test_event_counter import a_counter, demand

NOW = 1_700_000_000.0
TEN_YEARS_SECONDS = 10 * 365 * 86_400.0


def open_gaps() -> OpenGaps[str]:
    gaps: OpenGaps[str] = OpenGaps()
    gaps.open("first", NOW - 50)
    return gaps


def test_a_gap_ends_with_the_first_record_after_it() -> None:
    gaps = open_gaps()
    assert gaps.ended_by("second", NOW - 20, now=NOW) is None
    assert gaps.ended_by("first", NOW - 20, now=NOW) == (NOW - 50, NOW - 20)
    assert gaps.ended_by("first", NOW - 10, now=NOW) is None


def test_a_record_whose_time_cannot_be_right_does_not_end_a_gap() -> None:
    gaps = open_gaps()
    assert gaps.ended_by("first", NOW + MAX_AHEAD_SECONDS + 1, now=NOW) is None
    assert gaps.ended_by("first", NOW + TEN_YEARS_SECONDS, now=NOW) is None
    assert gaps.ended_by("first", NOW - 51, now=NOW) is None
    assert gaps.ended_by("first", NOW + MAX_AHEAD_SECONDS, now=NOW) is not None


def test_what_is_still_open_ends_when_all_was_read() -> None:
    gaps = open_gaps()
    gaps.open("second", NOW - 30)
    gaps.open("second", NOW - 20)
    assert gaps.ended_at(NOW) == [(NOW - 50, NOW), (NOW - 30, NOW)]
    assert gaps.ended_at(NOW) == []


@pytest.mark.parametrize(
    ("newest", "other", "both"),
    [
        (None, (1.0, 2.0), (1.0, 2.0)),
        ((1.0, 3.0), (2.0, 4.0), (1.0, 4.0)),
        ((1.0, 2.0), (3.0, 4.0), (3.0, 4.0)),
        ((3.0, 4.0), (1.0, 2.0), (3.0, 4.0)),
    ],
)
def test_gaps_that_touch_are_one_else_the_later_counts(
    newest: Gap | None, other: Gap, both: Gap
) -> None:
    assert joined(newest, other) == both


def test_a_gap_is_named_while_it_is_news() -> None:
    counter = a_counter(is_loaded=True)
    assert counter.remarks(complete_until=NOW) == ()
    counter.mark_missing(NOW - 25, NOW - 15, now=NOW)
    assert counter.remarks(complete_until=NOW) == (gap_sentence((NOW - 25, NOW - 15)),)
    assert counter.remarks(complete_until=NOW + GAP_SAID_SECONDS) == ()
    assert gap_sentence((NOW - 24.9, NOW - 15.1)) == (
        "events from 2023-11-14T22:12:55Z to 2023-11-14T22:13:05Z are missing: "
        "they were gone before they could be read"
    )


def test_what_is_missing_before_the_history_wanted_is_no_gap() -> None:
    counter = a_counter(is_loaded=True)
    counter.mark_missing(0.0, NOW - 600, now=NOW)
    assert counter.remarks(complete_until=NOW - 600) == ()


def test_a_gap_said_to_end_years_ahead_marks_no_more_than_may_be_counted() -> None:
    counter = a_counter(is_loaded=True)
    tracemalloc.start()
    counter.mark_missing(NOW - 5, NOW + TEN_YEARS_SECONDS, now=NOW)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    assert_array_equal(demand(counter, -20, 90), [0, *[NAN] * 8, 0, 0])


def test_forgetting_years_at_once_takes_no_room() -> None:
    totals = EventTotals(start=NOW, step_seconds=1.0)
    tracemalloc.start()
    totals.forget_before(NOW + TEN_YEARS_SECONDS)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    totals.add(totals.start + 0.5, 2.0)
    series = totals.series(start=totals.start, end=totals.start + 2, known_from=0.0)
    assert_array_equal(series.values, [2, 0])


def test_spans_that_no_step_kept_touches_mark_and_count_nothing() -> None:
    totals = EventTotals(start=NOW, step_seconds=1.0)
    totals.mark_missing(NOW - 20, NOW - 10)
    totals.mark_missing(NOW + 1, NOW + 1)
    totals.spread(NOW - 20, NOW, 5.0)
    series = totals.series(start=NOW, end=NOW + 2, known_from=0.0)
    assert_array_equal(series.values, [0, 0])
