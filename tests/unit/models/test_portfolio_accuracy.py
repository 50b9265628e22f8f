"""What the portfolio attains on demand whose nature is known."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from models.forecast import QUANTILES, FloatArray
from models.horizons import grid_of
from models.portfolio import Portfolio
from models.scores import coverage, weighted_quantile_loss

GRID = grid_of((1, 3, 6))
STEP_SECONDS = 60.0
SCORED = [QUANTILES.index(level) for level in (0.5, 0.9, 0.95)]


def blended(demand: FloatArray) -> FloatArray:
    """Return the forecasts of each step's horizons, shape [steps, horizons, quantiles]."""
    portfolio, found = Portfolio(GRID, step_seconds=STEP_SECONDS), []
    for step in range(len(demand)):
        portfolio.advance((step + 1) * STEP_SECONDS, demand[step : step + 1])
        found.append(portfolio.quantiles[0])
    return np.array(found)


def ewma_forecasts(demand: FloatArray, half_life: float) -> FloatArray:
    """Return what an EWMA with the quantiles of its own newest 500 errors would have said."""
    keep, level = 0.5 ** (1 / half_life), float(demand[0])
    levels: list[float] = []
    errors = [deque([0.0], maxlen=500) for _ in GRID.steps]
    found = np.empty((len(demand), len(GRID), len(QUANTILES)))
    for step, value in enumerate(demand):
        for place, ahead in enumerate(GRID.steps):
            if step >= ahead:
                errors[place].append(float(value) - levels[step - ahead])
        level = keep * level + (1 - keep) * float(value)
        levels.append(level)
        for place in range(len(GRID)):
            found[step, place] = level + np.quantile(errors[place], QUANTILES)
    return np.maximum(found, 0.0)


def loss(demand: FloatArray, forecasts: FloatArray, *, first: int) -> float:
    """Return the weighted quantile loss of all horizons from the step ``first`` on."""
    origins = np.arange(first, len(demand) - GRID.last)
    actual = demand[origins[:, None] + GRID.steps]
    return weighted_quantile_loss(actual, forecasts[origins][..., SCORED])


def test_nine_tenths_of_a_noisy_day_lie_below_the_ninth_decile() -> None:
    step = np.arange(3000)
    wave = 40 + 25 * np.sin(2 * np.pi * step * STEP_SECONDS / 86_400)
    demand = wave * np.random.default_rng(12).gamma(8.0, 1 / 8, 3000)
    forecasts = blended(demand)
    for place, ahead in enumerate(GRID.steps):
        said = forecasts[:-ahead, place, QUANTILES.index(0.9)]
        assert coverage(demand[ahead:], said) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("half_life", [4.0, 20.0])
def test_the_blend_is_hardly_worse_than_an_ewma_on_noise(half_life: float) -> None:
    demand = np.random.default_rng(21).gamma(8.0, 5.0, 2000)
    reference = loss(demand, ewma_forecasts(demand, half_life), first=500)
    assert loss(demand, blended(demand), first=500) <= 1.02 * reference


@pytest.mark.parametrize("half_life", [0.7, 4.0, 20.0])
def test_the_blend_beats_an_ewma_on_what_recurs(half_life: float) -> None:
    minutes = np.arange(1800) % 60
    pattern = 100.0 + 200.0 * ((minutes >= 20) & (minutes < 35))
    demand = pattern * np.random.default_rng(22).gamma(100.0, 0.01, 1800)
    reference = loss(demand, ewma_forecasts(demand, half_life), first=600)
    assert loss(demand, blended(demand), first=600) < 0.8 * reference
