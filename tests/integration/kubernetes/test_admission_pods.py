"""The shipped admission policies on a real API server: what Headstart may do with pods.

Called with its own service account's token.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.kubernetes.shipped import (
    Caller,
    accepted,
    allow_workloads,
    as_controller,
    install,
    lent_namespace,
    refused,
)
from tests.parts.control_plane import ControlPlane

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def controller(control_plane: ControlPlane) -> Caller:
    return install(control_plane)


@pytest.fixture(scope="module")
def workloads(control_plane: ControlPlane, controller: Caller) -> Iterator[str]:
    with lent_namespace(control_plane, "bounded") as name:
        allow_workloads(control_plane, name)
        yield name


def test_it_creates_a_replica_as_drivers_make_them(controller: Caller, workloads: str) -> None:
    path = f"/api/v1/namespaces/{workloads}/pods"
    manifest = pod()
    accepted(controller.call("POST", path, manifest), 201)
    accepted(controller.call("DELETE", f"{path}/{manifest['metadata']['name']}"))


def unlabelled(made: dict[str, Any]) -> None:
    made["metadata"]["labels"] = {"app": "chat"}


def empty_label(made: dict[str, Any]) -> None:
    made["metadata"]["labels"]["headstart.dev/policy"] = ""


def of_pod(**fields: Any) -> Change:
    return lambda made: made["spec"].update(fields)


def of_container(**fields: Any) -> Change:
    return lambda made: made["spec"]["containers"][0].update(fields)


def of_security(**fields: Any) -> Change:
    return of_container(securityContext=fields)


def first(**fields: Any) -> Change:
    return of_pod(initContainers=[{"name": "first", "image": "none", "securityContext": fields}])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (unlabelled, "must have the label headstart.dev/policy"),
        (empty_label, "must have the label headstart.dev/policy"),
        (of_pod(nodeName="any"), "placed by the scheduler"),
        (of_pod(hostNetwork=True), "hostNetwork, hostPID or hostIPC"),
        (of_pod(hostPID=True), "hostNetwork, hostPID or hostIPC"),
        (of_pod(hostIPC=True), "hostNetwork, hostPID or hostIPC"),
        (
            of_pod(volumes=[{"name": "control", "hostPath": {"path": "/"}}]),
            "may not mount a hostPath",
        ),
        (of_container(ports=[{"containerPort": 80, "hostPort": 80}]), "may not take a hostPort"),
        (of_security(privileged=True), "privileged or allowPrivilegeEscalation"),
        (of_security(allowPrivilegeEscalation=True), "privileged or allowPrivilegeEscalation"),
        (first(privileged=True), "privileged or allowPrivilegeEscalation"),
        (of_security(capabilities={"add": ["SYS_PTRACE"]}), "may not add capabilities"),
        (first(capabilities={"add": ["NET_ADMIN"]}), "may not add capabilities"),
        (of_security(seccompProfile={"type": "Unconfined"}), "may not be unconfined"),
        (of_pod(securityContext={"seccompProfile": {"type": "Unconfined"}}), "may not be unconf"),
        (of_pod(securityContext={"sysctls": [{"name": "a.b", "value": "1"}]}), "sysctls"),
        (of_pod(priorityClassName="system-node-critical"), "priority class of the system"),
    ],
)
def test_it_may_not_create_a_pod_with_rights_over_the_node(
    controller: Caller,
    workloads: str,
    change: Change,
    words: str,
) -> None:
    made = pod()
    change(made)
    refused(controller.call("POST", f"/api/v1/namespaces/{workloads}/pods", made), words)


def test_it_may_end_only_its_own_pods(
    controller: Caller, control_plane: ControlPlane, workloads: str
) -> None:
    name = foreign_pod(control_plane, workloads)
    path = f"/api/v1/namespaces/{workloads}/pods/{name}"
    refused(controller.call("DELETE", path), "only pods with the label headstart.dev/policy")


def test_it_sets_its_readiness_gate_and_nothing_else_of_a_status(
    controller: Caller, control_plane: ControlPlane, workloads: str
) -> None:
    pods, made = f"/api/v1/namespaces/{workloads}/pods", pod()
    path = f"{pods}/{made['metadata']['name']}/status"
    accepted(controller.call("POST", pods, made), 201)
    kind = "application/strategic-merge-patch+json"
    gate = {"status": {"conditions": [{"type": "headstart.dev/serving", "status": "True"}]}}
    accepted(controller.call("PATCH", path, gate, kind=kind))
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    words = "only the condition headstart.dev/serving"
    refused(controller.call("PATCH", path, ready, kind=kind), words)
    refused(controller.merge(path, {"status": {"phase": "Failed"}}), words)
    name = foreign_pod(control_plane, workloads)
    words = "only pods with the label headstart.dev/policy"
    refused(controller.call("PATCH", f"{pods}/{name}/status", gate, kind=kind), words)


def test_it_marks_its_pods_with_its_own_keys_alone(
    controller: Caller, control_plane: ControlPlane, workloads: str
) -> None:
    pods, made = f"/api/v1/namespaces/{workloads}/pods", pod()
    path = f"{pods}/{made['metadata']['name']}/status"
    accepted(controller.call("POST", pods, made), 201)
    marks = {"metadata": {"annotations": {"headstart.dev/phases": "{}"}}}
    accepted(controller.merge(path, marks))
    foreign = {"metadata": {"annotations": {"team": "b"}}}
    refused(controller.merge(path, foreign), "annotations of a pod that begin with headstart.dev/")
    stolen = {"metadata": {"labels": {"headstart.dev/policy": "other"}}}
    refused(controller.merge(path, stolen), "and not headstart.dev/policy")
    spec = {"spec": {"activeDeadlineSeconds": 1}}
    freed = as_controller(control_plane)
    refused(freed.merge(path.removesuffix("/status"), spec), "may not change the spec of a pod")


def test_of_a_target_s_pods_it_says_which_are_to_go_first_and_no_more(
    controller: Caller, control_plane: ControlPlane, workloads: str
) -> None:
    name = foreign_pod(control_plane, workloads)
    path = f"/api/v1/namespaces/{workloads}/pods/{name}/status"
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-1000"}
    accepted(controller.merge(path, {"metadata": {"annotations": cost}}))
    words = "of others it may set the deletion cost"
    for more in (
        {"metadata": {"annotations": {**cost, "headstart.dev/phases": "{}"}}},
        {"metadata": {"annotations": cost, "labels": {"headstart.dev/policy": "chat"}}},
        {"metadata": {"annotations": cost}, "status": {"phase": "Failed"}},
    ):
        refused(controller.merge(path, more), words)


def foreign_pod(plane: ControlPlane, namespace: str) -> str:
    made = pod()
    made["metadata"] |= {"labels": {"app": "other"}, "namespace": namespace}
    plane.apply(made)
    return str(made["metadata"]["name"])


def pod() -> dict[str, Any]:
    """Return a replica as the drivers make it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"chat-restore-{secrets.token_hex(4)}",
            "labels": {"headstart.dev/policy": "chat", "headstart.dev/kind": "restore", "app": "c"},
            "annotations": {"nvidia.com/restore-from": "chat-warm", "team": "a"},
        },
        "spec": {
            "restartPolicy": "Never",
            "readinessGates": [{"conditionType": "headstart.dev/serving"}],
            "tolerations": [
                {"key": "headstart.dev/standby", "operator": "Exists"},
                {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"},
            ],
            "containers": [
                {
                    "name": "main",
                    "image": "none",
                    "resources": {"limits": {"nvidia.com/gpu": "1"}},
                    "securityContext": {
                        "seccompProfile": {
                            "type": "Localhost",
                            "localhostProfile": "profiles/block-iouring.json",
                        }
                    },
                    "volumeMounts": [{"name": "control", "mountPath": "/snapshot-control"}],
                }
            ],
            "volumes": [{"name": "control", "emptyDir": {}}],
        },
    }
