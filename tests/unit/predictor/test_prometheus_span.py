"""What all answers about a span say together: faults of the query, and what was not reached."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from models.outlook import DemandReading
from predictor.adapters.prometheus_answer import NO_SERIES, RangeAnswer
from predictor.adapters.prometheus_span import (
    PARTIAL_PATIENCE_SECONDS,
    SpanAnswer,
    complete_until,
    joined,
)
from tests.unit.predictor.builders import NAN

STEP = 10.0
#: The steps asked for begin with the hundredth since the epoch.
FIRST = 100
ODD = "answered a demand of -1 at 1000.000; demand can't be negative"


def an_answer(*values: float, odd: bool = False, partial: bool = False) -> RangeAnswer:
    """Return an answer; where it is ``odd`` all that is missing of it is."""
    steps = np.array(values, float)
    return RangeAnswer(
        values=steps,
        is_odd=np.isnan(steps) & odd,
        oddities=(ODD,) if odd else (),
        warnings=("store b is gone",) if partial else (),
        is_partial=partial,
    )


def a_span(*answers: RangeAnswer, known: tuple[float, ...] = (), over: int = 20) -> SpanAnswer:
    """Return the answers after what is known; ``over`` steps since the span's first are over."""
    return joined(
        np.array(known, float), answers, first=FIRST, complete=FIRST + over, step_seconds=STEP
    )


def test_the_answers_follow_what_is_known_and_each_remark_is_made_once() -> None:
    span = a_span(an_answer(2, odd=True), an_answer(NAN, 4, odd=True), known=(1.0,))
    assert_array_equal(span.values, [1, 2, NAN, 4])
    assert_array_equal(span.is_odd, [False, False, True, False])
    assert span.warnings == (f"{ODD}; such steps count as missing",)


def test_odd_steps_are_a_fault_of_the_query_once_nothing_else_came_of_late() -> None:
    odd = [NAN] * 12  # as many as there are in the two minutes of patience
    assert a_span(an_answer(5, *odd, odd=True), over=13).fault == ODD
    assert a_span(an_answer(5, *odd[1:], odd=True), over=12).fault == ""
    assert a_span(an_answer(*odd, 5, odd=True), over=13).fault == ""
    # Where the span is of long ago, what came since is not known; and missing is not odd.
    assert a_span(an_answer(5, *odd, odd=True), over=14).fault == ""
    assert a_span(an_answer(5, *odd), over=13).fault == ""
    assert a_span(an_answer(*odd, odd=True, partial=True), over=12).fault == ""


def test_that_the_query_matches_nothing_is_said_only_where_nothing_came() -> None:
    assert a_span(an_answer(NAN, NAN)).warnings == (NO_SERIES,)
    assert a_span(an_answer(5, NAN), over=2).warnings == (NO_SERIES,)
    assert a_span(an_answer(5, NAN), over=3).warnings == ()
    assert NO_SERIES not in a_span(an_answer(5, NAN, odd=True), over=2).warnings
    assert a_span(an_answer(NAN, NAN, partial=True), over=2).warnings == ("store b is gone",)
    assert a_span().warnings == ()


def test_the_steps_of_a_partial_answer_are_missing_and_those_of_others_are_not() -> None:
    span = a_span(an_answer(5, 5), an_answer(1, 1, partial=True), an_answer(6), known=(4.0,))
    assert_array_equal(span.values, [4, 5, 5, NAN, NAN, 6])
    assert span.partial_from == FIRST + 3
    assert a_span(an_answer(5, 5)).partial_from is None
    assert a_span(an_answer(1, partial=True), known=(4.0,), over=1).partial_from is None


def test_a_partial_answer_tells_what_demand_is_at_the_least_at_present() -> None:
    partial = an_answer(1, 2, 9, partial=True)
    assert a_span(partial, over=2).at_least == DemandReading(
        measured_at=(FIRST + 2) * STEP, window_seconds=STEP, per_second=2.0, is_at_least=True
    )
    assert a_span(partial, over=4).at_least is None
    assert a_span(an_answer(1, NAN, partial=True), over=2).at_least is None
    assert a_span(an_answer(1, 2), over=2).at_least is None


def test_partial_steps_are_waited_for_and_given_up_in_the_end() -> None:
    span = a_span(*[an_answer(5)] * 10, an_answer(*[1.0] * 190, partial=True), over=200)
    now = (FIRST + 200) * STEP
    assert complete_until(a_span(an_answer(5)), now=now, partial_since=None) == FIRST + 20
    assert complete_until(span, now=now, partial_since=now) == FIRST + 10
    long_since = now - PARTIAL_PATIENCE_SECONDS
    assert complete_until(span, now=now, partial_since=long_since + 1) == FIRST + 10
    # The newest are waited for all the same; of history, nothing is.
    assert complete_until(span, now=now, partial_since=long_since) == FIRST + 140
    assert complete_until(span, now=now - 1300, partial_since=long_since - 1300) == FIRST + 10
    assert complete_until(span, now=now + 9000, partial_since=long_since) == FIRST + 200
