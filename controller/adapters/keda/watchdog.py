"""Ends the process when its event loop is stuck: KEDA gives a frozen scaler no deadline.

A dead scaler is replaced at once; a frozen one freezes its workloads' autoscaling for as long as
the connection stands. A thread watches, for a stuck loop can't watch itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable

#: The exit code of a process that ended itself because it hung (EX_SOFTWARE).
STUCK_EXIT_CODE = 70
_BEATS_PER_LIMIT = 10


@contextlib.asynccontextmanager
async def watched_loop(
    limit_seconds: float, *, end: Callable[[], None] | None = None
) -> AsyncIterator[None]:
    """Watch the running loop: if it turns no more for the limit, call ``end`` off its thread.

    By default that prints every thread's stack to stderr and exits with STUCK_EXIT_CODE.
    """
    beat_seconds = limit_seconds / _BEATS_PER_LIMIT
    last = [time.monotonic()]
    has_stopped = threading.Event()

    async def beat() -> None:
        while True:
            last[0] = time.monotonic()
            await asyncio.sleep(beat_seconds)

    def watch() -> None:
        woke = time.monotonic()
        while not has_stopped.wait(beat_seconds):
            # A machine that slept, or a process that was stopped, froze this thread as well.
            now = time.monotonic()
            if now - woke > limit_seconds / 2:
                last[0] = now
            woke = now
            if now - last[0] > limit_seconds:
                (end or _die)()
                return

    thread = threading.Thread(target=watch, name="loop-watchdog", daemon=True)
    beating = asyncio.create_task(beat())
    thread.start()
    try:
        yield
    finally:
        has_stopped.set()
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


def _die() -> None:
    sys.stderr.write("the event loop is stuck: ending the process, to be started anew\n")
    faulthandler.dump_traceback(file=sys.stderr)
    sys.stderr.flush()
    os._exit(STUCK_EXIT_CODE)
