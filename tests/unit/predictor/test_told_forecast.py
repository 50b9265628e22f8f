"""Forecasts of others: refused if old or absurd, and used only once they have proved better."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.forecast import QUANTILES, Forecast
from models.series import DemandSeries
from predictor.told_forecast import ENOUGH_STEPS, SCORED_AHEAD, ToldScore, fitted, noted, scored
from tests.unit.predictor.builders import START, STEP, a_forecast

NOW = START + 5.0
OWN = a_forecast(*[2.0] * 30)


def told(*medians: float, **fields: Any) -> Forecast:
    return a_forecast(*(medians or [4.0] * 30), **fields)


def use(others: Forecast, *, measured: float = 2.0, now: float = NOW) -> Forecast:
    return fitted(others, OWN, measured=measured, now=now)


def test_what_fits_is_taken_as_it_is_and_says_whose_it_is() -> None:
    usable = use(told())
    assert (usable.values == told().values).all()
    assert usable.basis == "test, told by others"


def test_other_steps_and_quantiles_are_read_between() -> None:
    wide = Forecast(
        workload=OWN.workload,
        issued_at=START - 60.0,
        step_seconds=60.0,
        quantiles=(0.4, 0.99),
        values=np.array([[1.0, 1.0], [3.0, 8.9]]),
        basis="coarse",
    )
    usable = use(wide)
    # Its second step lasts from START on for a minute; then it is over, and our own goes on.
    assert usable.values[0].tolist() == pytest.approx([4.0, 7.0, 8.0, 8.5, 8.9])
    assert (usable.values[5] == usable.values[0]).all()
    assert (usable.values[6:] == OWN.values[6:]).all()


@pytest.mark.parametrize(
    ("others", "complaint"),
    [
        (told(issued_at=NOW - 601), "is 601 s old, 600 s are allowed"),
        (told(issued_at=NOW + 61), "is -61 s old"),
        (told(1e9), "foretells 1.4e+09 per second, 28 are believed"),
        (told(4.0, issued_at=START - 100), "does not reach into the time that is planned for"),
        (replace(told(), quantiles=(0.6, 0.7, 0.8, 0.9, 0.99)), "has no quantiles from 0.5"),
        (replace(told(), quantiles=(0.1, 0.2, 0.3, 0.4, 0.5)), "has no quantiles from 0.5 to 0.95"),
    ],
)
def test_what_is_old_or_absurd_is_refused_in_words(others: Forecast, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"is|has|foretells|does") as refused:
        use(others)
    assert complaint in str(refused.value)


def test_a_rise_that_was_measured_may_be_foretold_on_from() -> None:
    assert use(told(30.0), measured=50.0).values.max() == pytest.approx(42.0)


def score_after(steps: int, demand: float, *, medians: float = 4.0) -> ToldScore:
    """Return the score after steps of a demand; we said 2, the others said ``medians``."""
    score = ToldScore()
    for number in range(steps + SCORED_AHEAD - 1):
        at = START + number * STEP
        own, theirs = (a_forecast(*[value] * 30, issued_at=at) for value in (2.0, medians))
        score = noted(score, own, theirs)
        series = DemandSeries(start=at, step_seconds=STEP, values=np.array([demand]))
        score = scored(score, series, QUANTILES)
    return score


def test_who_was_right_for_long_enough_has_earned_trust() -> None:
    assert not score_after(ENOUGH_STEPS - 1, 4.0).has_earned_trust
    assert score_after(ENOUGH_STEPS, 4.0).has_earned_trust


@pytest.mark.parametrize("demand", [0.0, 2.0])
def test_who_was_wrong_or_only_as_good_has_not(demand: float) -> None:
    assert not score_after(200, demand).has_earned_trust
    assert not score_after(200, demand, medians=2.0).has_earned_trust


def test_trust_is_lost_again() -> None:
    score = score_after(60, 4.0)
    for number in range(200):
        at = START + (100 + number) * STEP
        score = noted(score, a_forecast(*[2.0] * 30, issued_at=at), told(issued_at=at))
        series = DemandSeries(start=at, step_seconds=STEP, values=np.array([2.0]))
        score = scored(score, series, QUANTILES)
    assert not score.has_earned_trust


def test_missing_steps_and_a_forecast_seen_twice_score_nothing() -> None:
    score = noted(noted(ToldScore(), OWN, told()), OWN, told())
    assert len(score.pending) == 1
    gap = DemandSeries(start=START, step_seconds=STEP, values=np.full(30, np.nan))
    assert scored(score, gap, QUANTILES) == replace(score, pending={})


def test_of_what_is_still_to_come_the_newest_is_kept() -> None:
    score = ToldScore()
    for number in range(1_005):
        at = START + number * STEP
        score = noted(score, a_forecast(2.0, issued_at=at), told(issued_at=at))
    assert len(score.pending) == 1_000
    assert max(score.pending) == START + 1_005 * STEP
