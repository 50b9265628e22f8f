"""Trees laid out flat say what scikit-learn's own say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from models.packed_trees import packed_trees


@pytest.mark.parametrize("leaves", [2, 15])
def test_each_model_says_of_each_row_what_it_said_before(leaves: int) -> None:
    chance = np.random.default_rng(leaves)
    table = chance.normal(size=(900, 5))
    target = table[:, 0] + np.sin(3 * table[:, 1]) + chance.normal(size=900)
    models = [
        HistGradientBoostingRegressor(
            loss="quantile",
            quantile=level,
            max_iter=20,
            max_leaf_nodes=leaves,
            early_stopping=False,
            random_state=1,
        ).fit(table, target)
        for level in (0.5, 0.9, 0.99)
    ]
    said = packed_trees(models).predict(table)
    expected = np.column_stack([model.predict(table) for model in models])
    assert said == pytest.approx(expected, rel=1e-12)


def test_a_tree_that_never_splits_is_its_one_leaf() -> None:
    table, target = np.zeros((60, 2)), np.full(60, 7.0)
    model = HistGradientBoostingRegressor(max_iter=3, early_stopping=False).fit(table, target)
    assert packed_trees([model]).predict(np.ones((4, 2)))[:, 0] == pytest.approx([7.0] * 4)


def test_no_model_says_nothing() -> None:
    assert packed_trees([]).predict(np.ones((4, 2))).shape == (4, 0)
