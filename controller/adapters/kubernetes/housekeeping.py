"""What can't wait for a tick: gates opened, drained pods evicted, nodes marked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from controller.adapters.kubernetes.errors import ConflictError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import (
    View,
    fleet_of,
    is_used,
    valid_claims,
    waiting_claims,
)
from controller.adapters.kubernetes.marks import marks_patch
from controller.adapters.kubernetes.serving import as_seen, drain_patch, duties, open_patch
from controller.adapters.kubernetes.watched_objects import WatchedObjects
from controller.adapters.kubernetes.watched_phases import WatchedPhases
from controller.adapters.kubernetes.writes import Leader, Writes
from controller.errors import ActionRefusedError, ClusterUnavailableError

_log = logging.getLogger(__name__)

#: Drains end by the clock, not by an event, so that one looks at least so often.
_LOOK_SECONDS = 1.0
#: How much longer than looking took one rests before the next look: at pods a fifth of the time
#: goes, at nodes, for whose marks nobody waits, a tenth.
_POD_LEISURE, _NODE_LEISURE = 4.0, 9.0
#: After a write that was refused, its object is left alone for so long.
_PAUSE_SECONDS = 2.0
#: A view ages while one writes: a new pool is marked in many looks.
_MARKS_A_LOOK = 25
#: A pod of a node that was taken out of the pool gets this long to finish its requests.
_STRAY_DRAIN_SECONDS = 30.0


class Housekeeping:
    """Acts upon events as they come; does nothing while another leads or the view is old."""

    def __init__(self, objects: WatchedObjects, writes: Writes, leader: Leader) -> None:
        """Listen to the caches; nothing is done before ``run_forever``."""
        self._objects, self._writes, self._leader = objects, writes, leader
        self._phases = WatchedPhases()
        self._left_alone: dict[str, float] = {}
        objects.pods.subscribe(self._phases.receive)

    async def run_forever(self) -> None:
        """Look after pods and nodes until cancelled; neither waits for the other's writes."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self.look_after_pods, _POD_LEISURE))
            tasks.create_task(self._repeat(self.mark_nodes, _NODE_LEISURE))

    async def look_after_pods(self) -> bool:
        """Do once what is due at pods; never leaves anything for another look."""
        view = await self._fresh_view()
        if view is None:
            return False
        found = duties(view)
        for pod in found.open:
            body = open_patch(pod, self._phases.of(pod, view.now), self._objects.clock())
            await self._try(pod, self._writes.patch_pod_status(pod, as_seen(body, pod)))
        for pod in found.drain:
            body = drain_patch(view.now + _STRAY_DRAIN_SECONDS, view.now)
            await self._try(pod, self._writes.patch_pod_status(pod, as_seen(body, pod)))
        for pod in found.evict:
            await self._try(pod, self._writes.evict_pod(pod))
        return False

    async def mark_nodes(self) -> bool:
        """Bring the marks of some nodes up to date; say whether there may be more of them."""
        view = await self._fresh_view()
        if view is None:
            return False
        tried = 0
        for state in fleet_of(view).nodes:
            node = view.nodes.get(state.name)
            if node is None or not is_used(node, view):
                continue
            body = marks_patch(
                node,
                state,
                claims=valid_claims(node, view),
                is_claimed=bool(waiting_claims(node, view)),
            )
            if body:
                tried += await self._try(node, self._writes.mark_node(state.name, body))
            if tried == _MARKS_A_LOOK:
                return True
        return False

    async def _repeat(self, look: Callable[[], Awaitable[bool]], leisure: float) -> None:
        """Look at every piece of news, and at times without any; however much happens, rest."""
        news = asyncio.Event()
        for cache in self._objects.caches:
            cache.subscribe(lambda *_: news.set())
        while True:
            news.clear()
            began = time.monotonic()
            try:
                if await look():
                    news.set()
            except ClusterUnavailableError as error:
                _log.warning("cluster: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception:  # a bug met at one object must not end the process
                _log.exception("housekeeping failed and will be tried again")
                await asyncio.sleep(_PAUSE_SECONDS)
            await asyncio.sleep(leisure * (time.monotonic() - began))
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

    async def _try(self, obj: Json, write: Awaitable[object]) -> bool:
        """Await a write, unless its object is to be left alone for a while; say which."""
        uid, now = str(obj["metadata"].get("uid", "")), self._objects.clock()
        self._left_alone = {one: until for one, until in self._left_alone.items() if until > now}
        if uid in self._left_alone:
            _close(write)
            return False
        try:
            try:
                await write
            except ConflictError:  # somebody else was first: the next look is upon what they wrote
                await self._writes.read_anew(obj)
        except ActionRefusedError as error:
            self._left_alone[uid] = now + _PAUSE_SECONDS
            _log.info("%s", error)
        return True


def _close(write: Awaitable[object]) -> None:
    if asyncio.iscoroutine(write):
        write.close()
