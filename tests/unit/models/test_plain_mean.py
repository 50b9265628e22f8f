from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from models.forecast import QUANTILES
from models.horizons import grid_of
from models.plain_mean import PlainMean

STEP_SECONDS = 10.0
NAN = float("nan")


def a_mean() -> PlainMean:
    return PlainMean(grid_of((1, 3, 6)), step_seconds=STEP_SECONDS)


def test_of_steady_demand_it_says_that_demand_at_every_horizon() -> None:
    mean = a_mean()
    said = [mean.advance(5.0) for _ in range(200)][-1]
    assert said == pytest.approx(np.full((3, len(QUANTILES)), 5.0), rel=0.01)


def test_its_quantiles_cover_noise_as_often_as_they_say() -> None:
    demand = np.random.default_rng(2).gamma(9.0, 1.0, 6000)
    mean, covered = a_mean(), np.zeros(len(QUANTILES))
    said = np.full((3, len(QUANTILES)), np.inf)
    for count, value in enumerate(demand):
        covered += (count >= 1000) * (value <= said[0])
        said = mean.advance(value)
    assert covered / 5000 == pytest.approx(np.array(QUANTILES), abs=0.015)


def test_a_missing_step_leaves_in_force_what_was_said() -> None:
    mean = a_mean()
    before = [mean.advance(value) for value in np.random.default_rng(3).gamma(9.0, 1.0, 50)][-1]
    assert_array_equal(mean.advance(NAN), before)
    assert np.isfinite(mean.advance(7.0)).all()


def test_nothing_is_forecast_beyond_thrice_the_peak() -> None:
    mean = a_mean()
    said = [mean.advance(value) for value in (0.0, 0.0, 1000.0) * 20][-1]
    assert (said <= 3.0 * 1021.0).all()
    assert (said >= 0.0).all()
