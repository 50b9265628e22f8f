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
        self._known: dict[str, tuple[Json, NodeName | None, bool | None, Replica | None]] = {}

    def of(self, key: str, pod: Json, ready_nodes: Mapping[NodeName, bool]) -> Replica | None:
        """Return what ``replica_from_pod`` does."""
        known = self._known.get(key)
        if known is not None and known[0] is not pod:
            known = None
        node = pinned_node(pod) if known is None else known[1]
        is_ready = ready_nodes.get(node) if node is not None else None
        if known is not None and known[2] is is_ready:
            return known[3]
        replica = replica_from_pod(pod, ready_nodes)
        self._known[key] = (pod, node, is_ready, replica)
        return replica

    def forget(self, key: str) -> None:
        """Let go of a pod that has gone."""
        self._known.pop(key, None)
