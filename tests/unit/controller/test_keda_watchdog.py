from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from controller.adapters.keda.watchdog import STUCK_EXIT_CODE, watched_loop

STUCK = """
import asyncio, time
from controller.adapters.keda.watchdog import watched_loop

async def main():
    async with watched_loop(0.5):
        await asyncio.sleep(0.1)
        time.sleep(60)

asyncio.run(main())
"""


def test_a_stuck_process_ends_itself_and_says_where_it_stood() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=50, check=False
    )
    assert ended.returncode == STUCK_EXIT_CODE, ended.stderr
    assert ended.stderr.startswith("the event loop is stuck")
    assert "in main" in ended.stderr


async def test_a_loop_that_turns_is_left_alone() -> None:
    ended = threading.Event()
    async with watched_loop(1.0, end=ended.set):
        for _ in range(30):
            await asyncio.sleep(0.05)
    assert not ended.is_set()


@pytest.mark.parametrize("limit_seconds", [0.2, 0.4])
async def test_a_stuck_loop_is_noticed(limit_seconds: float) -> None:
    ended = threading.Event()
    async with watched_loop(limit_seconds, end=ended.set):
        await asyncio.sleep(0.05)
        deadline = time.monotonic() + 30.0
        while not ended.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)  # noqa: ASYNC251
    assert ended.is_set()


async def test_the_thread_ends_with_its_block() -> None:
    async with watched_loop(5.0):
        [thread] = [one for one in threading.enumerate() if one.name == "loop-watchdog"]
    thread.join(20.0)
    assert not thread.is_alive()
