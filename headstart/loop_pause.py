"""The pause between two ticks, which news may cut short: a boost shall not wait for its turn."""

from __future__ import annotations

import asyncio
import contextlib

#: However much news comes, a pause is so long, and so many times as long as the turn before it:
#: news never has the loop take more than a third of the time.
SHORTEST_SECONDS, _OF_TURN = 0.1, 2.0


class LoopPause:
    """Waits for a loop. For one event loop's thread."""

    def __init__(self) -> None:
        """Begin without news."""
        self._news = asyncio.Event()
        self._resumed_at: float | None = None

    def cut_short(self) -> None:
        """End the pause that is, or the next one if the loop is at work."""
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Wait, or only for the shortest pause if there is news."""
        shortest = min(seconds, self._shortest_seconds())
        await asyncio.sleep(shortest)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds - shortest):
                await self._news.wait()
        self._news.clear()
        self._resumed_at = asyncio.get_running_loop().time()

    def _shortest_seconds(self) -> float:
        if self._resumed_at is None:
            return SHORTEST_SECONDS
        turn = asyncio.get_running_loop().time() - self._resumed_at
        return max(SHORTEST_SECONDS, _OF_TURN * turn)
