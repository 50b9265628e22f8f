"""One kind of object as the API server has it: listed once, then kept up to date by a watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from controller.adapters.kubernetes.cache_changes import (
    Change,
    change_of,
    key_of,
    overtaken,
    relisted,
    version_number,
)
from controller.adapters.kubernetes.errors import GoneError, RefusedError, UnavailableError
from controller.adapters.kubernetes.exchange import ApiSettings, Json, Listing

_log = logging.getLogger(__name__)

#: A stream that was connected for so long, or has said anything, goes on where the last ended.
_PROVEN_AFTER_SECONDS = 1.0
#: Called with ADDED, MODIFIED or DELETED, the object, and when it came by our own clock.
Receive = Callable[[str, Json, float], None]


class ListAndWatch(Protocol):
    """What a cache needs of the API."""

    @property
    def settings(self) -> ApiSettings:
        """The limits of every call."""
        ...

    async def list(self, path: str, query: Mapping[str, str] | None = None) -> Listing:
        """Return all objects."""
        ...

    def watch(
        self, path: str, query: Mapping[str, str], *, resource_version: str
    ) -> AsyncGenerator[Json | None]:
        """Yield None once connected, then events."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """How a stream that broke is tried again.

    Pauses double from ``first_pause_seconds`` to ``longest_pause_seconds``, less a random part
    of up to a half. A stream counts as good once it has lived for ``good_after_seconds``.
    """

    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 10.0
    good_after_seconds: float = 5.0

    def pause_seconds(self, failures: int, *, luck: float) -> float:
        """Return how long to wait after so many failures in a row; ``luck`` is in [0, 1)."""
        doubled: float = self.first_pause_seconds * 2.0 ** min(failures - 1, 32)
        return min(self.longest_pause_seconds, doubled) * (1.0 - luck / 2.0)


class ObjectCache:
    """The objects of one list, by ``namespace/name`` (or ``name``, where there is no namespace).

    ``objects`` is a live view: it changes whenever the event loop runs. ``run_forever`` is to
    run as a task; ``clock`` gives seconds since the epoch, ``luck`` draws from [0, 1).
    """

    def __init__(
        self,
        api: ListAndWatch,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float],
        luck: Callable[[], float],
        settings: CacheSettings | None = None,
    ) -> None:
        """Know nothing yet; ``query`` may have labelSelector or fieldSelector."""
        self.path = path
        self._api, self._query = api, dict(query or {})
        self._clock, self._luck = clock, luck
        self._settings = settings or CacheSettings()
        self._objects: dict[str, Json] = {}
        self._received: dict[str, float] = {}
        self._version = ""
        self._heard_at = float("-inf")
        self._known_until = float("-inf")
        self._is_connected = False
        self._proven_at = float("inf")
        self._synced = asyncio.Event()
        self._failures, self._was_told = 0, True
        self._subscribers: tuple[Receive, ...] = ()
        self.changes = 0
        self.relists = 0
        self.trouble = ""

    @property
    def objects(self) -> Mapping[str, Json]:
        """Every object; not to be changed."""
        return MappingProxyType(self._objects)

    @property
    def is_synced(self) -> bool:
        """Whether the list has been read once."""
        return self._synced.is_set()

    async def synced(self) -> None:
        """Wait until the list has been read once."""
        await self._synced.wait()

    def fresh_at(self, now: float) -> float:
        """Return up to when the objects are known to be right, minus infinity if never.

        That is ``now`` while the stream was heard of lately, else when it was lost. One that was
        just connected proves nothing: it may be told at once that its version is too old.
        """
        if self._is_connected and now < self._proven_at:
            return self._known_until
        if self._is_connected and now - self._heard_at <= self._api.settings.silence_seconds:
            return now
        return self._heard_at if self._is_connected else self._known_until

    def received_at(self, key: str) -> float | None:
        """Return when an object's last change came, by our own clock."""
        return self._received.get(key)

    def subscribe(self, receive: Receive) -> None:
        """Have every change handed to ``receive``, also those that a new list brings."""
        self._subscribers = (*self._subscribers, receive)

    async def confirm(self) -> None:
        """Read the whole list once more, so that nothing older is believed; UnavailableError."""
        try:
            listing = await self._api.list(self.path, self._query)
        except RefusedError as error:
            raise UnavailableError(str(error)) from error
        for change in overtaken(self._objects, listing.items, listing.resource_version):
            self._apply(change)

    def take_own(self, obj: Json) -> None:
        """Take in the answer to a write of our own, ahead of the watch."""
        change = change_of(self._objects, {"type": "MODIFIED", "object": obj})
        if change is None or not self.is_synced:
            return
        # An unknown object that the watch has passed already was deleted meanwhile.
        if change.type == "ADDED" and version_number(obj) <= self._position:
            return
        self._apply(change)

    @property
    def _position(self) -> int:
        return int(self._version) if self._version.isdecimal() else 0

    async def run_forever(self) -> None:
        """Keep the objects up to date until cancelled; trouble is waited out."""
        while True:
            began = float("inf")
            try:
                if not self._version:
                    await self._list_anew()
                began = self._clock()
                await self._follow()
                why = ""
            except GoneError:
                # The server is well, and need not be waited for, unless it says nothing but this.
                why, self._version = "the resource version is too old", ""
                self._failures, self._was_told = self._failures * (not self._was_told), False
            except RefusedError as error:
                why, self._version = str(error), ""
            except UnavailableError as error:
                why = str(error)
            await self._recover(why, lived_seconds=self._clock() - began)

    async def _list_anew(self) -> None:
        listing = await self._api.list(self.path, self._query)
        self.relists += 1
        self._heard_at = self._known_until = self._clock()
        for change in relisted(self._objects, listing.items):
            self._apply(change)
        self._version = listing.resource_version
        self._synced.set()

    async def _follow(self) -> None:
        stream = self._api.watch(self.path, self._query, resource_version=self._version)
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    self._hear(event)
        finally:
            self._lose()

    def _hear(self, event: Json | None) -> None:
        now = self._clock()
        if not self._is_connected:
            self._proven_at = now + _PROVEN_AFTER_SECONDS
        self._is_connected, self._heard_at, self.trouble = True, now, ""
        if event is None:
            return
        self._proven_at, self._was_told = now, True
        version = (event["object"].get("metadata") or {}).get("resourceVersion")
        self._version = str(version) if version else self._version
        change = change_of(self._objects, event)
        if change is not None:
            self._apply(change)

    def _lose(self) -> None:
        now = self._clock()
        if self._is_connected and now >= self._proven_at:
            # A stream that fell silent may have been dead since; one that broke was alive until.
            was_silent = now - self._heard_at >= self._api.settings.silence_seconds
            self._known_until = self._heard_at if was_silent else now
        self._is_connected = False

    async def _recover(self, why: str, *, lived_seconds: float) -> None:
        if lived_seconds >= self._settings.good_after_seconds:
            self._failures = 0
            if not why:
                return
        self._failures += 1
        pause = self._settings.pause_seconds(self._failures, luck=self._luck())
        if why:
            self.trouble = why
            _log.warning("%s: %s; next attempt in %.1f s", self.path, why, pause)
        await asyncio.sleep(pause)

    def _apply(self, change: Change) -> None:
        at = self._clock()
        self.changes += 1
        # Who set which field nobody here asks, and it is half of an object.
        change.object.get("metadata", {}).pop("managedFields", None)
        key = key_of(change.object)
        if change.type == "DELETED":
            self._objects.pop(key, None)
            self._received.pop(key, None)
        else:
            self._objects[key] = change.object
            self._received[key] = at
        for receive in self._subscribers:
            try:
                receive(change.type, change.object, at)
            except Exception:  # whoever listens must not end the stream
                _log.exception("%s: a subscriber failed", self.path)
