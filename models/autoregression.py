"""An autoregressive point expert, fitted by statsmodels, applied as one matrix product.

The series is the log ratio of demand to its slow level. The forecast h steps ahead of an
AR(p) process is linear in the last p values, so a fit becomes a matrix [horizons, p + 1].
Source: Hamilton (1994), chapter 4, forecasts of an AR(p) by iteration.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features import ewma, filled, offset_of
from models.forecast import FloatArray
from models.newest_features import steps_back

_ORDER = 24
_SLOW_HALF_LIFE = 240.0
_FIT_STEPS = 8640


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Autoregression:
    """Weights [horizons, 1 + order] on (1, newest, …, oldest) log ratios."""

    weights: FloatArray
    offset: float

    @property
    def steps_back(self) -> int:
        """How many steps before the last of a forecast's origins have a part in it."""
        return steps_back(_SLOW_HALF_LIFE) + int(self.weights.shape[1])

    def predict(self, demand: FloatArray, origins: NDArray[np.intp]) -> FloatArray:
        """Return demand per second, shape [origins, horizons]; ``demand`` is filled."""
        slow, ratio = _log_ratio(demand, self.offset)
        order = self.weights.shape[1] - 1
        rows = np.maximum(origins[:, None] - np.arange(order)[None, :], 0)
        table = np.hstack([np.ones((len(origins), 1)), ratio[rows]])
        logs = np.clip(table @ self.weights.T, -6.0, 6.0) + slow[origins][:, None]
        return np.asarray(np.maximum(np.exp(logs) - self.offset, 0.0))


def _log_ratio(demand: FloatArray, offset: float) -> tuple[FloatArray, FloatArray]:
    slow = np.log(ewma(demand, _SLOW_HALF_LIFE) + offset)
    return slow, np.log(demand + offset) - slow


def fit_autoregression(
    demand: FloatArray, *, step_seconds: float, steps: NDArray[np.intp]
) -> Autoregression:
    """Fit on the newest day or so of ``demand`` (per second, NaN where missing)."""
    # Here, so that only who fits loads it.
    from statsmodels.tsa.ar_model import AutoReg

    offset = offset_of(demand, step_seconds=step_seconds)
    _, ratio = _log_ratio(filled(demand[-2 * _FIT_STEPS :]), offset)
    ratio = ratio[-_FIT_STEPS:]
    order = min(_ORDER, max(1, len(ratio) // 20))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a constant series is singular, and still has a mean
        fitted = AutoReg(ratio, lags=order, trend="c").fit()
    coefficients = np.nan_to_num(np.asarray(fitted.params, dtype=float))
    return Autoregression(weights=_iterated(coefficients, steps), offset=offset)


def _iterated(coefficients: FloatArray, steps: NDArray[np.intp]) -> FloatArray:
    """Return the h-step forecast's weights for each horizon."""
    order = len(coefficients) - 1
    companion = np.zeros((order + 1, order + 1))
    companion[0, 0] = 1.0
    companion[1] = coefficients
    companion[2:, 1:-1] = np.eye(order - 1)
    rows, power, done = [], np.eye(order + 1), 0
    for step in steps:
        for _ in range(int(step) - done):
            power = companion @ power
        done = int(step)
        rows.append(power[1])
    return np.asarray(rows)
