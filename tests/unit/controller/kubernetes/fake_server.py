"""An API server in memory: resource versions, conflicts, merge patches, and watches."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.adapters.kubernetes.api import PatchKind
from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.errors import ConflictError, NotFoundError, RefusedError
from controller.adapters.kubernetes.exchange import ApiSettings, Json, Listing, Permit


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class FakeServer:
    """Nodes and pods by path; deleting is at once, and ``budget`` forbids evictions.

    While ``is_deaf`` the watches tell nothing, though they are open. So many of the next patches
    as there are ``heartbeats`` find that a kubelet was faster. What no action waits for gets
    through while ``background`` is set, and ``held_up`` counts it; nobody writes to what is
    ``refused``, by name, or creates anything where it is ``forbidden``, by path and with why.
    """

    settings: ApiSettings = field(default_factory=ApiSettings)
    budget: bool = False
    is_deaf: bool = False
    heartbeats: int = 0
    background: asyncio.Event = field(default_factory=_set)
    refused: set[str] = field(default_factory=set)
    forbidden: dict[str, str] = field(default_factory=dict)
    lists: int = 0
    held_up: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)
    _objects: dict[str, dict[str, Json]] = field(default_factory=lambda: defaultdict(dict))
    _streams: dict[str, list[asyncio.Queue[Json]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _versions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, kind: str, obj: Json) -> Json:
        """Store an object as it is, whoever wrote it."""
        is_new = key_of(obj) not in self._objects[kind]
        stored = copy.deepcopy(obj)
        stored["metadata"]["resourceVersion"] = str(next(self._versions))
        stored["metadata"].setdefault("uid", f"uid-{next(self._versions)}")
        self._objects[kind][key_of(stored)] = stored
        self._tell(kind, "ADDED" if is_new else "MODIFIED", stored)
        return copy.deepcopy(stored)

    def drop(self, kind: str, key: str) -> Json:
        """Let an object vanish."""
        gone = self._objects[kind].pop(key)
        gone["metadata"]["resourceVersion"] = str(next(self._versions))
        self._tell(kind, "DELETED", gone)
        return gone

    def all(self, kind: str) -> dict[str, Json]:
        """Return copies of what is stored."""
        return copy.deepcopy(self._objects[kind])

    async def list(self, path: str, query: Mapping[str, str] | None = None) -> Listing:
        kind, self.lists = path.rpartition("/")[2], self.lists + 1
        items = tuple(self.all(kind).values())
        return Listing(items=items, resource_version=str(next(self._versions)))

    async def watch(
        self, path: str, query: Mapping[str, str], *, resource_version: str
    ) -> AsyncGenerator[Json | None]:
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._streams[path.rpartition("/")[2]].append(queue)
        yield None
        while True:
            yield await queue.get()

    async def get(self, path: str) -> Json:
        kind, key, _ = _parts(path)
        if key not in self._objects[kind]:
            raise NotFoundError(path, status=404)
        return copy.deepcopy(self._objects[kind][key])

    async def create(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        priority: Priority = Priority.ACTION,
        permit: Permit,
    ) -> Json:
        permit()
        path, _, query = path.partition("?")
        self.calls.append(("try" if query == "dryRun=All" else "create", path))
        if path in self.forbidden:
            raise RefusedError(self.forbidden[path], status=403, reason="Forbidden")
        if query:
            return dict(body)
        if key_of(dict(body)) in self._objects["pods"]:
            raise ConflictError("exists", status=409, reason="AlreadyExists")
        return self.put("pods", dict(body))

    async def patch(
        self,
        path: str,
        body: object,
        *,
        kind: PatchKind = PatchKind.MERGE,
        priority: Priority = Priority.ACTION,
        permit: Permit,
    ) -> Json:
        if priority > Priority.READ:
            self.held_up += 1
            await self.background.wait()
        permit()
        if path.rpartition("/")[2] in self.refused:
            raise RefusedError(path, status=403)
        self.calls.append(("patch", path))
        await asyncio.sleep(0)
        assert isinstance(body, dict)
        of, _, _ = _parts(path)
        if self.heartbeats:
            self.heartbeats -= 1
            self.put(of, await self.get(path))
        present = await self.get(path)
        self._check(present, body.get("metadata", {}))
        return self.put(of, _merged(present, body))

    async def delete(self, path: str, *, seen: Json, permit: Permit) -> Json:
        permit()
        self.calls.append(("delete", path))
        kind, key, _ = _parts(path)
        self._check(await self.get(path), seen["metadata"])
        return self.drop(kind, key)

    async def evict(self, pod: Json, *, permit: Permit) -> Json:
        permit()
        key = key_of(pod)
        self.calls.append(("evict", key))
        self._check(self.all("pods")[key], pod["metadata"])
        if self.budget:
            raise RefusedError("a budget forbids it", status=429, reason="DisruptionBudget")
        self.drop("pods", key)
        return {"kind": "Status"}

    def _check(self, present: Json, wanted: Mapping[str, Any]) -> None:
        for name in ("resourceVersion", "uid"):
            if wanted.get(name) not in (None, present["metadata"].get(name)):
                raise ConflictError(f"{key_of(present)}: {name} has changed", status=409)

    def _tell(self, kind: str, event: str, obj: Json) -> None:
        for queue in [] if self.is_deaf else self._streams[kind]:
            queue.put_nowait({"type": event, "object": copy.deepcopy(obj)})


def _parts(path: str) -> tuple[str, str, str]:
    """Return kind, key and subresource of an object's path."""
    parts = path.strip("/").split("/")[2:]
    if parts[0] == "namespaces":
        return parts[2], f"{parts[1]}/{parts[3]}", "/".join(parts[4:])
    return parts[0], parts[1], "/".join(parts[2:])


def _merged(present: Any, patch: Any) -> Any:
    """Merge as the server does: null removes, and conditions are merged by their type."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(present) if isinstance(present, dict) else {}
    for key, value in patch.items():
        if key == "conditions":
            mine = {one["type"] for one in value}
            merged[key] = [one for one in merged.get(key, []) if one["type"] not in mine] + value
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
