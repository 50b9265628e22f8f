"""The shipped roles on a real API server: enough for the controller's work, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.kubernetes.shipped import (
    CONTROLLER,
    JSON_PATCH,
    MERGE,
    NAMESPACE,
    Caller,
    allow_workloads,
    install,
    lent_namespace,
)
from tests.parts.control_plane import ControlPlane

LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
POLICIES = "/apis/headstart.dev/v1alpha1"


@pytest.fixture(scope="module")
def controller(control_plane: ControlPlane) -> Caller:
    return install(control_plane)


@pytest.fixture(scope="module")
def workloads(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace in which the controller may start replicas."""
    with lent_namespace(control_plane, "workloads") as name:
        allow_workloads(control_plane, name)
        yield name


def test_it_reads_what_it_watches(controller: Caller) -> None:
    autoscalers = "/apis/autoscaling/v2/horizontalpodautoscalers"
    paths = ("/api/v1/nodes", "/api/v1/pods", f"{POLICIES}/prerestorepolicies", autoscalers)
    assert {controller.call("GET", path).status for path in paths} == {200}
    watched = {controller.call("GET", path, limit="1").status for path in paths}
    assert watched == {200}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/secrets",
        f"/api/v1/namespaces/{NAMESPACE}/secrets",
        f"/api/v1/namespaces/{NAMESPACE}/configmaps",
        "/api/v1/namespaces",
        "/api/v1/nodes/any/proxy/metrics",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/apps/v1/deployments",
        f"{LEASES}/another",
    ],
)
def test_it_may_not_read_what_it_does_not_need(controller: Caller, path: str) -> None:
    assert controller.call("GET", path).status == 403


def test_it_may_not_read_secrets_where_it_starts_replicas(
    controller: Caller, workloads: str
) -> None:
    assert controller.call("GET", f"/api/v1/namespaces/{workloads}/secrets").status == 403


def test_it_holds_its_own_lease_and_no_other(
    control_plane: ControlPlane, controller: Caller
) -> None:
    control_plane.kubectl("delete", "lease", CONTROLLER, "-n", NAMESPACE, "--ignore-not-found")
    assert controller.call("POST", LEASES, lease(CONTROLLER)).status == 201
    renewed = controller.merge(f"{LEASES}/{CONTROLLER}", {"spec": {"holderIdentity": "b"}})
    assert (renewed.status, renewed.body["spec"]["holderIdentity"]) == (200, "b")
    assert controller.call("PUT", f"{LEASES}/{CONTROLLER}", renewed.body).status == 200
    control_plane.apply(lease("another"))
    assert controller.merge(f"{LEASES}/another", {"spec": {"holderIdentity": "b"}}).status == 403
    assert controller.call("DELETE", f"{LEASES}/{CONTROLLER}").status == 403
    elsewhere = LEASES.replace(NAMESPACE, "kube-system")
    assert controller.call("POST", elsewhere, lease("stray")).status == 403
    control_plane.kubectl("delete", "lease", CONTROLLER, "another", "-n", NAMESPACE)


def test_it_writes_the_status_of_a_policy_and_not_the_policy(
    control_plane: ControlPlane, controller: Caller, namespace: str
) -> None:
    control_plane.apply(policy(namespace))
    path = f"{POLICIES}/namespaces/{namespace}/prerestorepolicies/chat"
    assert controller.merge(f"{path}/status", {"status": {"outcomes": {"hits": 9}}}).status == 200
    assert controller.merge(path, {"spec": {"mode": "Act"}}).status == 403
    assert controller.call("DELETE", path).status == 403


def test_it_writes_events_anywhere(controller: Caller, namespace: str) -> None:
    path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    answer = controller.call("POST", path, event(namespace))
    assert answer.status == 201, answer.body
    body = {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}}
    assert controller.merge(f"{path}/first", body).status == 200
    assert controller.call("DELETE", f"{path}/first").status == 403


def test_it_starts_and_ends_replicas_only_where_it_is_allowed(
    controller: Caller, workloads: str, namespace: str
) -> None:
    for home, created, deleted in ((workloads, 201, 200), (namespace, 403, 403)):
        path = f"/api/v1/namespaces/{home}/pods"
        assert controller.call("POST", path, pod("a")).status == created
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
        evicted = controller.call("POST", f"{path}/a/eviction", body, dryRun="All")
        assert (evicted.status < 300) is (created == 201)
        assert controller.call("DELETE", f"{path}/a").status == deleted


def test_it_scales_a_deployment_and_may_not_change_it(
    control_plane: ControlPlane, controller: Caller, workloads: str, namespace: str
) -> None:
    for home, allowed in ((workloads, 200), (namespace, 403)):
        control_plane.kubectl(
            "create", "deployment", "web", "--image=none", "--replicas=0", "-n", home
        )
        path = f"/apis/apps/v1/namespaces/{home}/deployments/web"
        assert controller.call("GET", f"{path}/scale").status == allowed
        assert controller.merge(f"{path}/scale", {"spec": {"replicas": 0}}).status == allowed
        assert controller.merge(path, {"spec": {"replicas": 0}}).status == 403


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/api/v1/nodes", ""),
        ("DELETE", "/api/v1/nodes/any", ""),
        ("PATCH", "/api/v1/nodes/any/status", MERGE),
        ("PATCH", "/api/v1/nodes/any/status", JSON_PATCH),
        ("POST", "/api/v1/namespaces/{}/pods/any/exec", ""),
        ("POST", "/api/v1/namespaces/{}/pods/any/binding", ""),
        ("PATCH", "/api/v1/namespaces/{}/pods/any", MERGE),
        ("DELETE", "/api/v1/namespaces/{}/pods", ""),
        ("POST", "/api/v1/namespaces/{}/serviceaccounts/default/token", ""),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", ""),
        ("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/any", ""),
    ],
)
def test_it_may_not_go_beyond(
    controller: Caller, workloads: str, method: str, path: str, kind: str
) -> None:
    answer = controller.call(method, path.format(workloads), {}, kind=kind or "application/json")
    assert answer.status == 403, answer.body


def test_those_who_edit_a_namespace_write_policies_and_viewers_only_read(
    control_plane: ControlPlane, controller: Caller, namespace: str
) -> None:
    path = f"{POLICIES}/namespaces/{namespace}/prerestorepolicies"
    for role, created in (("view", 403), ("edit", 201)):
        control_plane.kubectl("create", "serviceaccount", role, "-n", namespace)
        # A cluster adds this role to its own of that name; that controller does not run here.
        shipped = control_plane.get("clusterrole", f"headstart-policies-{role}")
        label = f"rbac.authorization.k8s.io/aggregate-to-{role}"
        assert shipped["metadata"]["labels"][label] == "true"
        bound = (f"--clusterrole=headstart-policies-{role}", f"--serviceaccount={namespace}:{role}")
        control_plane.kubectl("create", "rolebinding", role, *bound, "-n", namespace)
        user = Caller(control_plane, control_plane.kubeconfig_of(namespace, role))
        assert user.call("GET", path).status == 200
        assert user.call("POST", path, policy(namespace)).status == created


def lease(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15},
    }


def policy(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {
            "capacity": {"demandPerReplica": 3},
            "demand": {"prometheus": {"query": "up"}},
        },
    }


def event(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "first", "namespace": namespace},
        "regarding": {"kind": "Pod", "name": "a", "namespace": namespace},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "headstart.dev/controller",
        "reportingInstance": "a",
        "action": "Start",
        "reason": "RestoreStarted",
        "type": "Normal",
    }


def pod(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"headstart.dev/policy": "chat"}},
        "spec": {"containers": [{"name": "main", "image": "none"}]},
    }
