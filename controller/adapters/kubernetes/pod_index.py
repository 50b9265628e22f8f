"""Which pods are ours, which are on a node, and which pod is a replica: without a look at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.pods import is_ours, pinned_node, replica_of
from controller.cluster_view import NodeName, ReplicaName


class PodIndex:
    """Keys of pods, ``namespace/name``; ``take`` is to be told of every change."""

    def __init__(self) -> None:
        """Know of no pod yet."""
        self._ours: dict[str, ReplicaName] = {}
        self._by_replica: dict[ReplicaName, dict[str, None]] = {}
        self._node_of: dict[str, NodeName] = {}
        self._on: dict[NodeName, dict[str, None]] = {}

    @classmethod
    def of(cls, pods: Mapping[str, Json]) -> PodIndex:
        """Return the index of some pods."""
        index = cls()
        for pod in pods.values():
            index.take("ADDED", pod)
        return index

    @property
    def ours(self) -> Collection[str]:
        """The pods that are replicas of ours, in the order in which they came."""
        return self._ours.keys()

    def on_node(self, node: NodeName) -> Collection[str]:
        """Return the pods that are bound to a node, or pinned to it."""
        return self._on.get(node, {}).keys()

    def pod_of(self, replica: ReplicaName) -> str | None:
        """Return the pod that is a replica, None if none is; of copies that which came first."""
        return next(iter(self._by_replica.get(replica, ())), None)

    def take(self, kind: str, pod: Json) -> None:
        """Take in that a pod was ADDED, MODIFIED or DELETED."""
        key = key_of(pod)
        is_gone = kind == "DELETED"
        self._place(key, None if is_gone else pinned_node(pod))
        name = replica_of(pod) if not is_gone and is_ours(pod) else None
        before = self._ours.get(key)
        if name == before:
            return
        if before is not None:
            del self._ours[key]
            del self._by_replica[before][key]
            if not self._by_replica[before]:
                del self._by_replica[before]
        if name is not None:
            self._ours[key] = name
            self._by_replica.setdefault(name, {})[key] = None

    def _place(self, key: str, node: NodeName | None) -> None:
        before = self._node_of.get(key)
        if node == before:
            return
        if before is not None:
            del self._node_of[key]
            del self._on[before][key]
            if not self._on[before]:
                del self._on[before]
        if node is not None:
            self._node_of[key] = node
            self._on.setdefault(node, {})[key] = None
