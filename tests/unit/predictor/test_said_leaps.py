"""For how long it is said that a leap of demand is not believed, or not learned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from predictor.demand import SAID_STEPS, doubts
from tests.unit.predictor.builders import NAN, a_series, an_answer

BUSY = [0.8, 1.0, 1.2] * 60
SURGE, ABSURD = 150.0, 1e6


def is_said(*after: float, step_seconds: float = 10.0) -> bool:
    answer = an_answer("prometheus", *BUSY, *after)
    series = a_series(*BUSY, *after, step_seconds=step_seconds)
    reading = replace(answer.reading, series=series, complete_until=series.end)
    return bool(doubts([replace(answer, reading=reading)]))


@pytest.mark.parametrize(("step_seconds", "doubted"), [(10.0, 9), (60.0, 2)])
@pytest.mark.parametrize("leap", [SURGE, ABSURD])
def test_a_leap_is_doubted_aloud_until_it_is_learned(
    leap: float, step_seconds: float, doubted: int
) -> None:
    said = [is_said(*[leap] * steps, step_seconds=step_seconds) for steps in range(1, 21)]
    assert said == [steps <= doubted for steps in range(1, 21)]


def test_a_leap_that_was_believed_and_ended_is_not_spoken_of() -> None:
    assert not is_said(*[SURGE] * 12, 1.0, 1.0)


@pytest.mark.parametrize("leap", [SURGE, ABSURD])
def test_a_glitch_that_is_over_is_said_for_a_while(leap: float) -> None:
    said = [is_said(*[leap] * 3, *[1.0] * steps) for steps in range(SAID_STEPS + 2)]
    assert said == [*[True] * SAID_STEPS, False, False]


def test_what_is_not_known_since_ends_no_doubt() -> None:
    assert is_said(*[SURGE] * 3, NAN, NAN)
    assert is_said(*[SURGE] * 8, NAN, SURGE)
    assert not is_said(*[SURGE] * 9, NAN, SURGE)
