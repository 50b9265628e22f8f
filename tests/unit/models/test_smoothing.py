"""Against plain recursions over one series, a value at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from models.smoothing import DampedHolt, Levels

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


def plain_holt(values: Sequence[float], ahead: int) -> float:
    """Gardner and McKenzie's recursion; without a value the trend goes on, damped."""
    level, trend = NAN, 0.0
    for value in values:
        carried = level + 0.95 * trend
        if math.isnan(carried):
            carried = value
        error = 0.0 if math.isnan(value - carried) else value - carried
        level, trend = carried + 0.3 * error, 0.95 * trend + 0.05 * error
    point = level + trend * sum(0.95**step for step in range(1, ahead + 1))
    return 0.0 if point < 0 else point


@given(demands, st.sampled_from([0.7, 4.0, 120.0]))
def test_a_level_is_the_exponentially_weighted_mean(values: list[float], half_life: float) -> None:
    levels = Levels((half_life,), workloads=1)
    for value in values:
        levels.update(np.array([value]))
    expected = plain_ewma(values, half_life)
    assert levels.values[0, 0] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@given(demands, st.sampled_from([1, 5, 60]))
def test_the_damped_trend_is_carried_as_far_as_asked(values: list[float], ahead: int) -> None:
    holt = DampedHolt(workloads=1)
    for value in values:
        holt.update(np.array([value]))
    [[point]] = holt.points(np.array([float(ahead)]))
    assert point == pytest.approx(plain_holt(values, ahead), rel=1e-9, abs=1e-6, nan_ok=True)


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


def test_nothing_known_has_no_level_and_no_point() -> None:
    levels, holt = Levels((1.0, 4.0), workloads=2), DampedHolt(workloads=2)
    levels.update(np.array([NAN, NAN]))
    holt.update(np.array([NAN, NAN]))
    assert np.isnan(levels.values).all()
    assert np.isnan(holt.points(np.array([1.0, 2.0]))).all()


@given(demands, demands)
def test_workloads_do_not_touch_each_other(mine: list[float], others: list[float]) -> None:
    mine = mine[: len(others)]
    levels, alone = Levels((4.0, 20.0), workloads=2), Levels((4.0, 20.0), workloads=1)
    holt, holt_alone = DampedHolt(workloads=2), DampedHolt(workloads=1)
    for value, other in zip(mine, others, strict=False):
        levels.update(np.array([value, other]))
        holt.update(np.array([value, other]))
        alone.update(np.array([value]))
        holt_alone.update(np.array([value]))
    steps = np.array([1.0, 30.0])
    assert_array_equal(levels.values[:, :1], alone.values)
    assert_array_equal(holt.points(steps)[:1], holt_alone.points(steps))


def test_a_point_never_falls_below_nothing() -> None:
    holt = DampedHolt(workloads=1)
    for value in (100.0, 50.0, 0.0, 0.0):
        holt.update(np.array([value]))
    assert_allclose(holt.points(np.array([50.0])), 0.0)
