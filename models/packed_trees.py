"""Fitted boosted trees laid out flat, to ask all of them at once for few rows.

All trees go down one level at a time: a node's children lie side by side, so that the next node is
the left child's place, and one more where the row's feature is above the threshold. A leaf is its
own child.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedTrees:
    """Nodes of all trees of some models; ``roots`` [models, trees], ``first`` is without trees."""

    feature: NDArray[np.intp]
    threshold: FloatArray
    left: NDArray[np.intp]
    value: FloatArray
    roots: NDArray[np.intp]
    first: FloatArray
    depth: int

    def predict(self, table: FloatArray) -> FloatArray:
        """Return what each model says of each row, [rows, models]; no feature may be missing."""
        rows, features = table.shape
        flat, begin = table.ravel(), np.arange(rows) * features
        node = np.repeat(self.roots.ravel()[:, None], rows, axis=1)
        for _ in range(self.depth):
            above = flat[begin + self.feature[node]] > self.threshold[node]
            node = self.left[node] + above
        leaves = self.value[node].reshape(*self.roots.shape, rows)
        return np.asarray((leaves.sum(axis=1) + self.first[:, None]).T)


def packed_trees(models: Sequence[HistGradientBoostingRegressor]) -> PackedTrees:
    """Return the trees of models that have one output, numbers as features and as many trees."""
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    value: list[float] = []
    roots, depth = [], 0
    for model in models:
        for [tree] in model._predictors:
            roots.append(len(feature))
            depth = max(depth, int(tree.nodes["depth"].max()))
            _lay_out(tree.nodes, feature, threshold, left, value)
    return PackedTrees(
        feature=np.asarray(feature, dtype=np.intp),
        threshold=np.asarray(threshold),
        left=np.asarray(left, dtype=np.intp),
        value=np.asarray(value),
        roots=np.asarray(roots, dtype=np.intp).reshape(len(models), -1 if models else 0),
        first=np.asarray([float(np.ravel(model._baseline_prediction)[0]) for model in models]),
        depth=depth,
    )


def _lay_out(
    nodes: Any, feature: list[int], threshold: list[float], left: list[int], value: list[float]
) -> None:
    """Append one tree's nodes, level by level."""
    waiting = [0]
    begin = len(feature)
    for place in waiting:
        node = nodes[place]
        value.append(float(node["value"]))
        if node["is_leaf"]:
            left.append(len(feature))
            feature.append(0)
            threshold.append(np.inf)
            continue
        left.append(begin + len(waiting))
        feature.append(int(node["feature_idx"]))
        threshold.append(float(node["num_threshold"]))
        waiting += [int(node["left"]), int(node["right"])]
