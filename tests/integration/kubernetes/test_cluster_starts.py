"""Starts, gates and releases on a real API server, scheduler and controllers; nodes by kwok."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from controller.actions import Cancel, Release, Start
from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.cluster import KubernetesCluster
from controller.cluster_view import Fleet, NodeName, Phase, Replica, ReplicaName, StartKind
from controller.errors import ActionRefusedError
from controller.policy import Mode, PodTarget, Restore, WorkloadPolicy
from models.forecast import WorkloadName
from tests.integration.kubernetes.shipped import CONTROLLER, NAMESPACE, allow_workloads, install
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.real
PATIENCE_SECONDS = 40.0


@dataclass
class Leads:
    """Somebody who always leads."""

    epoch: int = 1

    def is_held(self) -> bool:
        return True

    def write_seconds(self) -> float:
        return 5.0


@dataclass
class Stand:
    """One adapter on one namespace, with a node of its own."""

    plane: ControlPlane
    cluster: KubernetesCluster
    workload: WorkloadName
    nodes: list[str]

    def a_start(self, number: int = 0, **changes: object) -> Start:
        now = time.time()
        start = Start(
            name=ReplicaName(f"{self.workload}-{round(now * 1000)}-{number}"),
            workload=self.workload,
            node=NodeName(self.nodes[0]),
            kind=StartKind.RESTORE,
            decided_at=now,
            deadline_at=now + 60.0,
            reason="a test",
        )
        return replace(start, **changes)  # type: ignore[arg-type]

    async def replicas(self) -> list[Replica]:
        fleet = await self.cluster.observe()
        return [one for one in fleet.replicas if one.workload == self.workload]

    async def phase(self, name: ReplicaName) -> Phase | None:
        return next((one.phase for one in await self.replicas() if one.name == name), None)

    async def becomes(self, name: ReplicaName, phase: Phase | None) -> Replica | None:
        async def as_wanted() -> bool:
            return await self.phase(name) is phase

        await until(as_wanted, f"{name} {phase}", self.plane)
        return next((one for one in await self.replicas() if one.name == name), None)

    async def node_becomes(self, ask: Callable[[str, str], bool], what: str) -> None:
        """Wait for a node's state and reason, as the fleet has them."""

        seen: list[tuple[str, str]] = []

        async def as_wanted() -> bool:
            fleet: Fleet = await self.cluster.observe()
            seen[:] = [
                (one.state.value, one.unfit_reason)
                for one in fleet.nodes
                if one.name == self.nodes[0]
            ]
            return any(ask(state, why) for state, why in seen)

        try:
            await until(as_wanted, what, self.plane)
        except AssertionError as error:
            raise AssertionError(f"{seen}: {error}") from error

    async def label_becomes(self, state: str) -> None:
        """Wait for the node's label; while kubectl waits, so does the adapter, so it is brief."""

        async def as_wanted() -> bool:
            node = self.plane.get("node", self.nodes[0])
            return bool(node["metadata"]["labels"].get("headstart.dev/state") == state)

        await until(as_wanted, f"label {state}", self.plane)


async def until(ask: Callable[[], Awaitable[bool]], what: str, plane: ControlPlane) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await ask():
        assert time.monotonic() < deadline, f"not in time: {what}\n{plane.log_tail()}"
        await asyncio.sleep(0.1)


def a_policy(workload: WorkloadName, **notes: str) -> WorkloadPolicy:
    template = {
        "metadata": {"annotations": {key.replace("_", "/", 1): v for key, v in notes.items()}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": "example.com/llm:1", "command": ["serve"]}],
        },
    }
    return WorkloadPolicy(
        workload=workload,
        demand_per_replica=1.0,
        mode=Mode.ACT,
        restore=Restore(driver="NvidiaSnapshot"),
        pods=PodTarget(template=template, snapshot="snap"),
    )


@asynccontextmanager
async def connected(
    plane: ControlPlane, policy: WorkloadPolicy, config: Path | None = None
) -> AsyncIterator[KubernetesCluster]:
    api = await KubernetesApi.connect(config or plane.admin)
    cluster = KubernetesCluster(
        api, Leads(), lambda: (policy,), clock=time.time, luck=random.random
    )
    parts = [*(cache.run_forever() for cache in cluster.caches), cluster.run_forever()]
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(cache.synced() for cache in cluster.caches))
        yield cluster
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await api.close()


@asynccontextmanager
async def standing(
    plane: ControlPlane, namespace: str, account: Path | None = None, **notes: str
) -> AsyncIterator[Stand]:
    nodes = plane.add_gpu_nodes(namespace, gpus=1, labels={"headstart.dev/pool": namespace})
    workload = WorkloadName(f"{namespace}/chat")
    try:
        async with connected(plane, a_policy(workload, **notes), account) as cluster:
            stand = Stand(plane, cluster, workload, nodes)
            await stand.node_becomes(lambda state, _: state == "standby", "the node is ready")
            yield stand
    finally:
        plane.delete_nodes(nodes)


async def test_a_restore_serves_only_through_the_gate_and_its_release_gives_the_node_back(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace) as stand:
        node = control_plane.get("node", stand.nodes[0])
        assert node["spec"]["unschedulable"] is True
        start = stand.a_start()
        await stand.cluster.act(start)
        replica = await stand.becomes(start.name, Phase.READY)
        assert replica is not None
        assert replica.ready_at is not None
        assert replica.ready_at > start.decided_at
        [pod] = control_plane.get("pods", "-n", namespace)
        name = pod["metadata"]["name"]
        assert pod["spec"]["nodeName"] == stand.nodes[0]
        control_plane.until(
            lambda: control_plane.condition("pod", name, "Ready", namespace).startswith("True"),
            "the pod is Ready",
        )
        await stand.label_becomes("serving")
        await stand.cluster.act(Release(name=start.name, drain_seconds=1.0, reason="less"))
        assert await stand.phase(start.name) is Phase.DRAINING
        await stand.becomes(start.name, None)
        await stand.node_becomes(lambda state, _: state == "standby", "the node is free")
        await stand.label_becomes("standby")


async def test_a_cold_start_needs_no_restore(control_plane: ControlPlane, namespace: str) -> None:
    async with standing(control_plane, namespace) as stand:
        start = stand.a_start(kind=StartKind.COLD)
        await stand.cluster.act(start)
        replica = await stand.becomes(start.name, Phase.READY)
        assert replica is not None
        assert replica.kind is StartKind.COLD


@pytest.mark.parametrize("reason", ["RestoreFailed", "RestoreIncompatible"])
async def test_a_failed_restore_is_told_with_its_reason_and_cancelled(
    control_plane: ControlPlane, namespace: str, reason: str
) -> None:
    notes = {"lab_restore": "fails", "lab_failure-reason": reason}
    async with standing(control_plane, namespace, None, **notes) as stand:
        start = stand.a_start()
        await stand.cluster.act(start)
        replica = await stand.becomes(start.name, Phase.FAILED)
        assert replica is not None
        assert reason in replica.failure
        await stand.cluster.act(Cancel(name=start.name, reason="failed"))
        await stand.becomes(start.name, None)
        await stand.node_becomes(lambda state, _: state == "standby", "the node is free")


async def test_a_hanging_restore_stays_restoring_until_it_is_cancelled(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace, lab_restore="hangs") as stand:
        start = stand.a_start(deadline_at=time.time())
        await stand.cluster.act(start)
        replica = await stand.becomes(start.name, Phase.RESTORING)
        assert replica is not None
        assert replica.deadline_at == start.deadline_at
        await stand.cluster.act(Cancel(name=start.name, reason="hung"))
        await stand.becomes(start.name, None)


async def test_a_pod_that_a_kubelet_refuses_is_failed_at_once(
    control_plane: ControlPlane, namespace: str
) -> None:
    notes = {"lab_pod-fails": "OutOfnvidia.com/gpu"}
    async with standing(control_plane, namespace, None, **notes) as stand:
        start = stand.a_start()
        await stand.cluster.act(start)
        replica = await stand.becomes(start.name, Phase.FAILED)
        assert replica is not None
        assert "OutOfnvidia.com/gpu" in replica.failure


async def test_of_two_adapters_that_race_for_one_gpu_one_wins(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace) as stand:
        policy = a_policy(stand.workload)
        async with connected(control_plane, policy) as other:
            answers = await asyncio.gather(
                stand.cluster.act(stand.a_start(1)),
                other.act(stand.a_start(2)),
                return_exceptions=True,
            )
            refused = [answer for answer in answers if answer is not None]
            assert [type(answer) for answer in refused if answer] != []
            assert len(refused) == 1
            assert isinstance(refused[0], ActionRefusedError), refused
            assert len(control_plane.get("pods", "-n", namespace)) == 1


async def test_the_shipped_account_may_do_all_that_a_replicas_life_needs(
    control_plane: ControlPlane, namespace: str
) -> None:
    install(control_plane)
    allow_workloads(control_plane, namespace)
    account = control_plane.kubeconfig_of(NAMESPACE, CONTROLLER)
    async with standing(control_plane, namespace, account) as stand:
        start = stand.a_start()
        await stand.cluster.act(start)
        await stand.becomes(start.name, Phase.READY)
        await stand.cluster.act(Release(name=start.name, drain_seconds=0.0, reason="less"))
        await stand.becomes(start.name, None)
        other = stand.a_start(1)
        await stand.cluster.act(other)
        await stand.cluster.act(Cancel(name=other.name, reason="not needed"))
        await stand.becomes(other.name, None)
