"""Tells any number of waiting streams that something may have changed. Holds no values.

Who waits reads the newest values on waking, so a slow one skips what lay between, and nothing
queues up for it.
"""

from __future__ import annotations

import asyncio


class Pulse:
    """A beat that wakes all who wait, and an end after which nobody waits any more."""

    def __init__(self) -> None:
        """Begin without a beat."""
        self._next: asyncio.Future[None] | None = None
        self._has_ended = False

    @property
    def has_ended(self) -> bool:
        """Whether streams are to end."""
        return self._has_ended

    def beat(self) -> None:
        """Wake all who wait. To be called on the event loop's thread."""
        waiting, self._next = self._next, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def end(self) -> None:
        """Wake all who wait, for the last time."""
        self._has_ended = True
        self.beat()

    async def wait(self, timeout_seconds: float) -> None:
        """Return at the next beat, after the time, or at once after the end."""
        if self._has_ended:
            return
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._next], timeout=timeout_seconds)
