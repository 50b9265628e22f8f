"""Laws of the portfolio, whatever the demand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.fitted import Learned
from models.forecast import QUANTILES, FloatArray
from models.horizons import grid_of
from models.portfolio import Portfolio

NAN = float("nan")
GRID = grid_of((1, 2, 5))
STEP_SECONDS = 10.0
START = 86_400.0 * 19_000
levels = st.one_of(
    st.just(NAN),
    st.just(0.0),
    st.floats(1e-6, 1e-3),
    st.floats(0.1, 1e3),
    st.floats(1e6, 1e9),
)
histories = st.lists(levels, min_size=1, max_size=40)
SHAPE = (1, len(GRID), len(QUANTILES))
few = settings(max_examples=40)


def a_portfolio(*, workloads: int = 1) -> Portfolio:
    return Portfolio(GRID, step_seconds=STEP_SECONDS, workloads=workloads)


def forecasts(demand: Sequence[float], learned: Learned | None = None) -> list[FloatArray]:
    """Return the published quantiles after each step."""
    portfolio, published = a_portfolio(), []
    for step, value in enumerate(demand):
        portfolio.advance(START + (step + 1) * STEP_SECONDS, np.array([value]), learned)
        published.append(portfolio.quantiles)
    return published


@few
@given(histories)
def test_quantiles_ascend_from_nothing_upwards_once_there_was_a_value(demand: list[float]) -> None:
    known = np.logical_or.accumulate(~np.isnan(demand))
    for quantiles, is_known in zip(forecasts(demand), known, strict=True):
        assert quantiles.shape == SHAPE
        if is_known:
            assert np.isfinite(quantiles).all()
            assert (quantiles >= 0).all()
            assert (np.diff(quantiles, axis=-1) >= 0).all()
        else:
            assert np.isnan(quantiles).all()


@few
@given(histories, st.integers(1, 20))
def test_a_missing_step_leaves_the_published_quantiles_as_they_were(
    demand: list[float], missing: int
) -> None:
    published = forecasts([*demand, *[NAN] * missing])
    for later in published[len(demand) :]:
        assert_array_equal(later, published[len(demand) - 1])


@few
@given(histories, st.integers(1, 20))
def test_missing_steps_before_the_first_value_teach_nothing(
    demand: list[float], missing: int
) -> None:
    waited = a_portfolio()
    for step in range(missing):
        waited.advance(START - (missing - step - 1) * STEP_SECONDS, np.array([NAN]))
    for step, (value, expected) in enumerate(zip(demand, forecasts(demand), strict=True)):
        waited.advance(START + (step + 1) * STEP_SECONDS, np.array([value]))
        assert_array_equal(waited.quantiles, expected)


@few
@given(histories, histories, st.integers(0, 39))
def test_a_forecast_does_not_depend_on_later_steps(
    demand: list[float], other: list[float], cut: int
) -> None:
    past = demand[: cut + 1]
    whole, changed = forecasts(demand), forecasts([*past, *other])
    for one, another in zip(whole[: len(past)], changed, strict=False):
        assert_array_equal(one, another)


@few
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_a_workload_is_forecast_as_if_it_were_alone(mine: list[float], seed: int) -> None:
    generator = np.random.default_rng(seed)
    others = generator.uniform(0, 100, len(mine))
    others[generator.random(len(mine)) < 0.3] = NAN
    both = a_portfolio(workloads=2)
    for step, (value, other, alone) in enumerate(zip(mine, others, forecasts(mine), strict=True)):
        both.advance(START + (step + 1) * STEP_SECONDS, np.array([value, other]))
        assert both.quantiles[:1] == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize("level", [0.0, 1e-6, 7.0, 1e9])
def test_a_constant_is_forecast_to_stay(level: float) -> None:
    last = forecasts([level] * 300)[-1]
    # What is added before logarithms is exact no further than the sixteenth digit of a request.
    assert last == pytest.approx(np.full(SHAPE, level), rel=1e-6, abs=1e-9)


def test_nothing_known_at_all_has_no_forecast() -> None:
    assert np.isnan(forecasts([NAN] * 100)[-1]).all()


def test_one_step_is_forecast_to_stay_give_or_take_its_square_root() -> None:
    [only] = forecasts([40.0])
    assert only[0, :, 0] == pytest.approx([40.0] * 3)
    assert only[0, 0, 1:] == pytest.approx([40 + k * 2 for k in (0.9, 1.4, 1.9, 2.8)])


def test_a_jump_of_fifteen_digits_and_back_is_survived() -> None:
    for quantiles in forecasts([1e-6] * 50 + [1e9] * 50 + [0.0] * 50 + [1e-6] * 50):
        assert np.isfinite(quantiles).all()


def test_the_end_of_an_outage_does_not_raise_what_is_expected_of_usual_demand() -> None:
    usual = np.random.default_rng(8).poisson(1000.0, 700) / STEP_SECONDS
    demand = usual.copy()
    demand[400:490] = 0.0
    surest = np.array([quantiles[0, :, -1].max() for quantiles in forecasts(list(demand))])
    # Twenty minutes after it, as half an hour before.
    assert surest[620:].mean() < 1.3 * surest[200:400].mean()


def test_nothing_is_forecast_far_beyond_what_was_seen() -> None:
    bursts = np.where(np.arange(400) % 40 < 3, 500.0, 0.0)
    absurd = a_learned_expert(1e30)
    for learned in (None, absurd):
        for quantiles in forecasts(list(bursts), learned)[1:]:
            assert quantiles.max() <= 3.2 * 500.0


def test_a_learned_expert_that_is_right_is_followed() -> None:
    demand = np.where(np.arange(600) % 7 == 0, 90.0, 10.0)
    portfolio = a_portfolio()
    for step in range(590):
        ahead = demand[step + GRID.steps][None]
        learned = by_trees(np.repeat(ahead[..., None], 5, axis=-1))
        portfolio.advance(START + (step + 1) * STEP_SECONDS, demand[step : step + 1], learned)
        if step > 300:
            assert portfolio.quantiles[0, :, 2] == pytest.approx(ahead[0], rel=0.02)


def test_a_learned_expert_that_is_wrong_by_orders_of_magnitude_is_not_followed() -> None:
    demand = np.random.default_rng(3).gamma(25.0, 2.0, 500)
    quantiles = np.full((1, 3, 5), 5e4)
    nonsense = Learned(points=np.full((1, 3), 5e4), boosted=quantiles, linear=quantiles)
    # Demand is 50, give or take 10: what is not even near it would be thousands.
    for quantiles in forecasts(list(demand), nonsense)[100:]:
        assert quantiles[0, :, 0] == pytest.approx([50.0] * 3, rel=0.6)


def by_trees(quantiles: FloatArray) -> Learned:
    """Return what is learned if the trees alone have something to say."""
    nothing = np.full(quantiles.shape, NAN)
    return Learned(points=nothing[..., 0], boosted=quantiles, linear=nothing)


def a_learned_expert(level: float) -> Learned:
    quantiles = np.full((1, 3, 5), level)
    return Learned(points=quantiles[..., 0], boosted=quantiles, linear=quantiles)


def after_a_betrayal(steps: int) -> Portfolio:
    """Return a portfolio that long followed an expert who then was wrong, for some steps."""
    demand = np.random.default_rng(5).poisson(400, 1500 + steps) / STEP_SECONDS
    portfolio = a_portfolio()
    for step in range(len(demand)):
        learned = None
        if step < 1500 + 150:
            right = demand[np.minimum(step + GRID.steps, len(demand) - 1)][None]
            quantiles = np.repeat(right[..., None], 5, axis=-1)
            learned = Learned(points=right, boosted=quantiles, linear=quantiles)
        if 1500 <= step < 1500 + 150:
            learned = a_learned_expert(400.0)
        end = START + (step + 1) * STEP_SECONDS
        portfolio.advance(end, demand[step : step + 1], learned)
    return portfolio


def test_a_blend_that_loses_to_a_plain_mean_gives_way_to_it() -> None:
    portfolio = after_a_betrayal(120)
    assert portfolio.is_gated.tolist() == [True]
    assert_array_equal(portfolio.quantiles, np.sort(portfolio.ewma_quantiles, axis=-1))


def test_a_blend_that_has_recovered_is_used_again() -> None:
    portfolio = after_a_betrayal(6000)
    assert portfolio.is_gated.tolist() == [False]
    assert (portfolio.quantiles != portfolio.ewma_quantiles).any()
