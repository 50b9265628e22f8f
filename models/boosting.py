"""What every fit of boosted trees shares: pairs drawn at random, their table, the trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.features import Features
from models.forecast import FloatArray

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

#: A leaf has at least so many rows, or a share of them all: more rows shall make it surer, too.
LEAST_LEAF_ROWS, _LEAST_LEAF_SHARE = 40, 1 / 800
#: Rows made at a time: all at once, with their parts beside, they would take three times the room.
_PIECE = 8192


def drawn_pairs(
    demand: FloatArray, steps: NDArray[np.intp], *, most: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw origins, each with one horizon, of which both ends are known."""
    generator = np.random.default_rng(seed)
    known = ~np.isnan(demand)
    last = len(demand) - 1 - int(steps[-1])
    first = min(10, max(0, last - 1))
    wanted = min(most, max(1, (last - first)) * len(steps))
    origins = generator.integers(first, max(last, first + 1), size=wanted)
    ahead = generator.choice(steps, size=wanted)
    # A history shorter than the longest horizon has no target for every pair.
    held = origins + ahead < len(demand)
    origins, ahead = origins[held], ahead[held]
    keep = known[origins] & known[origins + ahead]
    return origins[keep], ahead[keep]


def pair_table(maker: Features, origins: NDArray[np.intp], ahead: NDArray[np.intp]) -> FloatArray:
    """Return the features of pairs of an origin and a horizon, made piece by piece."""
    table = np.empty((0, 0))
    for at in range(0, len(origins), _PIECE):
        piece = slice(at, at + _PIECE)
        parts = [maker.of_origins(origins[piece]), maker.of_horizons(origins[piece], ahead[piece])]
        if not at:
            table = np.empty((len(origins), sum(part.shape[1] for part in parts)))
        np.concatenate(parts, axis=1, out=table[piece])
    return table


def unfitted_trees(
    quantile: float, *, rows: int, trees: int, rate: float, seed: int
) -> HistGradientBoostingRegressor:
    """Return trees for a quantile, to be fitted on so many rows."""
    # Here, so that only who fits loads it: 70 MiB.
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=trees,
        max_leaf_nodes=15,
        min_samples_leaf=max(LEAST_LEAF_ROWS, round(rows * _LEAST_LEAF_SHARE)),
        learning_rate=rate,
        early_stopping=False,
        random_state=seed,
    )
