"""Whether trees do better relative to a short level or to a long one: tried on the newest history.

A short level follows every turn of demand, and trees need only tell the change from it. Where the
same bursts come again and again, it rises and falls with each, and trees can hardly tell how high
the next will be: relative to a long level, all are alike. So both are tried, on little, and judged
by what they say of steps that neither was fitted on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.boosting import LEAST_LEAF_ROWS, pair_table, unfitted_trees
from models.features import LEVEL_HALF_LIFE, FeatureMaker, MakesFeatures
from models.forecast import FloatArray

#: In steps.
LONG_HALF_LIFE = 60.0
#: Held out is the newest quarter of history.
_HELD_OUT_SHARE = 0.25
_QUANTILE, _TREES, _RATE = 0.95, 40, 0.15
_MOST_ROWS, _MOST_HELD_OUT = 24_000, 8_000
_FEWEST_HELD_OUT = 200
#: The long level is the exception: its loss is clearly lower, and in nearly every part of the time.
_LOWER_LOSS, _PARTS, _PARTS_WON = 0.9, 8, 7


def chosen_half_life(
    demand: FloatArray,
    origins: NDArray[np.intp],
    ahead: NDArray[np.intp],
    make: MakesFeatures,
    *,
    seed: int,
) -> float:
    """Return the half-life, in steps, of the level that trees shall be fitted relative to.

    ``origins`` and ``ahead`` are pairs drawn from ``demand``, in any order.
    """
    cut = len(demand) - round(_HELD_OUT_SHARE * len(demand))
    fitted = np.flatnonzero(origins + ahead < cut)[:_MOST_ROWS]
    held_out = np.flatnonzero(origins >= cut)[:_MOST_HELD_OUT]
    if len(fitted) < 2 * LEAST_LEAF_ROWS or len(held_out) < _FEWEST_HELD_OUT:
        return LEVEL_HALF_LIFE
    rows = np.concatenate([fitted, held_out])
    origins, ahead = origins[rows], ahead[rows]
    short, long = (
        _losses(demand, origins, ahead, make(level_half_life=half_life), len(fitted), seed)
        for half_life in (LEVEL_HALF_LIFE, LONG_HALF_LIFE)
    )
    parts = np.array_split(np.argsort(origins[len(fitted) :], kind="stable"), _PARTS)
    won = sum(long[part].sum() < short[part].sum() for part in parts)
    is_clear = long.sum() < _LOWER_LOSS * short.sum() and won >= _PARTS_WON
    return LONG_HALF_LIFE if is_clear else LEVEL_HALF_LIFE


def _losses(
    demand: FloatArray,
    origins: NDArray[np.intp],
    ahead: NDArray[np.intp],
    maker: FeatureMaker,
    fitted: int,
    seed: int,
) -> FloatArray:
    """Return the pinball loss of each pair after the first ``fitted``, which teach the trees."""
    table, level = pair_table(maker, origins, ahead), maker.level_at(origins)
    offset = maker.offset
    actual = demand[origins + ahead]
    trees = unfitted_trees(_QUANTILE, rows=fitted, trees=_TREES, rate=_RATE, seed=seed)
    trees.fit(table[:fitted], (np.log(actual + offset) - level)[:fitted])
    said = np.exp(trees.predict(table[fitted:]) + level[fitted:]) - offset
    excess = actual[fitted:] - np.maximum(said, 0.0)
    return np.asarray(np.maximum(_QUANTILE * excess, (_QUANTILE - 1.0) * excess))
