"""Linear quantile regression, direct: weights of its own for each horizon and quantile.

It sees what the boosted trees see, and seasons as sines; its target is theirs. Linear quantiles
learn from fewer rows than trees do and follow a trend, so each is right where the other is not.

Sources: Koenker and Bassett (1978) for the regression; He, Pan, Tan and Zhou (2023), "Smoothed
quantile regression with large-scale inference", for smoothing the pinball loss so that gradient
steps suffice; Barzilai and Borwein (1988) for the steps' lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features import Features
from models.forecast import QUANTILES, FloatArray

_ROWS = 6000
_LEAST_ROWS = 200
_ROUNDS = 80
#: Directions in which features hardly vary are given hardly any weight.
_RIDGE = 1e-3
#: The least width of the smoothing, as a share of the residuals' spread.
_LEAST_WIDTH = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearQuantiles:
    """Fitted weights [horizons, 1 + features, quantiles], NaN where there was too little to fit.

    A line goes on forever, demand does not: features are kept within ``lowest`` and ``highest``
    [horizons, features], and log ratios within ``ratios`` [horizons, 2], as seen in the fit.
    ``history_seconds`` says which seasons were seen.
    """

    weights: FloatArray
    lowest: FloatArray
    highest: FloatArray
    ratios: FloatArray
    offset: float
    history_seconds: float
    steps: NDArray[np.intp]

    def predict(self, maker: Features, origins: NDArray[np.intp]) -> FloatArray:
        """Return demand per second, shape [origins, horizons, quantiles], ascending."""
        count = len(self.steps)
        steady = np.repeat(maker.of_origins(origins), count, axis=0)
        rows, ahead = np.repeat(origins, count), np.tile(self.steps, len(origins))
        seasons = maker.seasons(rows, ahead, history_seconds=self.history_seconds)
        table = np.hstack([steady, seasons]).reshape(len(origins), count, -1)
        table = np.clip(table, self.lowest, self.highest).swapaxes(0, 1)
        logs = (table @ self.weights[:, 1:] + self.weights[:, :1]).swapaxes(0, 1)
        logs = np.clip(logs, self.ratios[:, :1], self.ratios[:, 1:])
        said = np.exp(logs + maker.level_at(origins)[:, None, None]) - self.offset
        return np.sort(np.maximum(said, 0.0), axis=-1)


def fit_linear(
    demand: FloatArray,
    maker: Features,
    *,
    history_seconds: float,
    steps: NDArray[np.intp],
    seed: int,
) -> LinearQuantiles:
    """Fit on all of ``demand`` (per second, NaN where missing), origins drawn at random.

    ``maker`` makes its features, relative to the short level.
    """
    generator = np.random.default_rng(seed)
    known, levels = ~np.isnan(demand), np.asarray(QUANTILES)
    fits = []
    for ahead in steps:
        last = max(len(demand) - int(ahead), 0)
        origins = np.arange(min(10, last), last)
        origins = origins[known[origins] & known[origins + ahead]]
        if len(origins) > _ROWS:
            origins = np.sort(generator.choice(origins, size=_ROWS, replace=False))
        pairs = np.full(len(origins), int(ahead))
        seasons = maker.seasons(origins, pairs, history_seconds=history_seconds)
        table = np.hstack([maker.of_origins(origins), seasons])
        target = np.log(demand[origins + ahead] + maker.offset) - maker.level_at(origins)
        fits.append(_fitted(table, target, levels))
    weights, lowest, highest, ratios = zip(*fits, strict=True)
    return LinearQuantiles(
        weights=np.asarray(weights),
        lowest=np.asarray(lowest),
        highest=np.asarray(highest),
        ratios=np.asarray(ratios),
        offset=maker.offset,
        history_seconds=history_seconds,
        steps=steps,
    )


def _fitted(
    table: FloatArray, target: FloatArray, levels: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return weights, and the limits of features and of log ratios, for one horizon."""
    features = table.shape[1]
    if len(table) < _LEAST_ROWS:
        nothing = np.full(features, np.nan)
        missing = np.full((1 + features, len(levels)), np.nan)
        return missing, nothing, nothing, np.full(2, np.nan)
    weights = quantile_weights(table, target, levels)
    limits = np.asarray([target.min(), target.max()])
    return weights, table.min(axis=0), table.max(axis=0), limits


def quantile_weights(table: FloatArray, target: FloatArray, levels: FloatArray) -> FloatArray:
    """Return weights [1 + features, levels] that minimize the smoothed pinball loss.

    ``target`` is about ``weights[0] + table @ weights[1:]``; in the sample, the share of targets
    at or below it is each level's.
    """
    rows = len(table)
    mean = table.mean(axis=0)
    centered = table - mean
    spread = centered.std(axis=0) + 1e-9
    # Uncorrelated features of equal spread: then a gradient points at the minimum.
    values, vectors = np.linalg.eigh((centered / spread).T @ (centered / spread) / rows)
    turn = vectors / np.sqrt(np.maximum(values, 0.0) + _RIDGE) / spread[:, None]
    design = np.column_stack([np.ones(rows), centered @ turn])
    found = _descended(design, target, levels)
    found[0] += [
        np.quantile(target - design @ column, level)
        for column, level in zip(found.T, levels, strict=True)
    ]
    slopes = turn @ found[1:]
    return np.vstack([found[:1] - mean @ slopes, slopes])


def _descended(design: FloatArray, target: FloatArray, levels: FloatArray) -> FloatArray:
    rows, columns = design.shape
    plain = design.T @ target / rows
    residuals = target - design @ plain
    found = np.repeat(plain[:, None], len(levels), axis=1)
    found[0] += np.quantile(residuals, levels)
    scale = min(float(residuals.std()), 1.35 * float(np.median(np.abs(residuals)))) + 1e-9
    width = max(_LEAST_WIDTH, ((np.log(rows) + columns) / rows) ** 0.4) * scale
    length = np.full(len(levels), width)
    before = gradient = np.zeros_like(found)
    for turn in range(_ROUNDS):
        errors = np.clip((target[:, None] - design @ found) / (0.6 * width), -30.0, 30.0)
        slope = design.T @ (1.0 / (1.0 + np.exp(errors)) - levels) / rows
        if turn:
            moved, bent = found - before, slope - gradient
            along, curved = (moved * bent).sum(axis=0), (bent**2).sum(axis=0)
            useful = along > 1e-18
            length = np.where(useful, along / np.maximum(curved, 1e-18), width)
            length = np.minimum(length, 50.0 * width)
        before, gradient = found, slope
        found = found - length * slope
    return found
