"""The Kubernetes API as plain mappings: few verbs, each with a time limit and telling errors.

Paths are the server's own, such as ``/api/v1/namespaces/default/pods/chat-1``. Nothing is tried
again here: that is for those who know whether it still makes sense.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from enum import Enum
from pathlib import Path
from typing import Any

from controller.adapters.kubernetes.budget import Priority, RequestBudget
from controller.adapters.kubernetes.connection import Connection, Request, connection
from controller.adapters.kubernetes.errors import RefusedError, UnavailableError
from controller.adapters.kubernetes.exchange import (
    ApiSettings,
    Exchange,
    Json,
    Listing,
    Permit,
    as_seen,
    outcome_of,
    watch_event,
)
from controller.adapters.kubernetes.server_clock import ServerClock

_PAGE = "500"


class PatchKind(Enum):
    """How a patch is to be read; the value is its media type."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class KubernetesApi:
    """One API server. To be closed; ``requests`` counts every request that was sent."""

    def __init__(self, made: Connection, settings: ApiSettings | None = None) -> None:
        """Use a connection; must be called where an event loop runs."""
        self.settings = settings or ApiSettings()
        self._connection = made
        self._budget = RequestBudget(
            per_second=self.settings.requests_per_second, burst=self.settings.burst
        )
        self._subscribers: tuple[Callable[[Exchange], None], ...] = ()
        self.requests = 0

    @classmethod
    async def connect(
        cls, kubeconfig: Path | None = None, settings: ApiSettings | None = None
    ) -> KubernetesApi:
        """Use a kubeconfig file, or without one what a pod is given.

        Raises:
            InvalidFileError: if that can't be used.
        """
        return cls(await connection(kubeconfig), settings)

    @property
    def host(self) -> str:
        """The server's address."""
        return self._connection.host

    @property
    def clock(self) -> ServerClock:
        """The time as the server has it."""
        return self._connection.clock

    async def close(self) -> None:
        """Close all connections."""
        await self._connection.close()

    def subscribe(self, receive: Callable[[Exchange], None]) -> None:
        """Have every exchange handed to ``receive``."""
        self._subscribers = (*self._subscribers, receive)

    async def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        priority: Priority = Priority.READ,
    ) -> Json:
        """Return one object."""
        return await self._call(
            "get", Request(method="GET", path=path, query=query or {}), priority
        )

    async def list(self, path: str, query: Mapping[str, str] | None = None) -> Listing:
        """Return all objects of a list, read page by page.

        Raises:
            GoneError: if it took too long and a page has gone: begin anew.
        """
        items: tuple[Json, ...] = ()
        asked = {"limit": _PAGE, **(query or {})}
        while True:
            page = await self._call(
                "list", Request(method="GET", path=path, query=asked), Priority.READ
            )
            items += tuple(page.get("items") or ())
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                version = str(metadata.get("resourceVersion", ""))
                return Listing(items=items, resource_version=version)
            asked = {**asked, "continue": metadata["continue"]}

    async def create(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        priority: Priority = Priority.ACTION,
        permit: Permit | None = None,
    ) -> Json:
        """Create an object in the collection ``path``; ConflictError if its name is taken."""
        request = Request(method="POST", path=path, query=self._managed(), body=body)
        return await self._call("create", request, priority, permit)

    async def patch(
        self,
        path: str,
        body: object,
        *,
        kind: PatchKind = PatchKind.MERGE,
        priority: Priority = Priority.ACTION,
        permit: Permit | None = None,
    ) -> Json:
        """Change an object, or a subresource of it.

        A resourceVersion in the body must be the newest, else ConflictError.
        """
        query, media = self._managed(), kind.value
        request = Request(method="PATCH", path=path, query=query, body=body, content_type=media)
        return await self._call("patch", request, priority, permit)

    async def replace(
        self, path: str, body: Mapping[str, Any], *, priority: Priority = Priority.ACTION
    ) -> Json:
        """Replace an object; ConflictError if its resourceVersion is not the newest."""
        request = Request(method="PUT", path=path, query=self._managed(), body=body)
        return await self._call("replace", request, priority)

    async def delete(
        self,
        path: str,
        *,
        seen: Json | None = None,
        priority: Priority = Priority.ACTION,
        permit: Permit | None = None,
    ) -> Json:
        """Delete an object; if ``seen`` is given only as it was seen, else ConflictError."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", **as_seen(seen)}
        request = Request(method="DELETE", path=path, query={}, body=options)
        return await self._call("delete", request, priority, permit)

    async def evict(self, pod: Json, *, permit: Permit | None = None) -> Json:
        """Evict a pod as it was seen; ConflictError if it has changed since.

        Raises:
            RefusedError: with the reason DisruptionBudget while a budget forbids it: later again.
        """
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        body: Json = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": as_seen(pod),
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
        request = Request(method="POST", path=path, query={}, body=body)
        return await self._call("evict", request, Priority.ACTION, permit)

    async def watch(
        self, path: str, query: Mapping[str, str], *, resource_version: str
    ) -> AsyncGenerator[Json | None]:
        """Yield None once connected, then the server's events until it ends the stream.

        An event is as it came: ``type`` ADDED, MODIFIED, DELETED or BOOKMARK, and ``object``.

        Raises:
            GoneError: if the resource version is too old: list anew.
            UnavailableError: if the stream broke, or was silent for too long.
        """
        asked = {
            **query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(round(self.settings.watch_seconds)),
        }
        request = Request(method="GET", path=path, query=asked)
        await self._budget.take(Priority.READ)
        self.requests += 1
        began, outcome = time.monotonic(), "ok"
        silence = self.settings.silence_seconds
        try:
            async with aclosing(self._connection.lines(request, silence_seconds=silence)) as lines:
                async for line in lines:
                    yield watch_event(request.what, line) if line.strip() else None
        except (UnavailableError, RefusedError) as error:
            outcome = outcome_of(error)
            raise
        finally:
            self._tell("watch", outcome, began)

    def _managed(self) -> Mapping[str, str]:
        return {"fieldManager": self.settings.field_manager}

    async def _call(
        self, verb: str, request: Request, priority: Priority, permit: Permit | None = None
    ) -> Json:
        await self._budget.take(priority)
        longest = permit() if permit is not None else self.settings.timeout_seconds
        self.requests += 1
        began, outcome = time.monotonic(), "cancelled"
        try:
            answer = await self._connection.exchange(
                request, timeout_seconds=min(longest, self.settings.timeout_seconds)
            )
        except UnavailableError as error:
            outcome = outcome_of(error)
            if error.retry_after_seconds is not None:
                self._budget.hold(error.retry_after_seconds)
            raise
        except RefusedError as error:
            outcome = outcome_of(error)
            raise
        else:
            outcome = "ok"
            return answer
        finally:
            self._tell(verb, outcome, began)

    def _tell(self, verb: str, outcome: str, began: float) -> None:
        seen = Exchange(verb=verb, outcome=outcome, seconds=time.monotonic() - began)
        for receive in self._subscribers:
            receive(seen)
