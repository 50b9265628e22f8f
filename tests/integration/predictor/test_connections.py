"""A server among clients that connect and say nothing, too little, or too much at once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from predictor.adapters.connections import ConnectionLimits, SeldomLog, say_seldom
from predictor.adapters.http import serve

ASK = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
SLOWLY = b"GET /slowly HTTP/1.1\r\nHost: here\r\n\r\n"
PATIENCE_SECONDS = 20.0
SILENT_SECONDS = 0.5
Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Server:
    """A server that answers at once, or, if asked slowly, once it is told to."""

    def __init__(self, *, most: int = 100, silent_seconds: float = SILENT_SECONDS) -> None:
        self.limits = ConnectionLimits(most=most, silent_seconds=silent_seconds, log=SeldomLog())
        self.goes_on, self.is_asked = asyncio.Event(), asyncio.Semaphore(0)
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._peers: list[Peer] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        app = Starlette(routes=[Route("/healthz", self._health), Route("/slowly", self._slowly)])
        serving = asyncio.create_task(
            serve(app, "127.0.0.1", 0, on_listening=self._port.set_result, limits=self.limits)
        )
        try:
            yield self
        finally:
            for _, writer in self._peers:
                writer.close()
            self.goes_on.set()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def connect(self, *said: bytes) -> Peer:
        peer = await asyncio.open_connection("127.0.0.1", await self._port)
        self._peers.append(peer)
        for part in said:
            peer[1].write(part)
        return peer

    async def _health(self, _: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def _slowly(self, _: Request) -> PlainTextResponse:
        self.is_asked.release()
        await self.goes_on.wait()
        return PlainTextResponse("at last\n")


async def answered(peer: Peer, word: bytes = b"ok\n") -> bytes:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await peer[0].readuntil(word)


async def is_closed(peer: Peer) -> bool:
    """Say whether the server closes without another word."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            return await peer[0].read() == b""
        except ConnectionResetError:
            return True


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost:"])
async def test_who_says_too_little_is_let_go(said: bytes) -> None:
    async with Server().running() as server:
        assert await is_closed(await server.connect(said))


async def test_half_a_request_after_a_whole_one_is_too_little() -> None:
    async with Server().running() as server:
        peer = await server.connect(ASK)
        await answered(peer)
        peer[1].write(ASK[:10])
        assert await is_closed(peer)


async def test_an_answer_may_take_its_time_and_one_may_ask_again() -> None:
    async with Server().running() as server:
        peer = await server.connect(SLOWLY)
        await asyncio.sleep(2 * SILENT_SECONDS)
        server.goes_on.set()
        await answered(peer, b"at last\n")
        peer[1].write(ASK)
        assert (await answered(peer)).startswith(b"HTTP/1.1 200")


async def test_requests_sent_together_are_all_answered() -> None:
    async with Server().running() as server:
        peer = await server.connect(SLOWLY, ASK)
        await asyncio.sleep(2 * SILENT_SECONDS)
        server.goes_on.set()
        await answered(peer, b"at last\n")
        await answered(peer)
        assert await is_closed(peer)


async def test_beyond_the_limit_the_longest_silent_makes_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Server(most=3, silent_seconds=600.0).running() as server:
        busy = await server.connect(SLOWLY)
        await asyncio.wait_for(server.is_asked.acquire(), PATIENCE_SECONDS)
        silent = [await server.connect() for _ in range(20)]
        assert all([await is_closed(peer) for peer in silent[:-2]])
        for peer in [await server.connect() for _ in range(2)]:
            peer[1].write(ASK)
            await answered(peer)
        server.goes_on.set()
        await answered(busy, b"at last\n")
    assert lines(caplog) == [
        "more than 3 connections: those without a request are closed (said once a minute at most)"
    ]


async def test_where_all_are_answered_the_newest_is_turned_away() -> None:
    async with Server(most=2).running() as server:
        busy = [await server.connect(SLOWLY) for _ in range(2)]
        for _ in busy:
            await asyncio.wait_for(server.is_asked.acquire(), PATIENCE_SECONDS)
        assert await is_closed(await server.connect(ASK))
        server.goes_on.set()
        for peer in busy:
            await answered(peer, b"at last\n")


async def test_many_who_come_at_once_are_all_answered() -> None:
    async with Server(most=300).running() as server:
        peers = await asyncio.gather(*(server.connect(ASK) for _ in range(200)))
        for peer in peers:
            await answered(peer)


def lines(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_loop_out_of_descriptors_says_so_seldom(caplog: pytest.LogCaptureFixture) -> None:
    now, loop, others = 0.0, asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: others.append(context))
    undo = say_seldom(loop, SeldomLog(lambda: now))
    full = {"exception": OSError(errno.EMFILE, "Too many open files"), "socket": object()}
    for second in range(120):
        now = float(second)
        loop.call_exception_handler({"message": "no accept", **full})
    said = "no further connection can be taken: [Errno 24] Too many open files"
    assert lines(caplog) == [f"{said} (said once a minute at most)"] * 2
    # Whatever else goes wrong is said as before.
    for error in (OSError(errno.EBADF, "bad"), ValueError("bad")):
        loop.call_exception_handler({"message": "wrong", "exception": error, "socket": None})
    assert len(others) == 2
    undo()
    loop.call_exception_handler({"message": "no accept", **full})
    assert len(others) == 3
    loop.set_exception_handler(None)


def test_a_process_keeps_most_of_its_descriptors() -> None:
    assert 1 <= ConnectionLimits.of_process().most <= 1000
