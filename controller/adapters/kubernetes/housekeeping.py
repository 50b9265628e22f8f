"""What can't wait for a tick: gates opened, drained pods evicted, nodes marked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from controller.adapters.kubernetes.errors import ConflictError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import View
from controller.adapters.kubernetes.marks import is_preparing, marks_due
from controller.adapters.kubernetes.serving import as_seen, drain_patch, duties, open_patch
from controller.adapters.kubernetes.watched_objects import WatchedObjects
from controller.adapters.kubernetes.watched_phases import WatchedPhases
from controller.adapters.kubernetes.writes import Leader, Writes
from controller.errors import ActionRefusedError, ClusterUnavailableError

_log = logging.getLogger(__name__)

#: The object that is written to, and what writes.
Write = tuple[Json, Callable[[], Awaitable[object]]]

#: Drains end by the clock, not by an event, so that one looks at least so often.
_LOOK_SECONDS = 1.0
#: How much longer than looking took one rests before the next look, writes not counted: pods take
#: a fifth of the processor at most, nodes a tenth.
_POD_LEISURE, _NODE_LEISURE = 4.0, 9.0
_SHORTEST_REST_SECONDS = 0.02
#: After a write that was refused, its object is left alone for so long.
_PAUSE_SECONDS = 2.0
#: A view ages while one writes: a new pool is marked in many looks.
_MARKS_A_LOOK = 25
_WRITES_AT_ONCE = 10
#: A pod of a node that was taken out of the pool gets this long to finish its requests.
_STRAY_DRAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How long a look took to think, and whether something was left for the next."""

    seconds: float = 0.0
    is_more: bool = False


class Housekeeping:
    """Acts upon events as they come; does nothing while another leads or the view is old."""

    def __init__(self, objects: WatchedObjects, writes: Writes, leader: Leader) -> None:
        """Listen to the caches; nothing is done before ``run_forever``."""
        self._objects, self._writes, self._leader = objects, writes, leader
        self._phases = WatchedPhases()
        self._left_alone: dict[str, float] = {}
        self._marked_last = ""
        objects.pods.subscribe(self._phases.receive)

    async def run_forever(self) -> None:
        """Look after pods and nodes until cancelled; neither waits for the other's writes."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self.look_after_pods, _POD_LEISURE))
            tasks.create_task(self._repeat(self.mark_nodes, _NODE_LEISURE))

    async def look_after_pods(self) -> Looked:
        """Do once what is due at pods."""
        view = await self._fresh_view()
        if view is None:
            return Looked()
        began = time.monotonic()
        found = duties(view)
        writes: list[Write] = []
        for pod in found.open:
            body = open_patch(pod, self._phases.of(pod, view.now), self._objects.clock())
            writes.append((pod, partial(self._writes.patch_pod_status, pod, as_seen(body, pod))))
        for pod in found.drain:
            body = drain_patch(view.now + _STRAY_DRAIN_SECONDS, view.now)
            writes.append((pod, partial(self._writes.patch_pod_status, pod, as_seen(body, pod))))
        writes += [(pod, partial(self._writes.evict_pod, pod)) for pod in found.evict]
        took = time.monotonic() - began
        await self._write(writes)
        return Looked(seconds=took)

    async def mark_nodes(self) -> Looked:
        """Bring the marks of some nodes up to date, first of those that can't be used without."""
        view = await self._fresh_view()
        if view is None:
            return Looked()
        began = time.monotonic()
        found = [one for one in marks_due(view) if not self._is_left_alone(view.nodes[one[0]])]
        # Who is refused must not hold up all others: the next look goes on after the last node.
        last = self._marked_last
        found.sort(key=lambda one: (not is_preparing(one[1]), one[0] <= last, one[0]))
        until = view.now + _LOOK_SECONDS
        writes: list[Write] = [
            (view.nodes[name], partial(self._writes.mark_node, name, body, until=until))
            for name, body in found[:_MARKS_A_LOOK]
        ]
        self._marked_last = found[len(writes) - 1][0] if writes else ""
        took = time.monotonic() - began
        await self._write(writes)
        return Looked(seconds=took, is_more=len(found) > len(writes))

    async def _repeat(self, look: Callable[[], Awaitable[Looked]], leisure: float) -> None:
        """Look at every piece of news, and at times without any; however much happens, rest."""
        news = asyncio.Event()
        for cache in self._objects.caches:
            cache.subscribe(lambda *_: news.set())
        while True:
            news.clear()
            looked = Looked()
            try:
                looked = await look()
            except ClusterUnavailableError as error:
                _log.warning("cluster: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception:  # a bug met at one object must not end the process
                _log.exception("housekeeping failed and will be tried again")
                await asyncio.sleep(_PAUSE_SECONDS)
            await asyncio.sleep(max(leisure * looked.seconds, _SHORTEST_REST_SECONDS))
            if looked.is_more:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await news.wait()

    async def _fresh_view(self) -> View | None:
        """Return what may be acted upon now, if anything."""
        if not self._leader.is_held() or not self._objects.is_synced:
            return None
        await self._objects.confirm(self._leader.epoch)
        view = self._objects.view()
        return view if view.seen_at >= view.now - _LOOK_SECONDS else None

    async def _write(self, writes: Sequence[Write]) -> None:
        """Have some writes under way at once; what fails is raised once all have ended."""
        # Each look has its own: what pods wait for must not wait for the marks of nodes.
        at_once = asyncio.Semaphore(_WRITES_AT_ONCE)
        tries = (self._try(obj, write, at_once) for obj, write in writes)
        ended = await asyncio.gather(*tries, return_exceptions=True)
        for one in ended:
            if isinstance(one, BaseException):
                raise one

    async def _try(
        self, obj: Json, write: Callable[[], Awaitable[object]], at_once: asyncio.Semaphore
    ) -> None:
        """Write, unless the object is to be left alone for a while."""
        if self._is_left_alone(obj):
            return
        try:
            async with at_once:
                try:
                    await write()
                except ConflictError:  # somebody else was first: next time upon what they wrote
                    await self._writes.read_anew(obj)
        except ActionRefusedError as error:
            now = self._objects.clock()
            waiting = {uid: until for uid, until in self._left_alone.items() if until > now}
            self._left_alone = {**waiting, _uid(obj): now + _PAUSE_SECONDS}
            _log.info("%s", error)

    def _is_left_alone(self, obj: Json) -> bool:
        return self._left_alone.get(_uid(obj), -math.inf) > self._objects.clock()


def _uid(obj: Json) -> str:
    return str(obj["metadata"].get("uid", ""))
