"""Targets that scale themselves, by the shipped account on a real API server and controllers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from controller.actions import Resize
from controller.adapters.kubernetes.cluster import KubernetesCluster
from controller.cluster_view import Phase, Replica
from controller.errors import ActionRefusedError
from controller.policy import Actuator, Mode, Restore, WorkloadPolicy
from models.forecast import WorkloadName
from tests.integration.kubernetes.scaled import a_deployment, replicas_of
from tests.integration.kubernetes.shipped import CONTROLLER, NAMESPACE, allow_workloads, install
from tests.integration.kubernetes.test_cluster_starts import connected, until
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.real
COST = "controller.kubernetes.io/pod-deletion-cost"


def a_policy(namespace: str, *, timeout_seconds: float = 60.0) -> WorkloadPolicy:
    return WorkloadPolicy(
        workload=WorkloadName(f"{namespace}/chat"),
        demand_per_replica=1.0,
        mode=Mode.ACT,
        actuator=Actuator.SCALE,
        scale_target=("Deployment", "chat"),
        scale_target_api_version="apps/v1",
        restore=Restore(driver="Scale", timeout_seconds=timeout_seconds),
    )


@dataclass
class Stand:
    """One adapter, one Deployment."""

    plane: ControlPlane
    cluster: KubernetesCluster
    policy: WorkloadPolicy

    async def replicas(self) -> list[Replica]:
        fleet = await self.cluster.observe()
        return [one for one in fleet.replicas if one.workload == self.policy.workload]

    async def phases(self) -> list[Phase]:
        return sorted(one.phase for one in await self.replicas())

    async def become(self, *phases: Phase) -> list[Replica]:
        async def as_wanted() -> bool:
            return await self.phases() == sorted(phases)

        await until(as_wanted, f"{phases}, not {await self.phases()}", self.plane)
        return await self.replicas()

    async def resize(self, replicas: int, **changes: object) -> float:
        """Ask for so many; return when that was decided."""
        now = time.time()
        asked = Resize(
            workload=self.policy.workload, replicas=replicas, decided_at=now, reason="a test"
        )
        await self.cluster.act(replace(asked, **changes))  # type: ignore[arg-type]
        return now

    async def obstacle_is(self, wanted: Callable[[str], bool], what: str) -> None:
        async def as_wanted() -> bool:
            found = self.cluster.obstacles().get(self.policy.workload)
            return wanted(f"{found.reason}: {found.message}" if found else "")

        await until(as_wanted, what, self.plane)


@asynccontextmanager
async def standing(plane: ControlPlane, namespace: str, **notes: str) -> AsyncIterator[Stand]:
    """Let the shipped account work on a Deployment of one, which is ready or not as noted."""
    install(plane)
    allow_workloads(plane, namespace)
    nodes = plane.add_gpu_nodes(namespace, labels={"headstart.dev/pool": namespace})
    plane.apply(a_deployment(namespace, **notes))
    policy = a_policy(namespace)
    account = plane.kubeconfig_of(NAMESPACE, CONTROLLER)
    try:
        async with connected(plane, policy, account) as cluster:
            stand = Stand(plane, cluster, policy)
            await stand.obstacle_is(lambda said: said == "", "the target is known")
            yield stand
    finally:
        plane.kubectl("delete", "deployment", "chat", "-n", namespace)
        plane.delete_nodes(nodes)


async def test_a_target_grows_and_shrinks_by_the_one_that_was_named(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace, lab_restore_seconds="1") as stand:
        await stand.become(Phase.READY)
        at = await stand.resize(3)
        assert await stand.phases() == [Phase.READY, Phase.RESTORING, Phase.RESTORING]
        grown = await stand.become(*[Phase.READY] * 3)
        eldest, *started = sorted(grown, key=lambda one: one.decided_at)
        assert [one.decided_at for one in started] == [at, at]
        assert all(one.ready_at is not None and one.ready_at > at for one in started)
        await stand.resize(2, retired=(eldest.name,))
        await stand.become(*[Phase.READY] * 2)
        left = {one.name for one in await stand.replicas()}
        assert left == {one.name for one in started}


async def test_what_failed_or_hangs_is_evicted_and_its_owner_starts_another(
    control_plane: ControlPlane, namespace: str
) -> None:
    notes = {"lab_restore": "fails", "lab_failure_reason": "RestoreFailed"}
    async with standing(control_plane, namespace, **notes) as stand:
        (failed,) = await stand.become(Phase.FAILED)
        assert "RestoreFailed" in failed.failure
        await stand.resize(1, retried=(failed.name,))

        async def is_replaced() -> bool:
            return failed.name not in {one.name for one in await stand.replicas()}

        await until(is_replaced, "the failed one has gone", stand.plane)
        assert replicas_of(stand.plane, namespace) == 1
        (again,) = await stand.become(Phase.FAILED)
        # The next eviction waits, so that a snapshot that is broken is no endless loop.
        await stand.resize(1, retried=(again.name,))
        await asyncio.sleep(0.5)
        assert again.name in {one.name for one in await stand.replicas()}


async def test_a_target_that_an_autoscaler_owns_or_that_is_not_there_is_refused(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace) as stand:
        plane = control_plane
        plane.kubectl("autoscale", "deployment/chat", "-n", namespace, "--min=1", "--max=2")
        await stand.obstacle_is(
            lambda said: "HorizontalPodAutoscaler chat owns" in said, "the autoscaler is seen"
        )
        with pytest.raises(ActionRefusedError, match="owns the replicas of Deployment chat"):
            await stand.resize(2)
        assert replicas_of(plane, namespace) == 1
        plane.kubectl("delete", "hpa", "chat", "-n", namespace)
        await stand.obstacle_is(lambda said: said == "", "the autoscaler has gone")
        plane.kubectl("delete", "deployment", "chat", "-n", namespace)
        await stand.obstacle_is(
            lambda said: said.startswith("TargetUnknown") and "not found" in said,
            "the target has gone",
        )
        plane.apply(a_deployment(namespace))
        await stand.obstacle_is(lambda said: said == "", "the target is back")


async def test_somebody_who_keeps_changing_the_replicas_is_not_fought(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace) as stand:
        for other in (2, 3, 1):
            control_plane.kubectl(
                "scale", "deployment/chat", "-n", namespace, f"--replicas={other}"
            )

            async def is_seen(count: int = other) -> bool:
                alive = (Phase.READY, Phase.RESTORING)
                return sum(phase in alive for phase in await stand.phases()) == count

            await until(is_seen, f"{other} are seen", stand.plane)
        await stand.obstacle_is(
            lambda said: "somebody else keeps changing" in said, "the other is respected"
        )
        with pytest.raises(ActionRefusedError, match="somebody else"):
            await stand.resize(4)
