from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.features import LEVEL_HALF_LIFE
from models.fitted import Learned
from models.forecast import QUANTILES, FloatArray
from models.learned import LearnedModels, fit_learned, refit_after, refit_points
from models.level_trial import LONG_HALF_LIFE
from models.series import DemandSeries

NAN = float("nan")
STEPS = np.array([1, 4, 9])
HOUR_SECONDS, DAY_SECONDS = 3600.0, 86400.0


def a_series(values: FloatArray, *, step_seconds: float = 60.0) -> DemandSeries:
    return DemandSeries(start=500_000.0, step_seconds=step_seconds, values=values)


def some_demand(steps: int, *, seed: int = 0) -> FloatArray:
    wave = 50 + 30 * np.sin(np.arange(steps) / 40)
    return np.asarray(wave * np.random.default_rng(seed).gamma(20.0, 0.05, steps))


DEMAND = some_demand(900)


@pytest.fixture(scope="module")
def models() -> LearnedModels:
    return fit_learned(a_series(DEMAND[:720]), STEPS, seed=7)


def assert_same(one: Learned, other: Learned) -> None:
    assert_array_equal(one.points, other.points)
    assert_array_equal(one.boosted, other.boosted)
    assert_array_equal(one.linear, other.linear)


def test_every_expert_speaks_of_every_origin_and_horizon(models: LearnedModels) -> None:
    said = models.predict(a_series(DEMAND), np.arange(900))
    assert said.points.shape == (900, len(STEPS))
    assert (said.points >= 0).all()
    for quantiles in (said.boosted, said.linear):
        assert quantiles.shape == (900, len(STEPS), len(QUANTILES))
        assert (quantiles >= 0).all()
        assert (np.diff(quantiles, axis=-1) >= 0).all()


@settings(max_examples=15)
@given(cut=st.integers(0, 898), seed=st.integers(1, 2**32 - 1), missing=st.booleans())
def test_what_is_said_of_an_origin_does_not_depend_on_later_steps(
    models: LearnedModels, cut: int, seed: int, missing: bool
) -> None:
    origins = np.unique([0, cut // 2, cut])
    changed = DEMAND.copy()
    changed[cut + 1 :] = NAN if missing else 5 * some_demand(900, seed=seed)[cut + 1 :]
    assert_same(
        models.predict(a_series(DEMAND), origins), models.predict(a_series(changed), origins)
    )


def test_history_beyond_a_fortnight_is_not_fitted() -> None:
    # In steps of an hour a fortnight is 336 of them.
    demand, other = some_demand(400), some_demand(400)
    other[:64] = 1e6
    found = []
    for values in (demand, other):
        fit = fit_learned(a_series(values, step_seconds=HOUR_SECONDS), STEPS[:1], seed=7)
        found.append(fit.predict(a_series(demand, step_seconds=HOUR_SECONDS), np.array([390])))
    assert_same(*found)


@pytest.mark.parametrize("known", [0, 1])
def test_an_outage_all_along_leaves_trees_and_lines_silent_and_fails_nothing(known: int) -> None:
    values = np.full(720, NAN)
    values[:known] = 20.0
    said = fit_learned(a_series(values), STEPS, seed=7).predict(a_series(values), np.array([719]))
    assert np.isfinite(said.points).all()
    assert np.isnan(said.boosted).all()
    assert np.isnan(said.linear).all()


@pytest.mark.parametrize(
    ("steps", "step_seconds", "expected"),
    [
        (0, 10.0, 320),
        (319, 10.0, 320),
        (320, 60.0, 480),
        (320, 61.0, 720),
        (720, 10.0, 1080),
        (1000, 60.0, 1500),
        (10_000, 60.0, 11_440),  # a day
        (80_000, 60.0, 90_000),  # an eighth
        (800, DAY_SECONDS, 900),
        (720, 2 * DAY_SECONDS, 810),
    ],
)
def test_a_fit_is_due_after_half_as_much_again_or_a_day_or_an_eighth(
    steps: int, step_seconds: float, expected: int
) -> None:
    assert refit_after(steps, step_seconds=step_seconds) == expected


def test_fits_are_due_wherever_the_one_before_says_so() -> None:
    assert list(refit_points(1080, step_seconds=10.0)) == [320, 480, 720, 1080]
    assert list(refit_points(319, step_seconds=10.0)) == []


@pytest.mark.parametrize("count", [1, 30, 720, 899])
def test_what_is_said_of_the_newest_step_is_what_is_said_of_it_among_all(
    models: LearnedModels, count: int
) -> None:
    demand = DEMAND[:count].copy()
    demand[count // 3 : count // 2] = NAN
    series = a_series(demand)
    newest, among_all = models.predict_newest(series), models.predict(series, np.array([count - 1]))
    assert newest.points == pytest.approx(among_all.points, rel=1e-9)
    assert newest.boosted == pytest.approx(among_all.boosted, rel=1e-9)
    assert newest.linear == pytest.approx(among_all.linear, rel=1e-9)


@pytest.mark.parametrize("bursts", [False, True])
def test_the_newest_step_of_days_needs_none_of_what_has_faded(bursts: bool) -> None:
    demand = some_demand(40_000)
    if bursts:
        rise = np.where(np.arange(40_000) % 90 < 6, 300.0, 50.0)
        demand = rise * np.random.default_rng(0).gamma(100.0, 0.01, 40_000)
    fit = fit_learned(a_series(demand, step_seconds=10.0), STEPS, seed=7)
    assert fit.boosted.level_half_life == (LONG_HALF_LIFE if bursts else LEVEL_HALF_LIFE)
    demand[:100] = 1e9
    series = a_series(demand, step_seconds=10.0)
    newest, among_all = fit.predict_newest(series), fit.predict(series, np.array([39_999]))
    assert newest.points == pytest.approx(among_all.points, rel=1e-9)
    assert newest.boosted == pytest.approx(among_all.boosted, rel=1e-9)
    assert newest.linear == pytest.approx(among_all.linear, rel=1e-9)
