from __future__ import annotations

import asyncio

from headstart.loop_pause import SHORTEST_SECONDS, LoopPause

#: No test here would end within its time-out if it were waited for.
LONG_SECONDS = 10_000.0


async def test_news_ends_a_pause() -> None:
    pause = LoopPause()
    waiting = asyncio.create_task(pause.wait(LONG_SECONDS))
    await asyncio.sleep(0)
    pause.cut_short()
    await waiting


async def test_news_that_came_while_the_loop_was_at_work_shortens_the_next_pause() -> None:
    pause, loop = LoopPause(), asyncio.get_running_loop()
    pause.cut_short()
    began = loop.time()
    await pause.wait(LONG_SECONDS)
    assert loop.time() - began >= SHORTEST_SECONDS * 0.9


async def test_news_is_heeded_once() -> None:
    pause = LoopPause()
    pause.cut_short()
    await pause.wait(LONG_SECONDS)
    waiting = asyncio.create_task(pause.wait(LONG_SECONDS))
    done, _ = await asyncio.wait([waiting], timeout=2 * SHORTEST_SECONDS)
    waiting.cancel()
    assert done == set()


async def test_without_news_a_pause_is_as_long_as_it_was_meant() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await LoopPause().wait(0.01)
    await LoopPause().wait(0.0)
    assert loop.time() - began < LONG_SECONDS
