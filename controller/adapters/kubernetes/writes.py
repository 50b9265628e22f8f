"""Every write to nodes and pods: fenced by leadership, its answer taken in at once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

from controller.adapters.kubernetes.api import PatchKind
from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.cache import ListAndWatch
from controller.adapters.kubernetes.errors import NotFoundError
from controller.adapters.kubernetes.exchange import Json, Permit
from controller.adapters.kubernetes.marks import is_preparing
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

    def write_seconds(self) -> float:
        """Return how long a write sent now may take; ActionRefusedError if we may not act."""
        ...


class ClusterApi(ListAndWatch, Protocol):
    """What a cluster needs of the API."""

    async def get(self, path: str) -> Json:
        """Return one object."""
        ...

    async def create(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        priority: Priority = Priority.ACTION,
        permit: Permit,
    ) -> Json:
        """Create an object in a collection."""
        ...

    async def patch(
        self,
        path: str,
        body: object,
        *,
        kind: PatchKind = PatchKind.MERGE,
        priority: Priority = Priority.ACTION,
        permit: Permit,
    ) -> Json:
        """Change an object."""
        ...

    async def delete(self, path: str, *, seen: Json, permit: Permit) -> Json:
        """Delete an object as it was seen."""
        ...

    async def evict(self, pod: Json, *, permit: Permit) -> Json:
        """Evict a pod as it was seen."""
        ...


class Writes:
    """The writes that a cluster is changed by. Each raises what the API does.

    And ActionRefusedError, when its turn has come to be sent, if we do not lead by then; none
    is waited for beyond the moment from which another may lead.
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
        return await self._patch_node(name, body, Priority.ACTION, self._leader.write_seconds)

    async def mark_node(self, name: str, body: Json, *, until: float) -> Json:
        """Do what ``patch_node`` does, after a tick's actions.

        A mark that prepares a node for starts goes before those that only tell. ActionRefusedError
        if its turn has not come by ``until``: what was seen is too old by then.
        """
        priority = Priority.SOON if is_preparing(body) else Priority.BACKGROUND

        def permit() -> float:
            if self._objects.clock() > until:
                raise ActionRefusedError(f"node {name}: not marked, it was seen too long ago")
            return self._leader.write_seconds()

        return await self._patch_node(name, body, priority, permit)

    async def patch_scale(self, path: str, body: Json) -> Json:
        """Merge into a target's scale; ConflictError if it has changed since ``body`` was made."""
        return await self._api.patch(path, body, permit=self._leader.write_seconds)

    async def read_pod(self, namespace: str, name: str) -> Json:
        """Return a pod as it is now."""
        pod = await self._api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
        self._objects.pods.take_own(pod)
        return pod

    async def read_anew(self, obj: Json) -> None:
        """Have a node or pod seen as it is now."""
        name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace")
        await (self.read_pod(namespace, name) if namespace else self.read_node(name))

    async def create_pod(self, pod: Json) -> None:
        """Create a pod; ConflictError if its name is taken."""
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"
        created = await self._api.create(path, pod, permit=self._leader.write_seconds)
        self._objects.pods.take_own(created)

    async def try_pod(self, pod: Json) -> None:
        """Have the server say whether it would create a pod, and do nothing.

        ConflictError if its name is taken, RefusedError with its reason if it would not.
        """
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods?dryRun=All"
        permit = self._leader.write_seconds
        await self._api.create(path, pod, priority=Priority.BACKGROUND, permit=permit)

    async def patch_pod_status(self, pod: Json, body: Json) -> None:
        """Merge into a pod's status, condition by condition, if it is still the same pod.

        ConflictError if ``body`` names a resourceVersion that is not the newest.
        """
        of_pod = {**body.get("metadata", {}), "uid": pod["metadata"]["uid"]}
        patch = {**body, "metadata": of_pod}
        changed = await self._api.patch(
            f"{_path(pod)}/status",
            patch,
            kind=PatchKind.STRATEGIC,
            permit=self._leader.write_seconds,
        )
        self._objects.pods.take_own(changed)

    async def delete_pod(self, pod: Json) -> None:
        """Delete a pod as it was seen, else ConflictError; one that is gone already is fine."""
        try:
            answer = await self._api.delete(_path(pod), seen=pod, permit=self._leader.write_seconds)
        except NotFoundError:
            return
        if answer.get("kind") == "Pod":
            self._objects.pods.take_own(answer)

    async def evict_pod(self, pod: Json) -> None:
        """Evict a pod as it was seen, else ConflictError; one that is gone already is fine."""
        with contextlib.suppress(NotFoundError):
            await self._api.evict(pod, permit=self._leader.write_seconds)

    async def _patch_node(self, name: str, body: Json, priority: Priority, permit: Permit) -> Json:
        path = f"/api/v1/nodes/{name}"
        node = await self._api.patch(path, body, priority=priority, permit=permit)
        self._objects.nodes.take_own(node)
        return node


def _path(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
