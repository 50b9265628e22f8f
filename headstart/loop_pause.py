"""The pause between two ticks, which news may cut short: a boost shall not wait for its turn."""

from __future__ import annotations

import asyncio
import contextlib

#: However much news comes, there are no more than two ticks a second because of it.
SHORTEST_SECONDS = 0.5


class LoopPause:
    """Waits for a loop. For one event loop's thread."""

    def __init__(self) -> None:
        """Begin without news."""
        self._news = asyncio.Event()

    def cut_short(self) -> None:
        """End the pause that is, or the next one if the loop is at work."""
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Wait, or only for the shortest pause if there is news."""
        await asyncio.sleep(min(seconds, SHORTEST_SECONDS))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds - SHORTEST_SECONDS, 0.0)):
                await self._news.wait()
        self._news.clear()
