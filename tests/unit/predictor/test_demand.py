from __future__ import annotations

from dataclasses import replace

import pytest
from numpy.testing import assert_array_equal

from models.outlook import DemandReading
from models.series import DemandSeries
from predictor.demand import (
    SAID_STEPS,
    Answer,
    CombinedDemand,
    agreement,
    combine,
    disagreements,
    doubts,
)
from tests.unit.predictor.builders import NAN, START, STEP, a_series, an_answer

BUSY = [8.0, 10.0, 12.0] * 20


def combined(
    *answers: Answer, now: float = START + 1000 * STEP, patience_seconds: float = 1e9
) -> CombinedDemand:
    return combine(answers, now=now, patience_seconds=patience_seconds)


def test_a_step_comes_from_the_most_trusted_source_that_knows_it() -> None:
    joined = combined(an_answer("prometheus", 1, NAN, NAN), an_answer("kafka", 9, 2, NAN))
    assert_array_equal(joined.series.values, [1, 2, NAN])


def test_what_one_source_says_is_finished_up_to_where_it_is_complete() -> None:
    joined = combined(an_answer("kafka", 1, 2, 3, steps_complete=2))
    assert joined.finished_until == START + 2 * STEP


def test_a_step_that_the_most_trusted_knows_does_not_wait_for_the_others() -> None:
    joined = combined(
        an_answer("prometheus", 1, 2, steps_complete=2),
        an_answer("kafka", 1, NAN, steps_complete=1),
    )
    assert joined.finished_until == START + 2 * STEP


def test_a_step_that_the_most_trusted_lacks_waits_for_the_others() -> None:
    joined = combined(
        an_answer("prometheus", 1, NAN, 3), an_answer("kafka", 1, 2, 3, steps_complete=1)
    )
    assert joined.finished_until == START + STEP


def test_a_step_nobody_knows_in_time_is_finished_as_missing() -> None:
    joined = combined(
        an_answer("prometheus", 1, NAN, NAN),
        an_answer("kafka", 1, 2, 3, steps_complete=1),
        now=START + 2 * STEP + 60,
        patience_seconds=60,
    )
    assert joined.finished_until == START + 2 * STEP


def test_patience_alone_finishes_nothing() -> None:
    joined = combined(an_answer("kafka", 1, NAN, steps_complete=0), patience_seconds=1)
    assert joined.finished_until == START


def test_the_reading_is_the_newest_known_step_with_what_each_source_says() -> None:
    joined = combined(an_answer("prometheus", 1, 2, NAN), an_answer("kafka", 1, 4, 6))
    assert joined.reading is not None
    assert joined.reading.measured_at == START + 3 * STEP
    assert joined.reading.per_second == 6
    assert joined.reading.sources == (("prometheus", 2.0), ("kafka", 6.0))


def test_an_unfinished_step_is_no_reading() -> None:
    assert combined(an_answer("kafka", 5, 6, steps_complete=0)).reading is None


def test_what_the_most_trusted_source_knows_of_the_step_under_way_renews_the_reading() -> None:
    joined = combined(
        an_answer("kafka", 4, 6, recent=(4, 9.0)), an_answer("prometheus", 5, 5, recent=(8, 70.0))
    )
    assert joined.reading == DemandReading(
        measured_at=START + 2 * STEP + 4,
        window_seconds=5.0,
        per_second=9.0,
        sources=(("kafka", 6.0), ("prometheus", 5.0)),
    )
    assert_array_equal(joined.series.values, [4, 6])


def test_what_another_source_knows_of_the_step_under_way_is_left_out() -> None:
    joined = combined(an_answer("prometheus", 5, 5), an_answer("kafka", 4, 6, recent=(4, 9.0)))
    assert joined.reading is not None
    assert joined.reading.measured_at == START + 2 * STEP


def test_recent_demand_older_than_the_newest_step_renews_nothing() -> None:
    joined = combined(
        an_answer("kafka", 4, NAN, steps_complete=1, recent=(-STEP, 9.0)),
        an_answer("prometheus", 5, 5),
    )
    assert joined.reading is not None
    assert joined.reading.per_second == 5


def at_least(per_second: float, *others: Answer, known: float = 6.0) -> float | None:
    """Return the reading of a source that lacks its last two steps, but for a part of the last."""
    answer = an_answer("prometheus", known, NAN, NAN, steps_complete=1, recent=(0, per_second))
    assert answer.reading.recent is not None
    part = replace(answer.reading.recent, is_at_least=True)
    answer = replace(answer, reading=replace(answer.reading, recent=part))
    reading = combined(answer, *others).reading
    assert reading is not None
    assert reading.is_at_least == (reading.per_second == per_second)
    return reading.per_second


def test_a_part_of_demand_is_news_only_where_it_is_more_than_all_of_it_was() -> None:
    assert at_least(2.0) == 6
    assert at_least(9.0) == 9
    assert at_least(2.0, known=NAN) == 2
    # Another source has all of it.
    assert at_least(2.0, an_answer("kafka", 5, 5, 5)) == 5


@pytest.mark.parametrize(("before", "expected"), [(BUSY, 12.0), ([0.0, 1.0, 0.0] * 20, 0.0)])
def test_nothing_in_seconds_out_of_a_busy_source_is_doubted(
    before: list[float], expected: float
) -> None:
    reading = combined(an_answer("kafka", *before, recent=(4, 0.0))).reading
    assert reading is not None
    assert reading.per_second == expected


@pytest.mark.parametrize(("now", "expected"), [(100.0, 100.0), (1e9, 12.0)])
def test_seconds_beyond_belief_are_no_news(now: float, expected: float) -> None:
    reading = combined(an_answer("kafka", *BUSY, recent=(4, now))).reading
    assert reading is not None
    assert reading.per_second == expected


def test_a_step_still_growing_in_one_source_is_taken_from_one_that_has_it_whole() -> None:
    joined = combined(
        an_answer("kafka", 8, 3, 0, steps_complete=1), an_answer("prometheus", 8, 9, 10)
    )
    assert_array_equal(joined.series.values, [8, 9, 10])
    assert joined.reading is not None
    assert joined.reading.per_second == 10


def test_zeros_still_growing_agree_with_nobody() -> None:
    joined = combined(
        an_answer("kafka", *BUSY, 0, steps_complete=len(BUSY)), an_answer("prometheus", *BUSY, 0)
    )
    assert_array_equal(joined.series.values[-1:], [NAN])


def test_zeros_out_of_a_busy_source_are_missing() -> None:
    joined = combined(an_answer("prometheus", *BUSY, 0, 0))
    assert_array_equal(joined.series.values[-2:], [NAN, NAN])
    assert joined.reading is not None
    assert joined.reading.per_second == 12


def test_another_source_stands_in_for_an_outage() -> None:
    joined = combined(an_answer("prometheus", *BUSY, 0, 0), an_answer("kafka", *BUSY, 7, 8))
    assert_array_equal(joined.series.values[-2:], [7, 8])


def test_zeros_on_which_two_sources_agree_are_demand() -> None:
    joined = combined(an_answer("prometheus", *BUSY, 0, 0), an_answer("kafka", *BUSY, 0, 0))
    assert_array_equal(joined.series.values[-2:], [0, 0])


def test_no_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="none given"):
        combined()


def test_agreement_is_the_share_over_the_steps_that_both_know() -> None:
    assert agreement(a_series(4, 4, NAN), a_series(1, 3, 50)) == 0.5


@pytest.mark.parametrize("first", [a_series(0, 0), a_series(NAN, NAN)])
def test_nothing_is_said_of_agreement_with_an_idle_source(first: DemandSeries) -> None:
    assert agreement(first, a_series(1, 1)) is None


def test_sources_that_differ_much_are_named() -> None:
    answers = [an_answer("prometheus", 4, 4), an_answer("kafka", 1, 1)]
    assert disagreements(answers) == ("kafka: disagrees with prometheus by a large factor",)


def test_steps_still_growing_are_no_disagreement() -> None:
    answers = [
        an_answer("prometheus", 4, 4),
        an_answer("kafka", 4, 0, steps_complete=1),
    ]
    assert disagreements(answers) == ()


def test_a_step_beyond_belief_is_missing_and_said_for_a_while() -> None:
    answer = an_answer("prometheus", *BUSY, 1e6)
    joined = combined(answer)
    assert_array_equal(joined.series.values, [*BUSY, NAN])
    assert joined.reading is not None
    assert joined.reading.per_second == BUSY[-1]
    (said,) = doubts([answer, an_answer("kafka", *BUSY, 9.0)])
    assert said == (
        "prometheus: a demand of 1e+06 at 1000610.000 is beyond all of the hour before; "
        "not believed unless it lasts"
    )
    assert doubts([an_answer("prometheus", *BUSY, 1e6, *BUSY[: SAID_STEPS - 1])]) == (said,)
    assert doubts([an_answer("prometheus", *BUSY, 1e6, *BUSY[:SAID_STEPS])]) == ()


def test_a_glitch_is_missing_until_it_ends_and_another_source_is_believed() -> None:
    glitch = an_answer("prometheus", *BUSY, *[1e6] * 6)
    joined = combined(glitch)
    assert_array_equal(joined.series.values, [*BUSY, *[NAN] * 6])
    assert joined.finished_until == joined.series.end
    assert joined.reading is not None
    assert joined.reading.per_second == BUSY[-1]
    joined = combined(glitch, an_answer("kafka", *BUSY, *[9.0] * 6))
    assert joined.series.values[-1] == 9.0


def test_a_leap_that_lasts_is_believed() -> None:
    joined = combined(an_answer("prometheus", *BUSY, *[1e6] * 10))
    assert_array_equal(joined.series.values, [*BUSY, *[NAN] * 9, 1e6])
    assert joined.reading is not None
    assert joined.reading.per_second == 1e6


def test_a_surge_that_may_be_a_glitch_is_read_at_once_but_not_learned_until_it_lasts() -> None:
    surge = an_answer("prometheus", *BUSY, 2000.0, 2000.0)
    joined = combined(surge)
    assert_array_equal(joined.series.values, [*BUSY, NAN, NAN])
    assert joined.finished_until == joined.series.end
    assert joined.reading is not None
    assert (joined.reading.per_second, joined.reading.measured_at) == (2000.0, joined.series.end)
    assert doubts([surge]) == (
        "prometheus: a demand of 2000 at 1000620.000 is beyond all of the hour before; "
        "not learned unless it lasts",
    )
