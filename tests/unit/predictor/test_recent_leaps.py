"""What the newest seconds may say while a leap is doubted."""

from __future__ import annotations

from predictor.demand import combine
from tests.unit.predictor.builders import START, STEP, an_answer

BUSY = [8.0, 10.0, 12.0] * 20
GLITCH = 1e6


def read_after(*values: float, now: float) -> float:
    """Return the reading after some steps that follow busy ones and five seconds of ``now``."""
    answer = an_answer("kafka", *BUSY, *values, recent=(4, now))
    end = START + STEP * (len(BUSY) + len(values))
    reading = combine([answer], now=end + 5.0, patience_seconds=30.0).reading
    assert reading is not None
    return reading.per_second


def test_the_newest_seconds_of_a_glitch_are_not_believed_at_any_of_its_steps() -> None:
    for steps in range(9):
        assert read_after(*[GLITCH] * steps, now=GLITCH) == BUSY[-1]


def test_when_a_glitch_is_over_the_newest_seconds_count_at_once() -> None:
    assert read_after(*[GLITCH] * 6, now=11.0) == 11.0


def test_the_newest_seconds_of_a_leap_that_has_lasted_are_believed() -> None:
    assert read_after(*[GLITCH] * 10, now=2 * GLITCH) == 2 * GLITCH


def test_the_newest_seconds_of_a_surge_that_is_not_learned_yet_are_read() -> None:
    assert read_after(now=2000.0) == 2000.0
    assert read_after(2000.0, now=2200.0) == 2200.0
