from __future__ import annotations

import math

import numpy as np
import pytest

from models.scores import bias, coverage, pinball_loss, weighted_quantile_loss

NAN = float("nan")


def test_demand_above_a_high_quantile_costs_more_than_demand_below_it() -> None:
    loss = pinball_loss(np.array([11.0, 9.0, 10.0]), np.array([10.0, 10.0, 10.0]), 0.9)
    assert loss == pytest.approx([0.9, 0.1, 0.0])


def test_the_true_quantile_has_the_least_pinball_loss() -> None:
    demand = np.arange(1001.0)
    losses = [pinball_loss(demand, np.array(level), 0.9).mean() for level in (880, 900, 920)]
    assert min(losses) == losses[1]


@pytest.mark.parametrize("quantile", [0, 1, -0.5, NAN])
def test_a_quantile_outside_0_and_1_is_refused(quantile: float) -> None:
    with pytest.raises(ValueError, match=r"^quantile: .* is not between 0 and 1$"):
        pinball_loss(np.zeros(1), np.zeros(1), quantile)


def test_the_weighted_quantile_loss_of_the_median_is_the_relative_absolute_error() -> None:
    demand = np.array([10.0, 30.0])
    forecasts = np.array([[12.0], [28.0]])
    assert weighted_quantile_loss(demand, forecasts, (0.5,)) == pytest.approx(4 / 40)


def test_the_weighted_quantile_loss_averages_over_the_quantiles() -> None:
    demand = np.array([10.0])
    forecasts = np.array([[8.0, 11.0, 12.0]])
    expected = 2 * (0.5 * 2 + 0.1 * 1 + 0.05 * 2) / 3 / 10
    assert weighted_quantile_loss(demand, forecasts) == pytest.approx(expected)


def test_a_step_with_anything_missing_is_not_scored() -> None:
    demand = np.array([[10.0, NAN], [30.0, 50.0]])
    forecasts = np.array([[[12.0], [1.0]], [[28.0], [NAN]]])
    assert weighted_quantile_loss(demand, forecasts, (0.5,)) == pytest.approx(4 / 40)
    assert coverage(demand, forecasts[..., 0]) == 0.5
    assert bias(demand, forecasts[..., 0]) == 0.0


def test_forecasts_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^forecasts: shape \(3, 2\) is not \(3, 3\)$"):
        weighted_quantile_loss(np.zeros(3), np.zeros((3, 2)))


def test_nothing_scored_is_not_a_number() -> None:
    missing = np.array([NAN])
    assert math.isnan(weighted_quantile_loss(missing, np.zeros((1, 3))))
    assert math.isnan(coverage(missing, np.zeros(1)))
    assert math.isnan(bias(missing, np.zeros(1)))


def test_coverage_is_the_share_of_demand_not_above_the_forecast() -> None:
    assert coverage(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 3.0)) == 0.75


def test_bias_says_how_much_too_much_was_forecast() -> None:
    assert bias(np.array([10.0, 30.0]), np.array([14.0, 30.0])) == pytest.approx(0.1)
