"""Against plain recursions over one series, a value at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.smoothing import Levels

NAN = float("nan")
demands = st.lists(st.just(NAN) | st.floats(0, 1e6), min_size=1, max_size=30)


def plain_ewma(values: Sequence[float], half_life: float) -> float:
    """Forget for each step that passed, known or not; never more slowly than a plain mean."""
    level, seen, gap = NAN, 0, 0
    for value in values:
        if math.isnan(value):
            gap += 1
            continue
        seen += 1
        keep = min(0.5 ** ((1 + gap) / half_life), (seen - 1) / seen)
        level = value if seen == 1 else keep * level + (1 - keep) * value
        gap = 0
    return level


@given(demands, st.sampled_from([0.7, 4.0, 120.0]))
def test_a_level_is_the_exponentially_weighted_mean(values: list[float], half_life: float) -> None:
    levels = Levels((half_life,), workloads=1)
    for value in values:
        levels.update(np.array([value]))
    expected = plain_ewma(values, half_life)
    assert levels.values[0, 0] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def test_a_half_life_is_how_long_a_level_takes_to_come_half_way() -> None:
    levels = Levels((4.0,), workloads=1)
    for value in [0.0] * 200 + [8.0] * 4:
        levels.update(np.array([value]))
    assert levels.values[0, 0] == pytest.approx(4.0, abs=1e-6)


def test_the_level_of_a_cold_start_is_the_plain_mean() -> None:
    levels = Levels((120.0,), workloads=1)
    for value in (4.0, 8.0, 9.0):
        levels.update(np.array([value]))
    assert levels.values[0, 0] == pytest.approx(7.0)


def test_nothing_known_has_no_level() -> None:
    levels = Levels((1.0, 4.0), workloads=2)
    levels.update(np.array([NAN, NAN]))
    assert np.isnan(levels.values).all()


@given(demands, demands)
def test_workloads_do_not_touch_each_other(mine: list[float], others: list[float]) -> None:
    mine = mine[: len(others)]
    levels, alone = Levels((4.0, 20.0), workloads=2), Levels((4.0, 20.0), workloads=1)
    for value, other in zip(mine, others, strict=False):
        levels.update(np.array([value, other]))
        alone.update(np.array([value]))
    assert_array_equal(levels.values[:, :1], alone.values)
