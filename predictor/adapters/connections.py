"""Connections of a server, bounded in number, and in how long they may keep it waiting.

Each holds a file descriptor, of which a process has few: without a bound, clients that connect and
say nothing would take them all, from whatever else the process reads as well. uvicorn's own limit
comes too late, once a request was read, and its time limit only after the first response.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_log = logging.getLogger(__name__)
#: Of the descriptors that a process may have, the share that connections may take: as many again
#: may be on their way in, and the rest is for what the process itself opens.
_SHARE_OF_DESCRIPTORS = 1 / 3
_MOST_CONNECTIONS = 1000
_WARN_EVERY_SECONDS = 60.0
_OUT_OF_DESCRIPTORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class SeldomLog:
    """Warns of what may come a thousand times a second, once a minute at most."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing said."""
        self._monotonic = monotonic
        self._said_at: float | None = None

    def warn(self, line: str, *words: object) -> None:
        """Log a line, unless one was logged a moment ago."""
        now = self._monotonic()
        if self._said_at is None or now - self._said_at >= _WARN_EVERY_SECONDS:
            self._said_at = now
            _log.warning(f"{line} (said once a minute at most)", *words)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How many connections there may be, and for how long one may come without a request."""

    most: int
    silent_seconds: float = 10.0
    log: SeldomLog

    @classmethod
    def of_process(cls) -> ConnectionLimits:
        """Return limits that leave most of this process's descriptors to others."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        descriptors = _MOST_CONNECTIONS / _SHARE_OF_DESCRIPTORS if soft < 0 else soft
        most = min(_MOST_CONNECTIONS, int(descriptors * _SHARE_OF_DESCRIPTORS))
        return cls(most=max(most, 1), log=SeldomLog())


class BoundedConnection(H11Protocol):
    """A connection that ends unless whole requests come, and that makes room for newer ones."""

    def __init__(self, *args: Any, limits: ConnectionLimits, **kwargs: Any) -> None:
        """Take what uvicorn gives, and the limits."""
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._waiting: asyncio.TimerHandle | None = None

    @property
    def waits_since(self) -> float | None:
        """Since when no request has come, up to its last header; None while one is answered.

        In the loop's time, and by a constant later: it only tells which waits longest.
        """
        return None if self._waiting is None else self._waiting.when()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; beyond the limit, in the place of who waits longest."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > self._limits.most:
            self._limits.log.warn(
                "more than %d connections: those without a request are closed", self._limits.most
            )
            self._longest_waiting().transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait no more once a request has come; a part of one is not enough."""
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless that is there already."""
        super().on_response_complete()
        if not self._is_answering():
            self._await_request()

    def _is_answering(self) -> bool:
        # There is none before the first request, though its type has no None.
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _await_request(self) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            seconds = self._limits.silent_seconds
            self._waiting = self.loop.call_later(seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _longest_waiting(self) -> BoundedConnection:
        """Return who has waited longest: this one, the newest, if all others are answered."""
        waiting = [
            (one.waits_since, one)
            for one in self.connections
            if isinstance(one, BoundedConnection)
            and one.waits_since is not None
            and not one.transport.is_closing()
        ]
        return min(waiting, key=lambda pair: pair[0], default=(0.0, self))[1]


def say_seldom(loop: asyncio.AbstractEventLoop, log: SeldomLog) -> Callable[[], None]:
    """Have a loop that can accept no connection say so seldom; what is returned undoes it.

    It tries again each second, and would log a traceback for each connection that it might take.
    """
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if "socket" in context and getattr(error, "errno", None) in _OUT_OF_DESCRIPTORS:
            log.warn("no further connection can be taken: %s", error)
        elif before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
    return lambda: loop.set_exception_handler(before)
