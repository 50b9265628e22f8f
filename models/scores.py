"""How good quantile forecasts were. NaN, in demand or forecast, means not scored.

The pinball loss is a proper score of a quantile: nothing is gained by forecasting anything but
what one believes (Gneiting and Raftery 2007).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.forecast import FloatArray

#: The quantile levels of the weighted quantile loss: the middle, and what capacity is planned with.
SCORED_QUANTILES: tuple[float, ...] = (0.5, 0.9, 0.95)


def pinball_loss(demand: FloatArray, forecast: FloatArray, quantile: float) -> FloatArray:
    """Return each forecast's loss, in the unit of demand; NaN where it can't be scored.

    Demand above a forecast of the 0.9 quantile costs nine times as much as demand below it.
    Source: Koenker and Bassett 1978 (Econometrica 46).

    Raises:
        ValueError: if the quantile is not between 0 and 1.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile: {quantile} is not between 0 and 1")
    above = demand - forecast
    return np.asarray(np.maximum(quantile * above, (quantile - 1) * above), dtype=np.float64)


def weighted_quantile_loss(
    demand: FloatArray, forecasts: FloatArray, quantiles: Sequence[float] = SCORED_QUANTILES
) -> float:
    """Return twice the mean pinball loss over the quantiles, as a share of the mean demand.

    ``forecasts[..., j]`` is the forecast of ``quantiles[j]`` for ``demand[...]``. A step is scored
    only where demand and all its quantiles are known; NaN if there is none, or demand is zero.
    With the median alone it is the mean absolute error as a share of demand. Source: Wen et al.
    2017, "A multi-horizon quantile recurrent forecaster", as normalized by GluonTS.

    Raises:
        ValueError: if the shapes don't fit.
    """
    if forecasts.shape != (*demand.shape, len(quantiles)):
        expected = (*demand.shape, len(quantiles))
        raise ValueError(f"forecasts: shape {forecasts.shape} is not {expected}")
    scored = np.isfinite(demand) & np.isfinite(forecasts).all(axis=-1)
    total = float(demand[scored].sum())
    if total == 0:
        return float("nan")
    losses = [
        pinball_loss(demand[scored], forecasts[scored, j], quantile).sum()
        for j, quantile in enumerate(quantiles)
    ]
    return float(2 * np.mean(losses) / total)


def coverage(demand: FloatArray, forecast: FloatArray) -> float:
    """Return the share of scored steps whose demand does not exceed the forecast; NaN if none.

    A calibrated 0.9 quantile covers 0.9 (Gneiting, Balabdaoui and Raftery 2007).
    """
    scored = np.isfinite(demand) & np.isfinite(forecast)
    if not scored.any():
        return float("nan")
    return float(np.mean(demand[scored] <= forecast[scored]))


def bias(demand: FloatArray, forecast: FloatArray) -> float:
    """Return by how much the forecast exceeds demand, summed, as a share of demand.

    0.1 says a tenth too much; NaN if nothing is scored, or demand is zero. Source: percentage bias
    of Yapo, Gupta and Sorooshian 1996.
    """
    scored = np.isfinite(demand) & np.isfinite(forecast)
    total = float(demand[scored].sum())
    if total == 0:
        return float("nan")
    return float(forecast[scored].sum() / total - 1)
