"""Every write to nodes and pods: fenced by leadership, its answer taken in at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from controller.adapters.kubernetes.api import PatchKind
from controller.adapters.kubernetes.cache import ListAndWatch
from controller.adapters.kubernetes.errors import NotFoundError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.watched_objects import WatchedObjects
from controller.errors import ActionRefusedError


class Leader(Protocol):
    """What is asked before every write."""

    @property
    def epoch(self) -> int:
        """How often leadership has passed on."""
        ...

    def is_held(self) -> bool:
        """Say whether we may act."""
        ...


class ClusterApi(ListAndWatch, Protocol):
    """What a cluster needs of the API."""

    async def get(self, path: str) -> Json:
        """Return one object."""
        ...

    async def create(self, path: str, body: Mapping[str, Any]) -> Json:
        """Create an object in a collection."""
        ...

    async def patch(self, path: str, body: object, *, kind: PatchKind = PatchKind.MERGE) -> Json:
        """Change an object."""
        ...

    async def delete(self, path: str, *, uid: str | None = None) -> Json:
        """Delete an object."""
        ...

    async def evict(self, namespace: str, pod: str) -> Json:
        """Evict a pod."""
        ...


class Writes:
    """The writes that a cluster is changed by. Each raises what the API does.

    And ActionRefusedError, right before it would be sent, if we do not lead.
    """

    def __init__(self, api: ClusterApi, objects: WatchedObjects, leader: Leader) -> None:
        """Write through ``api`` and keep ``objects`` up to date."""
        self._api, self._objects, self._leader = api, objects, leader

    @property
    def epoch(self) -> int:
        """How often leadership has passed on."""
        return self._leader.epoch

    async def read_node(self, name: str) -> Json:
        """Return a node as it is now, not as it was seen last."""
        node = await self._api.get(f"/api/v1/nodes/{name}")
        self._objects.nodes.take_own(node)
        return node

    async def patch_node(self, name: str, body: Json) -> Json:
        """Merge into a node; ConflictError if it has changed since ``body`` was made."""
        self._fence()
        node = await self._api.patch(f"/api/v1/nodes/{name}", body)
        self._objects.nodes.take_own(node)
        return node

    async def read_pod(self, namespace: str, name: str) -> Json:
        """Return a pod as it is now."""
        return await self._api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")

    async def create_pod(self, pod: Json) -> None:
        """Create a pod; ConflictError if its name is taken."""
        self._fence()
        created = await self._api.create(
            f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods", pod
        )
        self._objects.pods.take_own(created)

    async def patch_pod_status(self, pod: Json, body: Json) -> None:
        """Merge into a pod's status, condition by condition, if it is still the same pod."""
        self._fence()
        of_pod = {**body.get("metadata", {}), "uid": pod["metadata"]["uid"]}
        patch = {**body, "metadata": of_pod}
        path = f"{_path(pod)}/status"
        self._objects.pods.take_own(await self._api.patch(path, patch, kind=PatchKind.STRATEGIC))

    async def delete_pod(self, pod: Json) -> None:
        """Delete this very pod; one that is gone already is fine."""
        self._fence()
        try:
            answer = await self._api.delete(_path(pod), uid=pod["metadata"]["uid"])
        except NotFoundError:
            return
        if answer.get("kind") == "Pod":
            self._objects.pods.take_own(answer)

    async def evict_pod(self, pod: Json) -> None:
        """Evict a pod; one that is gone already is fine."""
        self._fence()
        metadata = pod["metadata"]
        try:
            await self._api.evict(metadata["namespace"], metadata["name"])
        except NotFoundError:
            return

    def _fence(self) -> None:
        if not self._leader.is_held():
            raise ActionRefusedError("not the leader any more")


def _path(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
