"""Runs a blocking call in a daemon thread, so that a hung server never delays the exit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def call_in_daemon_thread(function: Callable[[], T], *, name: str) -> T:
    """Return what the function returns, or raise what it raises.

    A cancelled caller leaves the thread behind: the function must bound itself. Unlike with
    asyncio.to_thread, neither other calls nor the end of the process wait for it.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, raised = None, None
        try:
            result = function()
        except BaseException as error:
            raised = error
        try:
            loop.call_soon_threadsafe(settle, result, raised)
        except RuntimeError:
            return  # The loop has ended; nobody waits any more.

    threading.Thread(target=work, name=name, daemon=True).start()
    return await future
