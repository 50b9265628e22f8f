"""Gradient-boosted quantile regression, direct for all horizons: the horizon is a feature.

Source: Friedman (2001); the histogram method is scikit-learn's. The target is
``log((demand ahead + offset) / (level now + offset))``, so that one model serves any scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.features import FeatureMaker, Features, filled, offset_of
from models.forecast import QUANTILES, FloatArray
from models.packed_trees import PackedTrees, packed_trees

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

#: Of a quantile the rows beyond it tell most, so each is fitted on as many as leave so many beyond,
#: within limits: the last would need 400,000.
_ROWS_BEYOND, _FEWEST_ROWS, _MOST_ROWS = 4_000, 60_000, 96_000
_TREES = 80
#: A leaf has at least so many rows, or a share of them all: more rows shall make it surer, too.
_LEAST_LEAF_ROWS, _LEAST_LEAF_SHARE = 40, 1 / 800
#: Rows made at a time: all at once, with their parts beside, they would take three times the room.
_PIECE = 8192
#: So few rows, a workload's newest origin, are asked of trees laid out flat: scikit-learn takes ten
#: microseconds for each tree before it looks at the first row.
FEW_ROWS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoostedQuantiles:
    """Fitted trees, one model a quantile, and the offset that they were fitted with.

    Without models, for want of history to fit them on, every forecast is missing (NaN).
    """

    models: tuple[HistGradientBoostingRegressor, ...]
    offset: float
    steps: NDArray[np.intp]
    packed: PackedTrees = field(init=False)

    def __post_init__(self) -> None:
        """Lay the trees out for few rows, too."""
        object.__setattr__(self, "packed", packed_trees(self.models))

    def predict(self, maker: Features, origins: NDArray[np.intp]) -> FloatArray:
        """Return demand per second, shape [origins, horizons, quantiles], ascending."""
        count = len(self.steps)
        if not self.models:
            return np.full((len(origins), count, len(QUANTILES)), np.nan)
        origin_rows = np.repeat(origins, count)
        ahead = np.tile(self.steps, len(origins))
        table = np.hstack(
            [
                np.repeat(maker.of_origins(origins), count, axis=0),
                maker.of_horizons(origin_rows, ahead),
            ]
        )
        level = np.repeat(maker.level_at(origins), count)
        if len(table) <= FEW_ROWS:
            logs = self.packed.predict(table)
        else:
            logs = np.column_stack([model.predict(table) for model in self.models])
        # A tree never extrapolates, but a level near zero times a large ratio would.
        demand = np.exp(np.clip(logs, -8.0, 8.0) + level[:, None]) - self.offset
        shaped = np.maximum(demand, 0.0).reshape(len(origins), count, len(QUANTILES))
        return np.asarray(np.sort(shaped, axis=-1))


def fit_boosted(
    demand: FloatArray, *, start: float, step_seconds: float, steps: NDArray[np.intp], seed: int
) -> BoostedQuantiles:
    """Fit on all of ``demand`` (per second, NaN where missing), rows drawn at random.

    Origins and targets that are missing are left out; if next to nothing is left, so are models.
    """
    # Here, so that only who fits loads it: 70 MiB.
    from sklearn.ensemble import HistGradientBoostingRegressor

    offset = offset_of(demand, step_seconds=step_seconds)
    maker = FeatureMaker(filled(demand), start=start, step_seconds=step_seconds, offset=offset)
    origins, ahead = _draw(demand, steps, seed)
    if len(origins) < 2 * _LEAST_LEAF_ROWS:  # too few for a tree's first split
        return BoostedQuantiles(models=(), offset=offset, steps=steps)
    table = _table(maker, origins, ahead)
    target = np.log(demand[origins + ahead] + offset) - maker.level_at(origins)
    del maker  # as large as a third of the table, and a fit has enough beside it
    models = []
    for level in QUANTILES:
        rows = min(rows_for(level), len(table))
        model = HistGradientBoostingRegressor(
            loss="quantile",
            quantile=level,
            max_iter=_TREES,
            max_leaf_nodes=15,
            min_samples_leaf=max(_LEAST_LEAF_ROWS, round(rows * _LEAST_LEAF_SHARE)),
            learning_rate=0.1,
            early_stopping=False,
            random_state=seed,
        )
        models.append(model.fit(table[:rows], target[:rows]))
    return BoostedQuantiles(models=tuple(models), offset=offset, steps=steps)


def rows_for(level: float) -> int:
    """Return on how many rows a quantile is fitted, where there are so many."""
    return min(max(round(_ROWS_BEYOND / (1.0 - level)), _FEWEST_ROWS), _MOST_ROWS)


def _table(maker: Features, origins: NDArray[np.intp], ahead: NDArray[np.intp]) -> FloatArray:
    """Return the features of pairs of an origin and a horizon, made piece by piece."""
    table = np.empty((0, 0))
    for at in range(0, len(origins), _PIECE):
        piece = slice(at, at + _PIECE)
        parts = [maker.of_origins(origins[piece]), maker.of_horizons(origins[piece], ahead[piece])]
        if not at:
            table = np.empty((len(origins), sum(part.shape[1] for part in parts)))
        np.concatenate(parts, axis=1, out=table[piece])
    return table


def _draw(
    demand: FloatArray, steps: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw origins, each with one horizon, of which both ends are known."""
    generator = np.random.default_rng(seed)
    known = ~np.isnan(demand)
    last = len(demand) - 1 - int(steps[-1])
    first = min(10, max(0, last - 1))
    wanted = min(_MOST_ROWS, max(1, (last - first)) * len(steps))
    origins = generator.integers(first, max(last, first + 1), size=wanted)
    ahead = generator.choice(steps, size=wanted)
    # A history shorter than the longest horizon has no target for every pair.
    held = origins + ahead < len(demand)
    origins, ahead = origins[held], ahead[held]
    keep = known[origins] & known[origins + ahead]
    return origins[keep], ahead[keep]
