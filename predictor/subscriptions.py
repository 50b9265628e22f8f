"""Hands each published outlook to whoever listens; drops who is too slow, instead of buffering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from models.forecast import WorkloadName
from models.outlook import Outlook
from predictor.ports import Publication

#: Publications a listener may be behind, per workload that it listens to.
BACKLOG = 16


class Subscriptions:
    """The newest outlook of each workload, and those who wait for the next."""

    def __init__(self) -> None:
        """Begin with nothing published."""
        self._number = 0
        self._latest: dict[WorkloadName, Publication] = {}
        self._listeners: dict[asyncio.Queue[Publication], WorkloadName | None] = {}
        self.dropped = 0

    def latest(self, workload: WorkloadName) -> Outlook | None:
        """Return a workload's newest outlook; None before the first."""
        publication = self._latest.get(workload)
        return publication.outlook if publication else None

    def publish(self, outlook: Outlook) -> None:
        """Make an outlook the newest of its workload, and hand it out."""
        self._number += 1
        publication = Publication(number=self._number, outlook=outlook)
        self._latest[outlook.workload] = publication
        for queue, wanted in list(self._listeners.items()):
            if wanted is None or wanted == outlook.workload:
                self._hand(queue, publication)

    def forget(self, workload: WorkloadName) -> None:
        """Let go of a workload that is gone."""
        self._latest.pop(workload, None)

    async def subscribe(self, workload: WorkloadName | None = None) -> AsyncIterator[Publication]:
        """Yield the newest outlooks, then each new one; ends if the listener is too slow."""
        newest = [
            publication
            for name, publication in self._latest.items()
            if workload is None or name == workload
        ]
        queue: asyncio.Queue[Publication] = asyncio.Queue(BACKLOG * max(1, len(newest)))
        self._listeners[queue] = workload
        try:
            for publication in sorted(newest, key=lambda one: one.number):
                yield publication
            while queue in self._listeners or not queue.empty():
                yield await queue.get()
        finally:
            self._listeners.pop(queue, None)

    def _hand(self, queue: asyncio.Queue[Publication], publication: Publication) -> None:
        try:
            queue.put_nowait(publication)
        except asyncio.QueueFull:
            # It gets what it has, then the end; a new connection begins with the newest.
            del self._listeners[queue]
            self.dropped += 1
