"""Forecasts of a whole series in blocks of steps, made here or ahead in a process beside.

Forecasts do not depend on plans, so a long replay plans one block while the next is being made.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from headstart.errors import RunFailedError
from headstart.forecast_track import advance, learned_track
from models.forecast import QUANTILES, FloatArray
from models.horizons import HorizonGrid
from models.portfolio import Portfolio
from models.series import DemandSeries
from predictor.worker_process import end_with_parent

#: As many as a pipe holds a few blocks of.
_STEPS = 64
#: Shorter series are forecast sooner than a process has started.
_WORTH_A_PROCESS = 4000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastBlock:
    """Forecasts made at the ends of some steps, the last of which is ``end - 1``.

    ``quantiles`` is [steps, quantiles, horizons], demand per second; ``is_gated`` [steps] says
    where they are the plain mean's.
    """

    end: int
    quantiles: FloatArray
    is_gated: NDArray[np.bool_]

    def made_at(self, step: int) -> tuple[FloatArray, bool]:
        """Return the quantiles [horizons, quantiles] as of a step's end, and if they are gated."""
        row = step - self.end
        return self.quantiles[row].T, bool(self.is_gated[row])


def forecast_blocks(
    series: DemandSeries, grid: HorizonGrid, pool: Executor
) -> Iterator[ForecastBlock]:
    """Yield the forecasts of every step, block by block; each of what came before it alone."""
    portfolio = Portfolio(grid, step_seconds=series.step_seconds)
    tracks = learned_track(series, grid, pool)
    until, track = next(tracks)
    for first in range(0, len(series.values), _STEPS):
        end = min(first + _STEPS, len(series.values))
        quantiles = np.empty((end - first, len(QUANTILES), len(grid)))
        is_gated = np.empty(end - first, dtype=bool)
        for step in range(first, end):
            while step >= until:
                until, track = next(tracks)
            advance(portfolio, series, step, track)
            quantiles[step - first] = portfolio.quantiles[0].T
            is_gated[step - first] = portfolio.is_gated[0]
        yield ForecastBlock(end=end, quantiles=quantiles, is_gated=is_gated)


@contextmanager
def blocks_ahead(
    series: DemandSeries, grid: HorizonGrid, fit_pool: Callable[[], Executor]
) -> Iterator[Iterator[ForecastBlock]]:
    """Give the blocks, made ahead in a process of its own where that pays.

    ``fit_pool`` makes the pool for fits; picklable, for it is called in that process.
    """
    if len(series.values) < _WORTH_A_PROCESS:
        with fit_pool() as pool:
            yield forecast_blocks(series, grid, pool)
        return
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_make, args=(there, series, grid, fit_pool))
    process.start()
    there.close()
    try:
        yield _received(here)
    finally:
        here.close()  # then the process ends too, wherever it is
        process.join()


def _make(
    pipe: Connection, series: DemandSeries, grid: HorizonGrid, fit_pool: Callable[[], Executor]
) -> None:
    """Send every block, or the error that ended them; runs in the process beside."""
    # An interrupt from the keyboard reaches all processes; the one in front says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    try:
        with fit_pool() as pool:
            try:
                for block in forecast_blocks(series, grid, pool):
                    pipe.send(block)
            except BrokenPipeError:
                pool.shutdown(cancel_futures=True)  # nobody reads any more
    except Exception as error:
        with contextlib.suppress(BrokenPipeError):  # nobody is left to be told
            pipe.send(error)


def _received(pipe: Connection) -> Iterator[ForecastBlock]:
    while True:
        try:
            sent = pipe.recv()
        except EOFError as error:
            raise RunFailedError("the process that makes the forecasts has ended") from error
        if isinstance(sent, Exception):
            raise sent
        yield sent
