"""Every driver's restore on a real API server: it ends well, badly or not at all.

The owner's agent is played here: what it writes on a pod is written as its owner publishes it.
(NVIDIA Snapshot's own agent is a stage of the nodes: `test_cluster_starts.py` has its endings.)
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from controller.actions import Cancel, Start
from controller.cluster_view import Phase
from controller.policy import Mode, PodTarget, Restore, WorkloadPolicy
from models.forecast import WorkloadName
from tests.integration.kubernetes.scaled import define
from tests.integration.kubernetes.test_cluster_starts import Stand, connected, until
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Owner:
    """One driver, the snapshot that it restores as its owner has it, and its agent's words."""

    driver: str
    file: str
    resource: str
    snapshot: Mapping[str, Any]
    succeeded: Mapping[str, Any]
    failed: Mapping[str, Any]


NVIDIA = Owner(
    driver="NvidiaSnapshot",
    file="snapshot-0.1-podsnapshot.yaml",
    resource="podsnapshots.nvidia.com",
    snapshot={
        "apiVersion": "nvidia.com/v1alpha1",
        "kind": "PodSnapshot",
        "spec": {"source": {"podRef": {"name": "captured", "containers": ["main"]}}},
    },
    succeeded={},
    failed={},
)
GKE = Owner(
    driver="GkePodSnapshot",
    file="gke-1-podsnapshot.yaml",
    resource="podsnapshots.podsnapshot.gke.io",
    snapshot={"apiVersion": "podsnapshot.gke.io/v1", "kind": "PodSnapshot", "spec": {}},
    succeeded={"condition": {"type": "PodRestored", "status": "True", "reason": "Restored"}},
    failed={"condition": {"type": "PodRestored", "status": "False", "reason": "RestoreFailed"}},
)
DYNAMO = Owner(
    driver="DynamoCheckpointLegacy",
    file="dynamo-1.4-checkpoint.yaml",
    resource="dynamocheckpoints.nvidia.com",
    snapshot={
        "apiVersion": "nvidia.com/v1alpha1",
        "kind": "DynamoCheckpoint",
        "spec": {"identity": {"model": "m", "backendFramework": "vllm"}},
    },
    succeeded={"note": "completed"},
    failed={"note": "failed"},
)


@asynccontextmanager
async def standing(
    plane: ControlPlane, namespace: str, owner: Owner, **notes: str
) -> AsyncIterator[Stand]:
    define(plane, owner.file, owner.resource)
    plane.apply({**owner.snapshot, "metadata": {"name": "warm", "namespace": namespace}})
    nodes = plane.add_gpu_nodes(namespace, gpus=1, labels={"headstart.dev/pool": namespace})
    lab = {key.replace("_", "/", 1).replace("_", "-"): value for key, value in notes.items()}
    template = {
        "metadata": {"annotations": lab},
        "spec": {"containers": [{"name": "main", "image": "none"}]},
    }
    policy = WorkloadPolicy(
        workload=WorkloadName(f"{namespace}/chat"),
        demand_per_replica=1.0,
        mode=Mode.ACT,
        restore=Restore(driver=owner.driver),
        pods=PodTarget(template=template, snapshot="warm"),
    )
    try:
        async with connected(plane, policy) as cluster:
            stand = Stand(plane, cluster, policy.workload, nodes)
            await stand.node_becomes(lambda state, _: state == "standby", "the node is ready")
            yield stand
    finally:
        plane.delete_nodes(nodes)


async def begun(
    stand: Stand, namespace: str, number: int = 0, **changes: object
) -> tuple[Start, str]:
    """Start a restore; return it and its pod's name, once its container runs."""
    start = stand.a_start(number, **changes)
    await stand.cluster.act(start)

    def pod() -> dict[str, Any]:
        found: dict[str, Any] = stand.plane.get("pods", "-n", namespace)[0]
        return found

    async def runs() -> bool:
        return bool(pod().get("status", {}).get("phase") == "Running")

    await until(runs, "the pod runs", stand.plane)
    return start, str(pod()["metadata"]["name"])


def says(plane: ControlPlane, namespace: str, pod: str, words: Mapping[str, Any]) -> None:
    """Write on a pod what an agent does."""
    if "note" in words:
        note = f"nvidia.com/snapshot-restore-status.main={words['note']}"
        plane.kubectl("annotate", "pod", pod, "-n", namespace, note)
    else:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [{**words["condition"], "lastTransitionTime": at}]
        patch = json.dumps({"status": {"conditions": conditions}})
        options = ("--subresource=status", "--type=strategic", "-p", patch)
        plane.kubectl("patch", "pod", pod, "-n", namespace, *options)


@pytest.mark.parametrize("owner", [GKE, DYNAMO], ids=lambda owner: owner.driver)
async def test_a_restore_ends_as_its_owner_s_agent_says(
    control_plane: ControlPlane, namespace: str, owner: Owner
) -> None:
    # What is not restored yet is not ready: cold containers would be ready at once.
    async with standing(control_plane, namespace, owner, lab_cold_seconds="2") as stand:
        start, pod = await begun(stand, namespace)
        assert await stand.phase(start.name) is Phase.RESTORING
        says(control_plane, namespace, pod, owner.succeeded)
        replica = await stand.becomes(start.name, Phase.READY)
        assert replica is not None
        assert replica.ready_at is not None
        await stand.cluster.act(Cancel(name=start.name, reason="a test"))
        await stand.becomes(start.name, None)
        await stand.node_becomes(lambda state, _: state == "standby", "the node is free")
        second, pod = await begun(stand, namespace, number=1)
        says(control_plane, namespace, pod, owner.failed)
        replica = await stand.becomes(second.name, Phase.FAILED)
        assert replica is not None
        assert "RestoreFailed" in replica.failure


async def test_a_legacy_restore_that_nobody_ends_serves_nothing_and_is_given_up(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace, DYNAMO) as stand:
        start, pod = await begun(stand, namespace, deadline_at=time.time())
        control_plane.until(
            lambda: control_plane.condition("pod", pod, "ContainersReady", namespace) == "True/",
            "the placeholder's containers are ready",
        )
        replica = await stand.becomes(start.name, Phase.RESTORING)
        assert replica is not None
        assert replica.deadline_at == start.deadline_at
        await stand.cluster.act(Cancel(name=start.name, reason="hung"))
        await stand.becomes(start.name, None)


async def test_where_gke_starts_cold_without_a_word_the_pod_serves(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace, GKE) as stand:
        start, _ = await begun(stand, namespace)
        await stand.becomes(start.name, Phase.READY)


async def test_nvidia_s_agent_restores_from_the_snapshot_that_is_there(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace, NVIDIA) as stand:
        start, pod = await begun(stand, namespace)
        found = control_plane.get("pod", pod, "-n", namespace)
        assert found["metadata"]["annotations"]["nvidia.com/restore-from"] == "warm"
        await stand.becomes(start.name, Phase.READY)
