"""Pods as replicas, rendered once for each state of a pod and of its node."""

from __future__ import annotations

from collections.abc import Mapping

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.pods import pinned_node
from controller.adapters.kubernetes.replicas import replica_from_pod
from controller.cluster_view import NodeName, Replica


class RenderedReplicas:
    """Remembers by the pod's key; a pod that changed is another object."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._known: dict[str, tuple[Json, bool | None, Replica | None]] = {}

    def of(self, key: str, pod: Json, ready_nodes: Mapping[NodeName, bool]) -> Replica | None:
        """Return what ``replica_from_pod`` does."""
        node = pinned_node(pod)
        is_ready = ready_nodes.get(node) if node is not None else None
        known = self._known.get(key)
        if known is not None and known[0] is pod and known[1] is is_ready:
            return known[2]
        replica = replica_from_pod(pod, ready_nodes)
        self._known[key] = (pod, is_ready, replica)
        return replica

    def forget(self, key: str) -> None:
        """Let go of a pod that has gone."""
        self._known.pop(key, None)
