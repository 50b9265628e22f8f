from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from models.boosted import BoostedQuantiles, fit_boosted, rows_for
from models.features import FeatureMaker, filled, offset_of
from models.forecast import QUANTILES, FloatArray

NAN = float("nan")
STEP_SECONDS = 60.0
STEPS = (1, 3)


def fitted(demand: FloatArray, *, steps: tuple[int, ...] = STEPS) -> BoostedQuantiles:
    offset = offset_of(demand, step_seconds=STEP_SECONDS)
    make = partial(
        FeatureMaker, filled(demand), start=0.0, step_seconds=STEP_SECONDS, offset=offset
    )
    return fit_boosted(demand, make, steps=np.array(steps, dtype=np.intp), seed=1)


def predicted(fit: BoostedQuantiles, demand: FloatArray, *origins: int) -> FloatArray:
    """Return quantiles, shape [origins, horizons, quantiles]."""
    maker = FeatureMaker(
        filled(demand),
        start=0.0,
        step_seconds=STEP_SECONDS,
        offset=fit.offset,
        level_half_life=fit.level_half_life,
    )
    return fit.predict(maker, np.array(origins))


def hourly_bursts(steps: int) -> FloatArray:
    """Return demand that triples from minute 20 to 25 of every hour, with a tenth of noise."""
    minutes = np.arange(steps) % 60
    level = np.where((minutes >= 20) & (minutes < 25), 300.0, 100.0)
    return np.asarray(level * np.random.default_rng(4).gamma(100.0, 0.01, steps))


BURSTS = hourly_bursts(1500)


@pytest.fixture(scope="module")
def of_bursts() -> BoostedQuantiles:
    return fitted(BURSTS)


def test_a_burst_that_recurs_is_foreseen_and_so_is_its_end(of_bursts: BoostedQuantiles) -> None:
    still, minute_before, last_of_it = 1440 + 5, 1440 + 19, 1440 + 24
    medians = predicted(of_bursts, BURSTS, still, minute_before, last_of_it)[:, 0, 0]
    assert medians == pytest.approx([100.0, 300.0, 100.0], rel=0.25)


def test_quantiles_ascend_and_are_never_negative(of_bursts: BoostedQuantiles) -> None:
    found = predicted(of_bursts, BURSTS, *range(1500))
    assert (np.diff(found, axis=-1) >= 0).all()
    assert (found >= 0).all()


def test_quantiles_cover_what_they_say(of_bursts: BoostedQuantiles) -> None:
    unseen = hourly_bursts(4000)[1500:]
    whole = np.concatenate([BURSTS, unseen])
    origins = np.arange(1500, 3990)
    found = predicted(of_bursts, whole, *origins)[:, 0]
    covered = (whole[origins + 1, None] <= found).mean(axis=0)
    # Of 1,500 steps a tail is known roughly; the portfolio calibrates what is left.
    assert covered == pytest.approx(QUANTILES, abs=0.1)


def test_the_same_history_and_seed_make_the_same_fit(of_bursts: BoostedQuantiles) -> None:
    again = predicted(fitted(BURSTS), BURSTS, 100, 900)
    assert_array_equal(again, predicted(of_bursts, BURSTS, 100, 900))


@pytest.mark.parametrize("level", [0.0, 1e-6, 50.0, 1e9])
def test_a_constant_is_forecast_to_stay(level: float) -> None:
    demand = np.full(400, level)
    expected = np.full((1, 1, len(QUANTILES)), level)
    found = predicted(fitted(demand, steps=(2,)), demand, 399)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_missing_steps_are_not_learned_as_zeros() -> None:
    demand = np.full(600, 40.0)
    demand[100:400] = NAN
    assert predicted(fitted(demand), demand, 599) == pytest.approx(np.full((1, 2, 5), 40.0))


@pytest.mark.parametrize("known", [0, 1, 30])
def test_too_little_history_makes_no_forecast(known: int) -> None:
    demand = np.full(720, NAN)
    demand[:known] = 5.0
    assert np.isnan(predicted(fitted(demand), demand, 0, 719)).all()


def test_a_history_shorter_than_the_longest_horizon_makes_no_forecast() -> None:
    demand = np.full(50, 5.0)
    found = predicted(fitted(demand, steps=(1, 90)), demand, 49)
    assert found.shape == (1, 2, len(QUANTILES))
    assert np.isnan(found).all()


def test_the_further_out_a_quantile_the_more_rows_it_is_fitted_on() -> None:
    assert [rows_for(level) for level in QUANTILES] == [60_000, 60_000, 60_000, 80_000, 96_000]


def test_rows_beyond_what_a_quantile_asks_for_are_left_to_the_others() -> None:
    noise = np.random.default_rng(2).gamma(20.0, 5.0, 6500)
    fit = fitted(noise, steps=tuple(range(1, 11)))
    # A tree's root has all the rows that the tree was fitted on.
    roots = [model._predictors[0][0].nodes["count"][0] for model in fit.models]
    assert roots[0] == rows_for(QUANTILES[0]) < roots[-1] < rows_for(QUANTILES[-1])
