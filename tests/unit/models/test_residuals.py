from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.forecast import QUANTILES, FloatArray
from models.residuals import ResidualQuantiles, ascending, spacing

NAN = float("nan")
values = st.lists(st.just(NAN) | st.floats(-1e3, 1e3), min_size=1, max_size=39)


def after(residuals: FloatArray, *, memory_steps: float = 1000.0) -> ResidualQuantiles:
    """Return what one cell knows after some residuals."""
    found = ResidualQuantiles((1,), memory_steps=memory_steps)
    for residual in residuals:
        found.add(np.array([residual]))
    return found


@pytest.mark.parametrize("scale", [1e-4, 1.0, 300.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_quantiles_are_those_of_the_residuals(scale: float, seed: int) -> None:
    residuals = scale * np.random.default_rng(seed).gamma(2.0, 1.0, 4000)
    expected = np.quantile(residuals, QUANTILES)
    # Of a memory of a thousand, ten lie beyond the last quantile.
    assert after(residuals).quantiles[:, 0] == pytest.approx(expected, rel=0.25)


def test_the_quantile_covers_the_next_residual_as_often_as_it_says() -> None:
    residuals = np.random.default_rng(11).gamma(2.0, 1.0, 6000)
    cell, covered = ResidualQuantiles((1,), memory_steps=500.0), np.zeros(len(QUANTILES))
    for count, residual in enumerate(residuals):
        covered += (count >= 500) * (residual <= cell.quantiles[:, 0])
        cell.add(np.array([residual]))
    assert covered / 5500 == pytest.approx(np.array(QUANTILES), abs=0.015)


def test_residuals_that_have_grown_are_believed_within_the_memory() -> None:
    generator = np.random.default_rng(7)
    calm, wild = generator.normal(size=3000), 10 * generator.normal(size=2500)
    found = after(np.concatenate([calm, wild]), memory_steps=500.0).quantiles[:, 0]
    assert found == pytest.approx(np.quantile(wild, QUANTILES), rel=0.35, abs=1.5)


@given(values, values)
def test_cells_learn_apart_and_a_missing_residual_teaches_nothing(
    mine: list[float], others: list[float]
) -> None:
    both = ResidualQuantiles((2,), memory_steps=100.0)
    for step in range(max(len(mine), len(others))):
        pair = [own[step] if step < len(own) else NAN for own in (mine, others)]
        both.add(np.array(pair))
    for cell, own in enumerate((mine, others)):
        known = np.array([value for value in own if value == value])
        alone = after(known, memory_steps=100.0)
        assert_array_equal(both.quantiles[:, cell], alone.quantiles[:, 0])
        assert both.count[cell] == len(known)


@given(values)
def test_quantiles_ascend(residuals: list[float]) -> None:
    found = after(np.array(residuals)).quantiles[:, 0]
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()


def test_what_jumps_by_orders_is_not_overshot() -> None:
    jumps = np.array([0.0, 1e-6, 0.0, 8.6, -8.6] * 10)
    assert after(jumps).quantiles.max() <= 8.6


def test_nothing_known_is_no_residual_at_all() -> None:
    assert_array_equal(ResidualQuantiles((2, 3), memory_steps=10.0).quantiles, np.zeros((5, 2, 3)))


def test_quantiles_that_cross_are_put_in_order() -> None:
    crossed = np.array([1.0, 3.0, 2.0, 4.0, 4.0])[:, None]
    assert ascending(crossed)[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0, 4.0]


def test_the_spacing_of_an_exponential_tail_is_its_scale() -> None:
    tail = -3.0 * np.log(1.0 - np.array(QUANTILES))
    assert spacing(tail) == pytest.approx([3.0] * 5)
