from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import QuantileRegressor

from models.features import FeatureMaker, filled, offset_of
from models.forecast import QUANTILES, FloatArray
from models.linear import LinearQuantiles, fit_linear, quantile_weights

NAN = float("nan")
STEP_SECONDS = 60.0
LEVELS = np.asarray(QUANTILES)


def pinball(errors: FloatArray, level: float) -> float:
    return float(np.mean(np.maximum(level * errors, (level - 1) * errors)))


def fitted(demand: FloatArray, *, steps: tuple[int, ...] = (1, 5)) -> LinearQuantiles:
    return fit_linear(
        demand,
        a_maker(demand, offset_of(demand, step_seconds=STEP_SECONDS)),
        history_seconds=len(demand) * STEP_SECONDS,
        steps=np.array(steps, dtype=np.intp),
        seed=1,
    )


def a_maker(demand: FloatArray, offset: float) -> FeatureMaker:
    return FeatureMaker(filled(demand), start=0.0, step_seconds=STEP_SECONDS, offset=offset)


def predicted(fit: LinearQuantiles, demand: FloatArray, *origins: int) -> FloatArray:
    """Return quantiles, shape [origins, horizons, quantiles]."""
    return fit.predict(a_maker(demand, fit.offset), np.array(origins))


def a_wave(steps: int, *, seed: int = 2) -> FloatArray:
    wave = 100 + 60 * np.sin(2 * np.pi * np.arange(steps) / 120)
    return np.asarray(wave * np.random.default_rng(seed).gamma(400.0, 1 / 400, steps))


def test_the_loss_is_that_of_the_exact_linear_program() -> None:
    generator = np.random.default_rng(8)
    table = generator.normal(size=(600, 4)) * np.array([1.0, 10.0, 0.1, 3.0]) + 5.0
    noise = generator.gamma(2.0, 1.0, 600) * (1.0 + 0.3 * np.abs(table[:, 0]))
    target = table @ np.array([1.0, -0.2, 4.0, 0.0]) + noise
    found = quantile_weights(table, target, LEVELS)
    for column, level in zip(found.T, LEVELS, strict=True):
        ours = pinball(target - column[0] - table @ column[1:], level)
        exact = QuantileRegressor(quantile=level, alpha=0.0, solver="highs").fit(table, target)
        assert ours <= 1.02 * pinball(target - exact.predict(table), level)


def test_in_the_sample_each_quantile_covers_its_share() -> None:
    generator = np.random.default_rng(3)
    table = generator.normal(size=(1000, 2))
    target = table[:, 0] + generator.normal(size=1000)
    found = quantile_weights(table, target, LEVELS)
    covered = (target[:, None] <= found[0] + table @ found[1:]).mean(axis=0)
    assert covered == pytest.approx(LEVELS, abs=0.003)


def test_a_wave_is_followed_up_and_down() -> None:
    demand = a_wave(1500)
    medians = predicted(fitted(demand), demand, 1430, 1470)[:, 1, 0]
    expected = 100 + 60 * np.sin(2 * np.pi * np.array([1435, 1475]) / 120)
    assert medians == pytest.approx(expected, rel=0.08)


def test_quantiles_ascend_and_are_never_negative() -> None:
    demand = np.random.default_rng(5).poisson(0.3, 1500) / STEP_SECONDS
    found = predicted(fitted(demand), demand, *range(0, 1500, 50))
    assert (found >= 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()


def test_a_line_ends_where_what_was_seen_ends() -> None:
    demand = a_wave(1500)
    fit = fitted(demand)
    never_seen = demand.copy()
    never_seen[-5:] = 1e7
    # In five minutes of what was seen demand grew to a few times the level, never by orders.
    assert predicted(fit, never_seen, 1499).max() < 1e8


def test_changing_the_future_changes_nothing_said_before() -> None:
    demand, changed = a_wave(1500), a_wave(1500)
    changed[1201:] = 5 * a_wave(1500, seed=6)[1201:]
    fit = fitted(demand[:1000])
    assert_array_equal(
        predicted(fit, demand, *range(1100, 1201)), predicted(fit, changed, *range(1100, 1201))
    )


def test_too_short_a_history_says_nothing_about_that_horizon() -> None:
    demand = a_wave(400)
    found = predicted(fitted(demand, steps=(1, 300)), demand, 399)
    assert np.isfinite(found[:, 0]).all()
    assert np.isnan(found[:, 1]).all()


def test_an_outage_all_along_says_nothing() -> None:
    demand = np.full(900, NAN)
    assert np.isnan(predicted(fitted(demand), demand, 899)).all()


@pytest.mark.parametrize(("days", "features"), [(0.1, 8), (1.0, 12), (3.0, 18), (10.0, 19)])
def test_only_cycles_seen_a_few_times_are_features(days: float, features: int) -> None:
    maker = FeatureMaker(np.ones(50), start=0.0, step_seconds=STEP_SECONDS, offset=1.0)
    found = maker.seasons(np.arange(50), np.full(50, 3), history_seconds=days * 86400.0)
    assert found.shape == (50, features)


def test_of_a_long_history_a_sample_is_enough() -> None:
    demand = a_wave(6500)
    medians = predicted(fitted(demand, steps=(5,)), demand, 6430, 6470)[:, 0, 0]
    expected = 100 + 60 * np.sin(2 * np.pi * np.array([6435, 6475]) / 120)
    assert medians == pytest.approx(expected, rel=0.08)
