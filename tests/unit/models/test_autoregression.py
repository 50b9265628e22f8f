from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from models.autoregression import Autoregression, fit_autoregression
from models.forecast import FloatArray

NAN = float("nan")
STEPS = np.array([1, 2, 5, 12])


def an_ar_series(phi: tuple[float, float], *, steps: int, seed: int = 2) -> FloatArray:
    """Return demand of 100 a second whose logarithm follows an AR(2) process."""
    generator = np.random.default_rng(seed)
    logs = [0.0, 0.0]
    for shock in generator.normal(0, 0.05, steps):
        logs.append(phi[0] * logs[-1] + phi[1] * logs[-2] + shock)
    return np.asarray(100.0 * np.exp(np.array(logs[2:])))


def log_ratios(demand: FloatArray, offset: float) -> tuple[list[float], float]:
    """Return the log ratio of each step to its slow level, and the last slow level's logarithm."""
    keep, slow, ratios = 0.5 ** (1 / 240), demand[0], []
    for value in demand:
        slow = keep * slow + (1 - keep) * value
        ratios.append(math.log((value + offset) / (slow + offset)))
    return ratios, math.log(slow + offset)


def iterated(constant: float, weights: list[float], newest: list[float], ahead: int) -> float:
    """Forecast one step, believe it, forecast the next; ``newest`` and weights newest first."""
    past = list(newest)
    for _ in range(ahead):
        past.insert(0, constant + sum(w * value for w, value in zip(weights, past, strict=False)))
    return past[0]


def test_further_ahead_is_one_step_ahead_again_and_again() -> None:
    demand = an_ar_series((0.6, 0.3), steps=1500)
    fit = fit_autoregression(demand, step_seconds=10, steps=STEPS)
    constant, *weights = fit.weights[0]
    ratios, slow = log_ratios(demand, fit.offset)
    expected = [
        math.exp(slow + iterated(constant, weights, ratios[::-1], int(ahead))) - fit.offset
        for ahead in STEPS
    ]
    [points] = fit.predict(demand, np.array([len(demand) - 1]))
    assert points == pytest.approx(expected)


def test_a_known_process_is_forecast_as_the_mean_of_its_simulated_futures() -> None:
    phi = (0.6, 0.3)
    demand = an_ar_series(phi, steps=6000)
    fit = fit_autoregression(demand, step_seconds=10, steps=STEPS)
    # A moment well above the mean, from which the process falls back.
    origin = int(np.argmax(np.minimum(demand, np.roll(demand, 1))))
    shocks = np.random.default_rng(9).normal(0, 0.05, (12, 4000))
    paths = [np.full(4000, math.log(demand[origin - lag] / 100)) for lag in (1, 0)]
    for shock in shocks:
        paths.append(phi[0] * paths[-1] + phi[1] * paths[-2] + shock)
    simulated = [100 * math.exp(paths[1 + ahead].mean()) for ahead in STEPS]
    [points] = fit.predict(demand, np.array([origin]))
    assert points == pytest.approx(simulated, rel=0.03)
    assert points[0] > points[-1] * 1.03


@pytest.mark.parametrize("level", [0.0, 1e-6, 50.0, 1e9])
def test_a_constant_is_forecast_to_stay(level: float) -> None:
    demand = np.full(800, level)
    fit = fit_autoregression(demand, step_seconds=10, steps=STEPS)
    assert fit.predict(demand, np.array([0, 799])) == pytest.approx(
        np.full((2, 4), level), rel=1e-6, abs=1e-9
    )


def test_missing_steps_are_taken_as_the_value_before_them() -> None:
    demand = an_ar_series((0.6, 0.3), steps=900)
    demand[1::3] = demand[0::3]
    gappy = demand.copy()
    gappy[1::3] = NAN
    # Steps so short that the offset is a request a step, whatever the median of what is known.
    fits = [fit_autoregression(each, step_seconds=0.1, steps=STEPS) for each in (demand, gappy)]
    assert fits[0].weights == pytest.approx(fits[1].weights)


def test_an_absurd_extrapolation_is_held_within_e_to_the_sixth() -> None:
    wild = Autoregression(weights=np.array([[0.0, 1000.0], [0.0, -1000.0]]), offset=1.0)
    demand = np.concatenate([np.full(500, 10.0), [100.0]])
    [points] = wild.predict(demand, np.array([500]))
    slow = math.exp(log_ratios(demand, 1.0)[1])
    assert points == pytest.approx([slow * math.exp(6) - 1, 0.0])


def test_an_origin_is_forecast_from_what_came_before_it_alone() -> None:
    demand = an_ar_series((0.6, 0.3), steps=900)
    fit = fit_autoregression(demand, step_seconds=10, steps=STEPS)
    origins = np.array([0, 10, 400])
    changed = demand.copy()
    changed[401:] *= 7
    assert_array_equal(fit.predict(demand, origins), fit.predict(changed, origins))
