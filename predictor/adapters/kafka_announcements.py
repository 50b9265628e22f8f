"""Demand announced on a Kafka topic: one reader for all workloads, from the topic's beginning."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from models.fields import CodecError
from models.forecast import WorkloadName
from predictor.adapters.kafka_thread import ConsumerThread
from predictor.adapters.kafka_whole_topic import WholeTopic
from predictor.adapters.poison_log import PoisonLog
from predictor.announcement import (
    Announcement,
    AnnouncementLimits,
    Cancelled,
    parse_announcement,
)
from predictor.ports import AnnouncementCounts
from predictor.settings import KafkaSettings

#: Announcements kept at a time, of all workloads; more are refused.
MOST_KEPT = 10_000


class AnnouncementReader:
    """Keeps what is announced and not over.

    A later record with the same id replaces the one before it, or takes it back. What can't be
    read is counted, logged with its offset and skipped.
    """

    def __init__(self, limits: AnnouncementLimits, *, clock: Callable[[], float]) -> None:
        """Begin with nothing announced."""
        self._limits, self._clock = limits, clock
        self._lock = threading.Lock()
        self._kept: dict[tuple[WorkloadName, str], Announcement] = {}
        self.taken = 0
        self.poison = PoisonLog("announcement")

    def current(self, workload: WorkloadName, now: float) -> tuple[Announcement, ...]:
        """Return what is announced for a workload and not over, the soonest first."""
        with self._lock:
            over = [key for key, one in self._kept.items() if one.end <= now]
            for key in over:
                del self._kept[key]
            mine = [one for (name, _), one in self._kept.items() if name == workload]
        return tuple(sorted(mine, key=lambda one: (one.start, one.id)))

    def take(self, record: Any) -> None:
        """Take in one record of the topic.

        Raises:
            CodecError: if it can't be read, or asks for too much.
        """
        parsed = parse_announcement(record.value, record.headers, self._limits)
        if parsed is not None:
            self._keep(parsed)

    def _keep(self, parsed: Announcement | Cancelled) -> None:
        key = (parsed.workload, parsed.id)
        with self._lock:
            if isinstance(parsed, Cancelled):
                self._kept.pop(key, None)
            elif parsed.end > self._clock():
                if len(self._kept) >= MOST_KEPT and key not in self._kept:
                    raise CodecError(f"event: {MOST_KEPT} announcements are kept already")
                self._kept[key] = parsed
        self.taken += 1


class AnnouncementTopic:
    """Makes the announcements of each workload; all share one thread and one consumer."""

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        limits: AnnouncementLimits | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep what is needed; nothing is connected before the first workload."""
        self._limits = limits or AnnouncementLimits()
        self._settings, self._topic, self._clock = settings, topic, clock
        self._lock = threading.Lock()
        self._users = 0
        self._begin()
        self.thread: ConsumerThread | None = None

    def _begin(self) -> None:
        self.reader = AnnouncementReader(self._limits, clock=self._clock)
        self.whole = WholeTopic(
            self.reader.take,
            poison=self.reader.poison,
            check_seconds=self._settings.check_seconds,
        )

    def of(self, workload: WorkloadName) -> WorkloadAnnouncements:
        """Return a workload's announcements."""
        with self._lock:
            self._users += 1
            if self.thread is None:
                self.thread = ConsumerThread(self._settings, self._topic, self.whole)
                self.thread.start()
        return WorkloadAnnouncements(self, workload, self._limits.grace_seconds)

    def release(self) -> None:
        """Note that a workload is gone; the last one ends the thread."""
        with self._lock:
            self._users -= 1
            thread = self.thread
            if self._users or thread is None:
                return
            self.thread = None
            self._begin()
        thread.stop()


class WorkloadAnnouncements:
    """One workload's announcements of a topic."""

    def __init__(self, topic: AnnouncementTopic, workload: WorkloadName, grace: float) -> None:
        """Look at one topic; AnnouncementTopic makes these."""
        self._topic, self._workload, self._grace_seconds = topic, workload, grace

    @property
    def grace_seconds(self) -> float:
        """Say how long announced demand may let wait for it."""
        return self._grace_seconds

    @property
    def remark(self) -> str:
        """Say what is wrong; what is known already counts all the same."""
        problem = self._topic.thread.silence() if self._topic.thread is not None else None
        if problem is not None:
            return problem
        return "" if self._topic.whole.has_read_all else "still reading the topic"

    def current(self, now: float) -> tuple[Announcement, ...]:
        """Return what is announced and not over."""
        return self._topic.reader.current(self._workload, now)

    def counts(self) -> AnnouncementCounts:
        """Return what became of announcements, of all workloads together."""
        reader = self._topic.reader
        return AnnouncementCounts(taken=reader.taken, poison=reader.poison.count)

    async def close(self) -> None:
        """Look no more."""
        await asyncio.to_thread(self._topic.release)
