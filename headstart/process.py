"""A process of several parts: they run together, are served on one address, and end together."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from headstart.errors import RunFailedError
from headstart.service_options import Address
from predictor.adapters import http as predictor_http
from predictor.errors import ListenError

_log = logging.getLogger(__name__)


def run_until_stopped(main: Coroutine[Any, Any, None]) -> int:
    """Run a process's main coroutine; SIGTERM ends it cleanly with exit code 0.

    Raises:
        RunFailedError: if the address to listen on can't be had.
    """

    async def stoppable() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await main

    try:
        asyncio.run(stoppable())
    except asyncio.CancelledError:
        _log.info("stopped")
    except ListenError as error:
        raise RunFailedError(f"--listen: {error}") from error
    return 0


async def _serve(
    routes: Sequence[BaseRoute],
    address: Address,
    on_listening: Callable[[int], None] | None,
    listening: asyncio.Event,
) -> None:
    def say(port: int) -> None:
        _log.info("serving on http://%s:%d", address.host, port)
        listening.set()
        if on_listening is not None:
            on_listening(port)

    app = Starlette(routes=list(routes))
    await predictor_http.serve(app, address.host, address.port, on_listening=say)


async def _after(listening: asyncio.Event, part: Coroutine[Any, Any, None]) -> None:
    await listening.wait()
    await part


async def together(
    routes: Sequence[BaseRoute],
    address: Address,
    on_listening: Callable[[int], None] | None,
    *parts: Coroutine[Any, Any, None],
) -> None:
    """Serve, then run parts until one fails or all are cancelled; the first failure ends all.

    Nothing is done before the address is had: a second process on it must not start replicas.
    """
    listening = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_serve(routes, address, on_listening, listening))
            for part in parts:
                group.create_task(_after(listening, part))
    except BaseExceptionGroup as failures:
        # The others were cancelled because of it: the first is what there is to say.
        raise failures.exceptions[0] from failures
    finally:
        for part in parts:
            part.close()  # one that never began would warn that nobody awaited it


def monotonic_seconds() -> float:
    """Return a clock that only goes on, also while the machine sleeps where there is such a one."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
