from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Iterator

import pytest

from predictor.fitting import Fit, FitPool


@pytest.fixture
def pool() -> Iterator[FitPool]:
    pool = FitPool(max_workers=1)
    yield pool
    pool.close()


async def collected(pool: FitPool, count: int) -> list[Fit]:
    """Return fits once so many have finished."""
    fits: list[Fit] = []
    async with asyncio.timeout(60):
        while len(fits) < count:
            fits += pool.collect()
            await asyncio.sleep(0.01)
    return fits


async def test_a_fit_is_done_elsewhere_and_collected(pool: FitPool) -> None:
    assert pool.submit("chat", os.getpid)
    (fit,) = await collected(pool, 1)
    assert fit.key == "chat"
    assert fit.result != os.getpid()
    assert pool.collect() == []


async def test_a_key_has_one_fit_in_flight(pool: FitPool) -> None:
    assert pool.submit("chat", math.sqrt, 4.0)
    assert not pool.submit("chat", math.sqrt, 9.0)
    assert await collected(pool, 1) == [Fit(key="chat", result=2.0)]
    assert pool.submit("chat", math.sqrt, 9.0)


async def test_a_fit_that_fails_says_why_and_the_pool_goes_on(pool: FitPool) -> None:
    pool.submit("chat", math.sqrt, -1.0)
    (fit,) = await collected(pool, 1)
    assert fit.error == "ValueError: math domain error"
    assert pool.crashes == 0


async def test_a_worker_that_dies_is_counted_and_the_pool_made_anew(pool: FitPool) -> None:
    pool.submit("chat", os._exit, 1)
    (fit,) = await collected(pool, 1)
    assert fit.error is not None
    assert pool.crashes == 1
    pool.submit("chat", math.sqrt, 4.0)
    assert await collected(pool, 1) == [Fit(key="chat", result=2.0)]


async def test_one_dead_worker_costs_one_pool_and_no_fit_of_the_next(pool: FitPool) -> None:
    pool.submit("chat", os._exit, 1)
    lost = 0
    async with asyncio.timeout(60):
        while pool.crashes == 0:
            # Found dead by what is submitted next, while the fit that died waits to be collected.
            lost += pool.submit(f"later {lost}", math.sqrt, 4.0)
            await asyncio.sleep(0.01)
    pool.submit("code", math.sqrt, 9.0)
    fits = await collected(pool, lost + 2)
    assert Fit(key="code", result=3.0) in fits
    assert pool.crashes == 1


async def test_few_fits_wait_so_that_none_is_made_of_old_steps(pool: FitPool) -> None:
    begun = [pool.submit(f"chat {number}", math.sqrt, 4.0) for number in range(5)]
    assert begun == [True, True, False, False, False]
    assert len(await collected(pool, 2)) == 2
    assert pool.submit("chat 2", math.sqrt, 4.0)


def test_no_worker_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="max_workers: 0 is not at least 1"):
        FitPool(max_workers=0)


def test_a_closed_pool_begins_no_fit() -> None:
    pool = FitPool(max_workers=1)
    pool.close()
    assert not pool.submit("chat", math.sqrt, 9.0)
    assert pool.collect() == []
