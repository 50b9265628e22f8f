"""Gradient-boosted quantile regression, direct for all horizons: the horizon is a feature.

Source: Friedman (2001); the histogram method is scikit-learn's. The target is
``log((demand ahead + offset) / (level now + offset))``, so that one model serves any scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.boosting import LEAST_LEAF_ROWS, drawn_pairs, pair_table, unfitted_trees
from models.features import Features, MakesFeatures
from models.forecast import QUANTILES, FloatArray
from models.level_trial import chosen_half_life
from models.packed_trees import PackedTrees, packed_trees

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

#: Of a quantile the rows beyond it tell most, so each is fitted on as many as leave so many beyond,
#: within limits: the last would need 400,000.
_ROWS_BEYOND, _FEWEST_ROWS, _MOST_ROWS = 4_000, 60_000, 96_000
_TREES, _RATE = 80, 0.1
#: So few rows, a workload's newest origin, are asked of trees laid out flat: scikit-learn takes ten
#: microseconds for each tree before it looks at the first row.
FEW_ROWS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoostedQuantiles:
    """Fitted trees, one model a quantile; the offset and the level that they were fitted with.

    Without models, for want of history to fit them on, every forecast is missing (NaN).
    """

    models: tuple[HistGradientBoostingRegressor, ...]
    offset: float
    level_half_life: float
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
    demand: FloatArray, make: MakesFeatures, *, steps: NDArray[np.intp], seed: int
) -> BoostedQuantiles:
    """Fit on all of ``demand`` (per second, NaN where missing), rows drawn at random.

    ``make`` makes its features. Origins and targets that are missing are left out; if next to
    nothing is left, so are models.
    """
    origins, ahead = drawn_pairs(demand, steps, most=_MOST_ROWS, seed=seed)
    half_life = chosen_half_life(demand, origins, ahead, make, seed=seed)
    maker = make(level_half_life=half_life)
    offset = maker.offset
    models: list[HistGradientBoostingRegressor] = []
    if len(origins) >= 2 * LEAST_LEAF_ROWS:  # fewer are too few for a tree's first split
        table = pair_table(maker, origins, ahead)
        target = np.log(demand[origins + ahead] + offset) - maker.level_at(origins)
        del maker  # as large as a third of the table, and a fit has enough beside it
        for level in QUANTILES:
            rows = min(rows_for(level), len(table))
            trees = unfitted_trees(level, rows=rows, trees=_TREES, rate=_RATE, seed=seed)
            models.append(trees.fit(table[:rows], target[:rows]))
    return BoostedQuantiles(
        models=tuple(models), offset=offset, level_half_life=half_life, steps=steps
    )


def rows_for(level: float) -> int:
    """Return on how many rows a quantile is fitted, where there are so many."""
    return min(max(round(_ROWS_BEYOND / (1.0 - level)), _FEWEST_ROWS), _MOST_ROWS)
