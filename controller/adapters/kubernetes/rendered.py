"""Pods as replicas, rendered once for each state of a pod and of its node."""

from __future__ import annotations

from collections.abc import Mapping

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.pods import pinned_node
from controller.adapters.kubernetes.remembered import Remembered
from controller.adapters.kubernetes.replicas import replica_from_pod
from controller.cluster_view import NodeName, Replica


class RenderedReplicas:
    """Remembers each pod's node, and the replica by whether that is Ready."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._pods = Remembered(_read)

    def of(self, key: str, pod: Json, ready_nodes: Mapping[NodeName, bool]) -> Replica | None:
        """Return what ``replica_from_pod`` does."""
        node, replicas = self._pods.of(key, pod)
        is_ready = ready_nodes.get(node) if node is not None else None
        if is_ready not in replicas:
            replicas[is_ready] = replica_from_pod(pod, ready_nodes)
        return replicas[is_ready]

    def forget(self, key: str) -> None:
        """Let go of a pod that has gone."""
        self._pods.forget(key)


def _read(pod: Json) -> tuple[NodeName | None, dict[bool | None, Replica | None]]:
    return pinned_node(pod), {}
