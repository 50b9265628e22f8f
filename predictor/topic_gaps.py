"""Where a topic's events were gone before they could be read, and when that ended. Pure: no clock.

One thread at a time; the Kafka reader guards it with its lock.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Generic, TypeVar

#: Clocks differ: an event may be ahead of ours by this and a step.
MAX_AHEAD_SECONDS = 60.0

#: From when to when events are missing.
Gap = tuple[float, float]
Partition = TypeVar("Partition", bound=Hashable)


class OpenGaps(Generic[Partition]):
    """The partitions of which events are gone, each since a time, until one is read again."""

    def __init__(self) -> None:
        """Begin with none."""
        self._since: dict[Partition, float] = {}

    def open(self, partition: Partition, since: float) -> None:
        """Note that events since a time are gone; a gap still open began before."""
        self._since[partition] = min(since, self._since.get(partition, since))

    def ended_by(self, partition: Partition, recorded_at: float, *, now: float) -> Gap | None:
        """Return the gap that a record ends, if it does.

        A record says when a gap ended only by a time that can be right: what producers write there
        may lie years ahead, or before the gap.
        """
        since = self._since.get(partition)
        if since is None or not since <= recorded_at <= now + MAX_AHEAD_SECONDS:
            return None
        del self._since[partition]
        return since, recorded_at

    def ended_at(self, time: float) -> list[Gap]:
        """Return the gaps that are still open, for at this time all was read."""
        gaps = [(since, time) for since in self._since.values()]
        self._since.clear()
        return gaps


def joined(newest: Gap | None, other: Gap) -> Gap:
    """Return both as one if they touch, else the later."""
    if newest is None:
        return other
    if newest[0] <= other[1] and other[0] <= newest[1]:
        return min(newest[0], other[0]), max(newest[1], other[1])
    return max(newest, other)


def gap_sentence(gap: Gap) -> str:
    """Name a gap, by the whole seconds around it."""
    whole = math.floor(gap[0]), math.ceil(gap[1])
    since, until = (f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}" for time in whole)
    return f"events from {since} to {until} are missing: they were gone before they could be read"
