"""Writes Kubernetes events: each told once, none ever holding up the loop."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from controller.actions import Cancel
from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.errors import ConflictError, RefusedError, UnavailableError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.notices import Notice, event_of, notices_of
from controller.cluster_view import Fleet, ReplicaName
from controller.tick_report import TickReport

_log = logging.getLogger(__name__)
#: Beyond this many that wait, the oldest are dropped: events are a courtesy.
_MOST_WAITING = 200
_MOST_REMEMBERED = 2000
_LOOK_SECONDS = 0.5
_AFTER_TROUBLE_SECONDS = 5.0


class CreateApi(Protocol):
    """What the writer needs of the API."""

    async def create(self, path: str, body: Mapping[str, Any], *, priority: Priority) -> Json:
        """Create an object."""
        ...


class EventWriter:
    """Tells people what each tick did; ``observe`` is to be subscribed to the loop's reports."""

    def __init__(
        self,
        api: CreateApi,
        policies: Callable[[], Mapping[str, Json]],
        *,
        instance: str,
        is_leading: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        """Know nothing yet; ``policies`` returns the policy objects by ``namespace/name``."""
        self._api, self._policies, self._instance = api, policies, instance
        self._is_leading, self._clock = is_leading, clock
        self._before: Fleet | None = None
        self._cancelled: set[ReplicaName] = set()
        self._waiting: deque[Notice] = deque(maxlen=_MOST_WAITING)
        self._told: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self.dropped = 0

    def observe(self, report: TickReport) -> None:
        """Take in one tick."""
        for notice in notices_of(self._before, report, self._cancelled):
            self._take(notice)
        if report.fleet is not None:
            self._before = report.fleet
            self._cancelled = {one.name for one in report.acted if isinstance(one, Cancel)}

    def _take(self, notice: Notice) -> None:
        key = (notice.workload, notice.reason, notice.subject)
        if key in self._told:
            return
        self._told[key] = None
        if len(self._told) > _MOST_REMEMBERED:
            self._told.popitem(last=False)
        if not self._is_leading():
            return  # whoever leads tells it
        self.dropped += len(self._waiting) == _MOST_WAITING
        self._waiting.append(notice)

    async def run_forever(self) -> None:
        """Write what waits until cancelled."""
        while True:
            pause = _LOOK_SECONDS
            if not await self.write_waiting():
                pause = _AFTER_TROUBLE_SECONDS
            await asyncio.sleep(pause)

    async def write_waiting(self) -> bool:
        """Write what waits; return False if the API did not answer and some of it still does."""
        while self._waiting:
            notice = self._waiting.popleft()
            if not await self._write(notice):
                self._waiting.appendleft(notice)
                return False
        return True

    async def _write(self, notice: Notice) -> bool:
        """Write one event; return whether it is done with, well or badly."""
        obj = self._policies().get(notice.workload)
        event = event_of(notice, obj, instance=self._instance, at=self._clock())
        namespace = event["metadata"]["namespace"]
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        try:
            await self._api.create(path, event, priority=Priority.BACKGROUND)
        except ConflictError:
            pass  # told already, by whoever led before
        except RefusedError as error:
            self.dropped += 1
            _log.warning("an event is lost: %s", error)
        except UnavailableError as error:
            _log.warning("events wait: %s", error)
            return False
        return True
