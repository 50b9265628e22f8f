"""The cluster itself: what other tests lean on must hold.

Restore pods here are as the controller makes them: tolerant, pinned to one node, gated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.parts.control_plane import ControlPlane
from tests.parts.errors import RealPartError

GATE = "headstart.dev/serving"
RESTORED = "nvidia.com/Restored"
STANDBY = {"key": "headstart.dev/standby", "effect": "NoSchedule"}


@pytest.fixture
def node(control_plane: ControlPlane, namespace: str) -> Iterator[str]:
    """A standby node of the test's own: 8 GPUs, cordoned and tainted."""
    [name] = control_plane.add_gpu_nodes(namespace)
    control_plane.kubectl("cordon", name)
    control_plane.kubectl("taint", "node", name, f"{STANDBY['key']}=:{STANDBY['effect']}")
    yield name
    # A pod is ended by its node: without one it would stay for most of a minute.
    control_plane.kubectl("delete", "pods", "--all", "-n", namespace, "--timeout=60s")
    control_plane.delete_nodes([name])


def a_restore_pod(
    namespace: str, node: str, *, tolerant: bool = True, **notes: str
) -> dict[str, Any]:
    tolerations = [
        {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"},
        {**STANDBY, "operator": "Exists"},
    ]
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    annotations = {f"lab/{name.replace('_', '-')}": value for name, value in notes.items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "restore",
            "namespace": namespace,
            "annotations": {"nvidia.com/restore-from": "snapshot", **annotations},
        },
        "spec": {
            "restartPolicy": "Never",
            "readinessGates": [{"conditionType": GATE}],
            "affinity": {"nodeAffinity": required},
            "tolerations": tolerations if tolerant else tolerations[1:],
            "containers": [
                {
                    "name": "main",
                    "image": "engine",
                    "resources": {"limits": {"nvidia.com/gpu": "1"}},
                }
            ],
        },
    }


def set_gate(cluster: ControlPlane, namespace: str, status: str) -> None:
    patch = {"status": {"conditions": [{"type": GATE, "status": status}]}}
    cluster.kubectl(
        *("patch", "pod", "restore", "-n", namespace, "--subresource=status"),
        *("--type=strategic", "-p", json.dumps(patch)),
    )


def reaches(cluster: ControlPlane, namespace: str, condition: str, value: str) -> None:
    cluster.until(
        lambda: cluster.condition("pod", "restore", condition, namespace) == value,
        f"{condition} {value}",
    )


def test_a_restored_pod_on_a_cordoned_node_is_ready_only_through_its_gate(
    control_plane: ControlPlane, namespace: str, node: str
) -> None:
    control_plane.apply(a_restore_pod(namespace, node))
    reaches(control_plane, namespace, RESTORED, "True/RestoreSucceeded")
    reaches(control_plane, namespace, "ContainersReady", "True/")
    pod = control_plane.get("pod", "restore", "-n", namespace)
    assert pod["spec"]["nodeName"] == node
    assert pod["status"]["containerStatuses"][0]["ready"]
    reaches(control_plane, namespace, "Ready", "False/ReadinessGatesNotReady")
    set_gate(control_plane, namespace, "True")
    reaches(control_plane, namespace, "Ready", "True/")
    set_gate(control_plane, namespace, "False")
    reaches(control_plane, namespace, "Ready", "False/ReadinessGatesNotReady")


def test_a_pod_that_does_not_tolerate_the_cordon_is_not_bound(
    control_plane: ControlPlane, namespace: str, node: str
) -> None:
    control_plane.apply(a_restore_pod(namespace, node, tolerant=False))
    reaches(control_plane, namespace, "PodScheduled", "False/Unschedulable")


def test_a_restore_fails_with_the_reason_that_was_asked_for(
    control_plane: ControlPlane, namespace: str, node: str
) -> None:
    control_plane.apply(
        a_restore_pod(namespace, node, restore="fails", failure_reason="RestoreIncompatible")
    )
    reaches(control_plane, namespace, RESTORED, "False/RestoreIncompatible")
    assert control_plane.condition("pod", "restore", "Ready", namespace) == (
        "False/ContainersNotReady"
    )


def test_a_restore_can_hang_on_one_node_by_name(
    control_plane: ControlPlane, namespace: str, node: str
) -> None:
    control_plane.apply(a_restore_pod(namespace, node, hangs_on=f"another,{node}"))
    reaches(control_plane, namespace, RESTORED, "False/RestoreInProgress")
    time.sleep(2)  # Six times what a restore takes.
    assert control_plane.condition("pod", "restore", RESTORED, namespace) == (
        "False/RestoreInProgress"
    )


def test_the_time_of_a_restore_is_chosen_and_no_write_to_the_pod_prolongs_it(
    control_plane: ControlPlane, namespace: str, node: str
) -> None:
    began = time.monotonic()
    control_plane.apply(a_restore_pod(namespace, node, restore_seconds="4"))
    reaches(control_plane, namespace, RESTORED, "False/RestoreInProgress")
    for touched in ("once", "twice", "thrice"):
        control_plane.kubectl("label", "pod", "restore", "-n", namespace, f"{touched}=yes")
        time.sleep(0.6)
    reaches(control_plane, namespace, RESTORED, "True/RestoreSucceeded")
    pod = control_plane.get("pod", "restore", "-n", namespace)
    # A start time is cut to the second, so that up to one of the four is missing.
    assert time.monotonic() - began > 3.0
    assert pod["metadata"]["labels"] == {"once": "yes", "twice": "yes", "thrice": "yes"}


def test_a_pod_without_a_snapshot_starts_cold(
    control_plane: ControlPlane, namespace: str, node: str
) -> None:
    pod = a_restore_pod(namespace, node)
    del pod["metadata"]["annotations"], pod["spec"]["readinessGates"]
    control_plane.apply(pod)
    reaches(control_plane, namespace, "Ready", "True/")
    assert control_plane.condition("pod", "restore", RESTORED, namespace) == ""


def test_a_running_pod_fails_when_told_to_and_a_deleted_one_goes(
    control_plane: ControlPlane, namespace: str, node: str
) -> None:
    control_plane.apply(a_restore_pod(namespace, node))
    reaches(control_plane, namespace, "ContainersReady", "True/")
    note = "lab/pod-fails=OutOfnvidia.com/gpu"
    control_plane.kubectl("annotate", "pod", "restore", "-n", namespace, note)
    control_plane.until(
        lambda: (
            control_plane.get("pod", "restore", "-n", namespace)["status"].get("reason")
            == "OutOfnvidia.com/gpu"
        ),
        "the pod to fail",
    )
    control_plane.kubectl("delete", "pod", "restore", "-n", namespace, "--timeout=60s")
    assert control_plane.get("pods", "-n", namespace) == []


def test_a_node_that_is_off_is_tainted_until_it_is_on_again(
    control_plane: ControlPlane, node: str
) -> None:
    def taints() -> set[str]:
        return {taint["key"] for taint in control_plane.get("node", node)["spec"]["taints"]}

    cordoned = {"node.kubernetes.io/unschedulable", STANDBY["key"]}
    assert taints() == cordoned
    control_plane.set_node_ready(node, ready=False)
    assert control_plane.condition("node", node, "Ready") == "False/KubeletNotReady"
    assert taints() == cordoned | {"node.kubernetes.io/not-ready"}
    control_plane.set_node_ready(node, ready=True)
    assert taints() == cordoned


def test_a_killed_api_server_comes_back_with_its_data(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("create", "configmap", "kept", "-n", namespace)
    control_plane.kill_api_server()
    with pytest.raises(RealPartError, match="refused"):
        control_plane.get("configmap", "kept", "-n", namespace)
    control_plane.start_api_server()
    assert control_plane.get("configmap", "kept", "-n", namespace)["metadata"]["name"] == "kept"


def test_a_watch_from_before_the_history_was_forgotten_is_told_so(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("create", "configmap", "old", "-n", namespace)
    old = control_plane.get("configmap", "old", "-n", namespace)["metadata"]["resourceVersion"]
    control_plane.kubectl("create", "configmap", "new", "-n", namespace)
    assert watched(control_plane, namespace, old)[0]["type"] == "ADDED"
    control_plane.forget_history()
    [event] = watched(control_plane, namespace, old)
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_a_service_account_has_its_own_rights_and_its_writes_are_on_record(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("create", "serviceaccount", "writer", "-n", namespace)
    writer = control_plane.kubeconfig_of(namespace, "writer")
    with pytest.raises(RealPartError, match="Forbidden"):
        control_plane.get("configmaps", "-n", namespace, config=writer)
    user = f"system:serviceaccount:{namespace}:writer"
    assert control_plane.writes_by(user) == []
    create_a_config_map = ("create", "configmap", "mine", "-n", namespace)
    with pytest.raises(RealPartError, match="forbidden"):
        control_plane.kubectl(*create_a_config_map, config=writer)
    rights = ("--clusterrole=edit", f"--serviceaccount={namespace}:writer", "-n", namespace)
    control_plane.kubectl("create", "rolebinding", "writer", *rights)
    control_plane.until(
        lambda: control_plane.kubectl(*create_a_config_map, config=writer), "the right to create"
    )

    def codes() -> list[int]:
        return [event["responseStatus"]["code"] for event in control_plane.writes_by(user)]

    control_plane.until(lambda: codes()[-1:] == [201], "the creation on record")
    assert codes()[0] == 403


def watched(cluster: ControlPlane, namespace: str, since: str) -> list[dict[str, Any]]:
    """Return the events of the ConfigMaps since a resource version, as far as they have come."""
    answer = requests.get(
        f"{cluster.url}/api/v1/namespaces/{namespace}/configmaps",
        params={"watch": "true", "resourceVersion": since, "timeoutSeconds": "1"},
        headers={"Authorization": f"Bearer {cluster.token}"},
        verify=str(cluster.authority),
        timeout=30,
    )
    return [json.loads(line) for line in answer.text.splitlines()]
