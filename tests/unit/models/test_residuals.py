from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.residuals import ResidualWindow

NAN = float("nan")
LEVELS = (0.5, 0.9, 0.99)
values = st.lists(st.just(NAN) | st.floats(-1e3, 1e3, width=32), min_size=1, max_size=39)


def conformal(window: Sequence[float], level: float) -> float:
    """Return the value of rank ceil(q (n + 1)), the largest if there are too few; 0 of none."""
    known = sorted(value for value in window if not math.isnan(value))
    if not known:
        return 0.0
    rank = min(math.ceil(level * (len(known) + 1)), len(known))
    return known[rank - 1]


@given(values, st.integers(1, 20))
def test_a_cell_with_several_levels_has_the_conformal_quantile_of_each(
    residuals: list[float], size: int
) -> None:
    window = ResidualWindow((1,), LEVELS, size=size)
    for residual in residuals:
        window.add(np.array([residual]))
    newest = residuals[-size:]
    assert list(window.quantiles) == [conformal(newest, level) for level in LEVELS]
    assert window.count[0] == sum(not math.isnan(value) for value in newest)


@given(st.integers(1, 39), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_cells_with_a_level_each_have_the_conformal_quantile_of_their_own(
    steps: int, size: int, seed: int
) -> None:
    residuals = np.random.default_rng(seed).normal(size=(steps, 2, 3)).astype(np.float32)
    window = ResidualWindow((2, 3), LEVELS, size=size)
    for step in residuals:
        window.add(step)
    expected = [
        [conformal(list(residuals[-size:, row, cell]), level) for cell, level in enumerate(LEVELS)]
        for row in range(2)
    ]
    assert window.quantiles.tolist() == expected


def test_quantiles_are_never_more_than_25_steps_old() -> None:
    residuals = np.random.default_rng(5).normal(size=1300).astype(np.float32)
    window = ResidualWindow((1,), (0.9,), size=200)
    lately: deque[float] = deque(maxlen=25)
    for count, residual in enumerate(residuals, start=1):
        window.add(np.array([residual]))
        lately.append(conformal(list(residuals[max(0, count - 200) : count]), 0.9))
        assert window.quantiles[0] in lately


def test_the_quantile_covers_the_next_residual_as_often_as_it_says() -> None:
    residuals = np.random.default_rng(11).gamma(2.0, 1.0, 6000)
    window, covered = ResidualWindow((1,), (0.9,), size=500), 0
    for count, residual in enumerate(residuals):
        covered += count >= 500 and residual <= window.quantiles[0]
        window.add(np.array([residual]))
    assert covered / 5500 == pytest.approx(0.9, abs=0.015)
