"""What the controller's loop is given: how often it turns, and the outside that it works with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from controller.ports import Cluster, Outlooks


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """How often the loop turns, how old a view may be, and how it backs off.

    Every call to the cluster is given up after ``call_timeout_seconds``; ``actions_at_once`` are
    under way together. After failures the loop waits ``first_backoff_seconds``, doubled each time
    up to ``longest_backoff_seconds``, less a random part of up to a half, so that many controllers
    don't come back at once.
    """

    tick_seconds: float = 5.0
    stale_after_seconds: float = 30.0
    call_timeout_seconds: float = 20.0
    actions_at_once: int = 8
    first_backoff_seconds: float = 1.0
    longest_backoff_seconds: float = 60.0
    plans_kept_per_workload: int = 2160

    def no_answer(self, verb: str) -> str:
        """Return what to say of a call that was given up."""
        return f"no answer to {verb} within {self.call_timeout_seconds:g} s"

    def backoff_seconds(self, failures: int, *, luck: float) -> float:
        """Return how long to wait after so many failures in a row; ``luck`` is in [0, 1)."""
        doubled: float = self.first_backoff_seconds * 2.0 ** min(failures - 1, 32)
        return min(self.longest_backoff_seconds, doubled) * (1.0 - luck / 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Ports, the clock (seconds since the epoch), waiting in that clock's seconds, and chance.

    ``luck`` draws from [0, 1).
    """

    cluster: Cluster
    outlooks: Outlooks
    clock: Callable[[], float]
    luck: Callable[[], float]
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
