"""Nodes, policies and pods written into an API server as kubelets and agents would leave them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any

from benchmarks._kubernetes import a_policy
from benchmarks._kubernetes_agent import UNHURRIED, ready_status
from controller.actions import Start
from controller.adapters.kubernetes.api import KubernetesApi, PatchKind
from controller.adapters.kubernetes.drivers.nvidia_snapshot import NvidiaSnapshot
from controller.adapters.kubernetes.errors import ConflictError
from controller.adapters.kubernetes.manifests import pod_of
from controller.adapters.kubernetes.names import PHASES
from controller.cluster_view import NodeName, ReplicaName, StartKind
from controller.policy import PodTarget
from models.forecast import WorkloadName
from tests.parts.control_plane import ControlPlane

_POOL, _GPUS, _AT_ONCE = "scale", 8, 16


async def fill(
    plane: ControlPlane, workloads: Sequence[WorkloadName], *, nodes: int, replicas: int
) -> None:
    """Write nodes, and of each workload a policy and ready replicas."""
    api = await KubernetesApi.connect(plane.admin, UNHURRIED)
    try:
        for namespace in {name.rpartition("/")[0] for name in workloads}:
            account = {"metadata": {"name": "default"}}
            with suppress(ConflictError):
                await api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
        await _together([_node(api, number) for number in range(nodes)])
        await _together([_policy(api, name, replicas) for name in workloads])
        names = [name for _ in range(replicas) for name in workloads]
        pods = [_pod(api, name, index, nodes) for index, name in enumerate(names)]
        await _together(pods)
    finally:
        await api.close()


async def _together(writes: Sequence[Awaitable[object]]) -> None:
    """Await all, so many at once as a server likes."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(write: Awaitable[object]) -> None:
        async with turn:
            await write

    await asyncio.gather(*(one(write) for write in writes))


async def _node(api: KubernetesApi, number: int) -> None:
    gpus = {"nvidia.com/gpu": str(_GPUS), "cpu": "64", "memory": "512Gi", "pods": "110"}
    status: dict[str, Any] = {
        "allocatable": gpus,
        "capacity": gpus,
        "conditions": [{"type": "Ready", "status": "True"}],
        "nodeInfo": {"kernelVersion": "6.8.0"},
        "images": [{"names": [f"registry.example.com/image:{n}"]} for n in range(50)],
    }
    metadata = {"name": f"gpu-{number:03d}", "labels": {"headstart.dev/pool": _POOL}}
    await api.create("/api/v1/nodes", {"metadata": metadata, "spec": {}, "status": status})


async def _policy(api: KubernetesApi, workload: WorkloadName, replicas: int) -> None:
    namespace, _, name = workload.rpartition("/")
    path = f"/apis/headstart.dev/v1alpha1/namespaces/{namespace}/prerestorepolicies"
    limits = {"minReplicas": 1, "maxReplicas": 2 * replicas}
    await api.create(path, a_policy(namespace, name, pool=_POOL, **limits))


async def _pod(api: KubernetesApi, workload: WorkloadName, index: int, nodes: int) -> None:
    """Write a replica that became ready a minute ago."""
    now = time.time() - 60.0
    start = Start(
        name=ReplicaName(f"{workload}-{round(now * 1000)}-{index}"),
        workload=workload,
        node=NodeName(f"gpu-{index % nodes:03d}"),
        kind=StartKind.RESTORE,
        decided_at=now - 10.0,
        deadline_at=now + 60.0,
        reason="forecast",
    )
    template = {"spec": {"containers": [{"name": "main", "image": "none"}]}}
    pod = pod_of(start, PodTarget(template=template, snapshot="warm"), NvidiaSnapshot())
    pod["spec"]["nodeName"] = start.node
    phases = {"decided": now - 10.0, "created": now - 9.0, "ready": now}
    pod["metadata"]["annotations"][PHASES] = json.dumps(phases)
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"
    await api.create(path, pod)
    at_pod = f"{path}/{pod['metadata']['name']}/status"
    await api.patch(at_pod, ready_status(now), kind=PatchKind.STRATEGIC)
