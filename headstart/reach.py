"""How far ahead demand is forecast: as far as any plan may look."""

from __future__ import annotations

from collections.abc import Iterable

from controller.policy import WorkloadPolicy

#: The longest lead time that is usual, with room.
SHORTEST_REACH_SECONDS = 900.0
#: Restores that take longer are given up on, or are too rare to forecast everything for.
LONGEST_RESTORE_SECONDS = 1800.0
#: Of a process whose policies come and go while it runs: the longest restore, with room.
LONGEST_REACH_SECONDS = LONGEST_RESTORE_SECONDS + 300.0


def reach_seconds(policies: Iterable[WorkloadPolicy], *, tick_seconds: float) -> float:
    """Return how far forecasts must reach: the longest restore, and a tick."""
    reaches = [
        min(policy.restore.timeout_seconds, LONGEST_RESTORE_SECONDS) + tick_seconds
        for policy in policies
    ]
    return max([SHORTEST_REACH_SECONDS, *reaches])
