"""A witness that sees every change of a namespace's pods and of a pool's claims, and objects."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Self

import requests

from tests.integration.kubernetes.loop_stand import POOL
from tests.parts.control_plane import ControlPlane

SILENT_SECONDS = 120.0


class PoolWatch:
    """Follows pods and nodes from entering to leaving; ``objections`` is what should not be.

    ``created`` has the ids of the pods that were ever created for each replica.
    """

    def __init__(self, plane: ControlPlane, namespace: str, *, most: int) -> None:
        """Object to more than ``most`` replicas that are to stay, and to a GPU given twice."""
        self._plane, self._most = plane, most
        self._paths = {
            "pods": f"/api/v1/namespaces/{namespace}/pods",
            "nodes": f"/api/v1/nodes?labelSelector={POOL}={namespace}",
        }
        self._pods: dict[str, dict[str, Any]] = {}
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.objections: list[str] = []
        self.created: dict[str, set[str]] = {}

    def __enter__(self) -> Self:
        """Begin to watch."""
        for kind in self._paths:
            thread = threading.Thread(target=self._follow, args=(kind,), name=f"{kind} watch")
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, kind: str) -> None:
        see = self._see_pod if kind == "pods" else self._see_node
        while not self._is_over.is_set():
            self._pods = {} if kind == "pods" else self._pods
            try:
                for event in self._events(self._paths[kind]):
                    with self._lock:
                        see(event)
            except requests.RequestException:
                self._is_over.wait(0.2)  # the API server is away: a new watch begins anew

    def _events(self, path: str) -> Iterator[dict[str, Any]]:
        sign = "&" if "?" in path else "?"
        answer = requests.get(
            f"{self._plane.url}{path}{sign}watch=true&timeoutSeconds=2",
            headers={"Authorization": f"Bearer {self._plane.token}"},
            verify=str(self._plane.authority),
            stream=True,
            timeout=SILENT_SECONDS,
        )
        with answer:
            for line in answer.iter_lines():
                yield json.loads(line)

    def _see_pod(self, event: dict[str, Any]) -> None:
        pod, name = event["object"], event["object"].get("metadata", {}).get("name", "")
        if event["type"] == "DELETED":
            self._pods.pop(name, None)
            return
        if event["type"] not in ("ADDED", "MODIFIED"):
            return
        notes = pod["metadata"]["annotations"]
        self.created.setdefault(notes["headstart.dev/replica"], set()).add(pod["metadata"]["uid"])
        self._pods[name] = pod
        staying = [one for one in self._pods.values() if _is_staying(one)]
        if len(staying) > self._most:
            names = sorted(one["metadata"]["name"] for one in staying)
            self.objections.append(f"{len(staying)} replicas at once: {names}")
        nodes = Counter(_pinned(one) for one in self._pods.values() if not _is_going(one))
        twice = [node for node, count in nodes.items() if count > 1]
        if twice:
            self.objections.append(f"two pods were started on {twice}")

    @property
    def doubled(self) -> list[str]:
        """The replicas that were started more than once."""
        with self._lock:
            return [name for name, ids in self.created.items() if len(ids) > 1]

    def _see_node(self, event: dict[str, Any]) -> None:
        node = event["object"]
        text = node.get("metadata", {}).get("annotations", {}).get("headstart.dev/claim", "[]")
        claims = json.loads(text)
        if len(claims) > 1:
            self.objections.append(f"{node['metadata']['name']} is claimed twice: {claims}")


def _is_going(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _is_staying(pod: Mapping[str, Any]) -> bool:
    return not _is_going(pod) and "headstart.dev/drain-until" not in pod["metadata"]["annotations"]


def _pinned(pod: Mapping[str, Any]) -> str:
    required = pod["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    [field] = required["nodeSelectorTerms"][0]["matchFields"]
    return str(field["values"][0])
