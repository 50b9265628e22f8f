"""Bounds how fast requests go out; what matters most goes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum


class Priority(IntEnum):
    """Who goes first when requests wait.

    URGENT (the lease) never waits. SOON is for what later actions need, such as new nodes: it
    leaves a quarter of the burst to a tick's actions, but after two seconds it is one of them.
    BACKGROUND, for which nobody waits, leaves half.
    """

    URGENT = 0
    ACTION = 1
    READ = 2
    SOON = 3
    BACKGROUND = 4


#: What is left of the burst to those that go first.
_RESERVED = {Priority.SOON: 0.25, Priority.BACKGROUND: 0.5}
_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Tokens at ``at`` in monotonic seconds; refilled by ``per_second`` up to ``burst``."""

    per_second: float
    burst: float
    tokens: float
    at: float

    def refilled(self, now: float) -> Bucket:
        """Return the bucket at ``now``."""
        gained = max(0.0, now - self.at) * self.per_second
        tokens = min(self.burst, self.tokens + gained)
        return Bucket(
            per_second=self.per_second, burst=self.burst, tokens=tokens, at=max(now, self.at)
        )

    def taken(self) -> Bucket:
        """Return the bucket after one request."""
        return Bucket(
            per_second=self.per_second, burst=self.burst, tokens=self.tokens - 1.0, at=self.at
        )

    def seconds_until(self, tokens: float) -> float:
        """Return how long until there are so many tokens."""
        return max(0.0, (tokens - self.tokens) / self.per_second)

    def asked_for(self, priority: Priority) -> float:
        """Return how many tokens there must be for a request of that priority to go out."""
        return min(1.0 + _RESERVED.get(priority, 0.0) * self.burst, self.burst)


class RequestBudget:
    """Lets requests through at a bounded rate, by priority, then in the order they came.

    After ``hold`` nothing but URGENT goes out for a while: the server asked for a pause.
    """

    def __init__(
        self, *, per_second: float, burst: int, clock: Callable[[], float] | None = None
    ) -> None:
        """Begin with a full bucket; ``clock`` is monotonic, the event loop's if none is given."""
        self._clock = clock or asyncio.get_running_loop().time
        now = self._clock()
        self._bucket = Bucket(
            per_second=per_second, burst=float(burst), tokens=float(burst), at=now
        )
        self._held_until = now
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, priority: Priority) -> None:
        """Wait for this request's turn."""
        if priority is Priority.URGENT:
            self._bucket = self._bucket.refilled(self._clock()).taken()
            return
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        turn: asyncio.Future[None] = loop.create_future()
        self._queue(priority, number, turn)
        if priority is Priority.SOON and not turn.done():
            raised = loop.call_later(_PATIENCE_SECONDS, self._queue, Priority.ACTION, number, turn)
            turn.add_done_callback(lambda _: raised.cancel())
        await turn

    def hold(self, seconds: float) -> None:
        """Let nothing but URGENT out for so long."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    def _queue(self, priority: Priority, number: int, turn: asyncio.Future[None]) -> None:
        heapq.heappush(self._waiting, (int(priority), number, turn))
        self._let_go()

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        self._bucket = self._bucket.refilled(now)
        while self._waiting and now >= self._held_until and self._seconds_to_next() <= 0.0:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():  # a caller that gave up holds no token
                turn.set_result(None)
                self._bucket = self._bucket.taken()
        if self._waiting:
            pause = max(self._held_until - now, self._seconds_to_next(), 0.001)
            self._timer = asyncio.get_running_loop().call_later(pause, self._let_go)

    def _seconds_to_next(self) -> float:
        """Return how long until there are tokens for whoever comes first."""
        priority = Priority(self._waiting[0][0])
        return self._bucket.seconds_until(self._bucket.asked_for(priority))
