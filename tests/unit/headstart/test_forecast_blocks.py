"""Forecasts made in a process beside are those made here, and it ends with whoever asked."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import headstart.forecast_blocks
from headstart.errors import RunFailedError
from headstart.forecast_blocks import blocks_ahead, forecast_blocks
from headstart.forecast_track import fit_pool
from models.horizons import grid_of
from models.portfolio import Portfolio
from models.series import DemandSeries

GRID = grid_of((1, 2, 6))
ONE_FIT_AT_A_TIME = partial(fit_pool, 1)


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a short series forecast in a process of its own."""
    monkeypatch.setattr(headstart.forecast_blocks, "_WORTH_A_PROCESS", 100)


def a_series(steps: int) -> DemandSeries:
    generator = np.random.default_rng(5)
    values = generator.gamma(9.0, 2.0, steps)
    values[20:25] = np.nan
    return DemandSeries(start=1_700_000_000.0, step_seconds=10.0, values=values)


def test_blocks_hold_the_forecast_of_every_step() -> None:
    series = a_series(150)
    portfolio = Portfolio(GRID, step_seconds=10.0)
    with fit_pool(1) as pool:
        blocks = list(forecast_blocks(series, GRID, pool))
    assert [block.end for block in blocks] == [64, 128, 150]
    for step, value in enumerate(series.values):
        portfolio.advance(series.start + (step + 1) * 10.0, np.asarray([value]))
        quantiles, is_gated = blocks[step // 64].made_at(step)
        assert_array_equal(quantiles, portfolio.quantiles[0])
        assert is_gated == portfolio.is_gated[0]


@pytest.mark.usefixtures("beside")
def test_a_process_beside_makes_the_same_forecasts() -> None:
    series = a_series(150)
    with fit_pool(1) as pool:
        here = list(forecast_blocks(series, GRID, pool))
    with blocks_ahead(series, GRID, ONE_FIT_AT_A_TIME) as blocks:
        beside = [next(blocks) for _ in here]
    for one, other in zip(here, beside, strict=True):
        assert one.end == other.end
        assert_array_equal(one.quantiles, other.quantiles)
        assert_array_equal(one.is_gated, other.is_gated)


@pytest.mark.usefixtures("beside")
def test_a_process_beside_ends_when_nobody_reads_any_more() -> None:
    with blocks_ahead(a_series(700), GRID, ONE_FIT_AT_A_TIME) as blocks:
        assert next(blocks).end == 64
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    ("broken", "error", "words"),
    [
        (partial(fit_pool, 0), ValueError, "max_workers"),
        (partial(os._exit, 3), RunFailedError, "the process that makes the forecasts has ended"),
    ],
)
def test_what_goes_wrong_beside_is_said_here(
    broken: Callable[[], Any], error: type[Exception], words: str
) -> None:
    make = cast(Callable[[], Executor], broken)
    with pytest.raises(error, match=words), blocks_ahead(a_series(150), GRID, make) as blocks:
        next(blocks)
