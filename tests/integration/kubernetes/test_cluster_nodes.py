"""What may happen to a node of the pool, on a real API server; nodes by kwok."""

from __future__ import annotations

import pytest

from controller.cluster_view import Phase
from controller.errors import ActionRefusedError
from tests.integration.kubernetes.test_cluster_starts import standing
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.real


async def test_the_replica_of_a_deleted_node_is_gone(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace) as stand:
        start = stand.a_start()
        await stand.cluster.act(start)
        await stand.becomes(start.name, Phase.READY)
        control_plane.delete_nodes(stand.nodes)
        await stand.becomes(start.name, None)


async def test_a_node_that_is_down_takes_no_start_and_its_restore_has_failed(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace, lab_restore="hangs") as stand:
        start = stand.a_start()
        await stand.cluster.act(start)
        await stand.becomes(start.name, Phase.RESTORING)
        control_plane.set_node_ready(stand.nodes[0], ready=False)
        await stand.node_becomes(lambda _, why: why == "not Ready", "unfit")
        replica = await stand.becomes(start.name, Phase.FAILED)
        assert replica is not None
        assert "not Ready" in replica.failure
        with pytest.raises(ActionRefusedError, match="not Ready"):
            await stand.cluster.act(stand.a_start(9))


async def test_a_node_that_a_person_uncordoned_stays_so_and_is_unfit(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace) as stand:
        await stand.label_becomes("standby")
        control_plane.kubectl("uncordon", stand.nodes[0])
        await stand.node_becomes(lambda _, why: "uncordoned" in why, "unfit")
        await stand.label_becomes("unfit")
        node = control_plane.get("node", stand.nodes[0])
        assert not node["spec"].get("unschedulable")
        control_plane.kubectl("cordon", stand.nodes[0])
        await stand.node_becomes(lambda state, _: state == "standby", "given back")


async def test_a_node_that_an_autoscaler_is_about_to_delete_is_unfit(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace) as stand:
        mark = "ToBeDeletedByClusterAutoscaler=1:NoSchedule"
        control_plane.kubectl("taint", "node", stand.nodes[0], mark)
        await stand.node_becomes(lambda _, why: "autoscaler" in why, "unfit")


async def test_a_gpu_that_a_foreign_pod_took_is_not_offered(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with standing(control_plane, namespace) as stand:
        limits = {"limits": {"nvidia.com/gpu": "1"}}
        main = {"name": "main", "image": "example.com/other:1", "resources": limits}
        control_plane.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "other", "namespace": namespace},
                "spec": {"nodeName": stand.nodes[0], "containers": [main]},
            }
        )
        await stand.node_becomes(lambda _, why: "foreign" in why, "unfit")
        with pytest.raises(ActionRefusedError, match="foreign"):
            await stand.cluster.act(stand.a_start())
