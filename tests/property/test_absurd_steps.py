"""Steps that are absurd must not be felt in forecasts for longer than an hour."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.forecast import FloatArray
from models.horizons import grid_of
from models.portfolio import Portfolio
from models.series import DemandSeries, without_glitches

STEP = 10.0
HOUR_STEPS = 360
#: What a step just believed may leave: a forecast that plans for it once more.
MOST_TIMES = 8.0


def ordinary(steps: int) -> FloatArray:
    """Return arrivals by chance, 20 a second, in slow waves."""
    mean = 200 * (1 + 0.3 * np.sin(np.arange(steps) / 50))
    return np.random.default_rng(1).poisson(mean) / STEP


def forecast_after(values: FloatArray) -> FloatArray:
    """Return the quantiles after a series as sources hand it on, [horizons, quantiles]."""
    series = without_glitches(DemandSeries(start=0.0, step_seconds=STEP, values=values))
    portfolio = Portfolio(grid_of((1, 6, 30, 120, 360)), step_seconds=STEP)
    for number, demand in enumerate(series.values, start=1):
        portfolio.advance(number * STEP, np.array([demand]))
    return np.asarray(portfolio.quantiles[0])


@settings(max_examples=6)
@given(at=st.integers(1, 500), magnitude=st.floats(0.0, 12.0))
@example(at=1, magnitude=12.0)
@example(at=20, magnitude=3.7)
@example(at=149, magnitude=3.7)
@example(at=150, magnitude=4.3)
def test_an_hour_after_an_absurd_step_forecasts_are_ordinary(at: int, magnitude: float) -> None:
    assert_ordinary_after(at, 1, 10**magnitude)


@settings(max_examples=4)
@given(at=st.integers(60, 400), steps=st.integers(2, 9), magnitude=st.floats(4.0, 12.0))
@example(at=360, steps=6, magnitude=6.3)
@example(at=360, steps=3, magnitude=4.0)
def test_an_hour_after_an_absurd_minute_forecasts_are_ordinary(
    at: int, steps: int, magnitude: float
) -> None:
    assert_ordinary_after(at, steps, 10**magnitude)


def assert_ordinary_after(at: int, steps: int, absurd: float) -> None:
    """Assert that an hour after some absurd steps forecasts are nearly as without them."""
    usual = ordinary(at + steps + HOUR_STEPS)
    odd = usual.copy()
    odd[at : at + steps] = absurd
    times = forecast_after(odd) / forecast_after(usual)
    assert np.isfinite(times).all()
    assert times.min() > 1 / MOST_TIMES
    assert times.max() < MOST_TIMES
