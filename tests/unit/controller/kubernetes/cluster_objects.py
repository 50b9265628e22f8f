"""Nodes, pods and starts with valid defaults; a test states only what matters."""

from __future__ import annotations

from typing import Any

from controller.actions import Start
from controller.adapters.kubernetes.drivers.nvidia_snapshot import NvidiaSnapshot
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import View
from controller.adapters.kubernetes.manifests import pod_of
from controller.adapters.kubernetes.names import time_text
from controller.cluster_view import NodeName, ReplicaName, StartKind
from controller.policy import Mode, PodTarget, Restore, WorkloadPolicy
from models.forecast import WorkloadName

NOW = 1_800_000_000.0
CHAT = WorkloadName("team/chat")
TARGET = PodTarget(
    template={
        "metadata": {"labels": {"app": "chat"}},
        "spec": {"containers": [{"name": "main", "image": "llm", "command": ["serve"]}]},
    },
    snapshot="snap",
)


def a_node_object(name: str = "n1", *, gpus: int = 1, ready: bool = True, **more: Any) -> Json:
    metadata = {
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "labels": {"headstart.dev/pool": "a"},
        **more.pop("metadata", {}),
    }
    return {
        "metadata": metadata,
        "spec": {"unschedulable": True, **more.pop("spec", {})},
        "status": {
            "allocatable": {"nvidia.com/gpu": str(gpus)},
            "conditions": [{"type": "Ready", "status": str(ready)}],
            **more,
        },
    }


def a_start(name: str = "team/chat-1-0", node: str = "n1", **changes: Any) -> Start:
    fields: dict[str, Any] = {
        "name": ReplicaName(name),
        "workload": CHAT,
        "node": NodeName(node),
        "kind": StartKind.RESTORE,
        "decided_at": NOW,
        "deadline_at": NOW + 60.0,
        "reason": "forecast",
    }
    return Start(**{**fields, **changes})


def a_policy_value(**changes: Any) -> WorkloadPolicy:
    fields: dict[str, Any] = {
        "workload": CHAT,
        "demand_per_replica": 1.0,
        "mode": Mode.ACT,
        "restore": Restore(driver="NvidiaSnapshot"),
        "pods": TARGET,
    }
    return WorkloadPolicy(**{**fields, **changes})


def a_pod(
    start: Start | None = None,
    *conditions: tuple[str, str, str],
    phase: str = "Running",
    notes: dict[str, str] | None = None,
    bound: bool = True,
    **metadata: Any,
) -> Json:
    """Return a pod of ours; conditions are (type, status, reason)."""
    start = start or a_start()
    pod = pod_of(start, TARGET, NvidiaSnapshot())
    pod["metadata"] |= {"uid": "uid-pod", "creationTimestamp": time_text(NOW), **metadata}
    pod["metadata"]["annotations"] |= notes or {}
    if bound:
        pod["spec"]["nodeName"] = start.node
    pod["status"] = {"phase": phase, "conditions": list(map(a_condition, conditions))}
    return pod


def a_foreign_pod(node: str = "n1", gpus: int = 1) -> Json:
    limits = {"nvidia.com/gpu": str(gpus)}
    return {
        "metadata": {"name": "other", "namespace": "else", "uid": "uid-other"},
        "spec": {"nodeName": node, "containers": [{"resources": {"limits": limits}}]},
        "status": {"phase": "Running"},
    }


def a_condition(told: tuple[str, str, str]) -> Json:
    kind, status, reason = told
    at = time_text(NOW + 5.0)
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": at}


def a_view(nodes: list[Json], pods: list[Json], **changes: Any) -> View:
    fields: dict[str, Any] = {
        "nodes": {node["metadata"]["name"]: node for node in nodes},
        "pods": {f"{p['metadata']['namespace']}/{p['metadata']['name']}": p for p in pods},
        "now": NOW + 10.0,
        "seen_at": NOW + 10.0,
        "acting": frozenset({CHAT}),
    }
    return View(**{**fields, **changes})
