"""The shipped admission policies on a real API server: what Headstart may change of nodes.

Called with its own service account's token; where a role refuses already, as that account freed
from roles, so that admission alone stands in the way.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest
import yaml

from tests.integration.kubernetes.shipped import (
    JSON_PATCH,
    Answer,
    Caller,
    accepted,
    as_controller,
    install,
    refused,
)
from tests.parts.control_plane import ControlPlane

POOL = "headstart.dev/pool"
STANDBY = {"key": "headstart.dev/standby", "value": "h100", "effect": "NoSchedule"}
FOREIGN = {"key": "team", "value": "a", "effect": "NoSchedule"}


@pytest.fixture(scope="module")
def controller(control_plane: ControlPlane) -> Caller:
    return install(control_plane)


@pytest.fixture
def node(control_plane: ControlPlane) -> str:
    """A node of the pool, with a label, an annotation and a taint of others."""
    return add_node(control_plane, {POOL: "h100"})


def add_node(plane: ControlPlane, labels: dict[str, str]) -> str:
    name = f"bounded-{secrets.token_hex(4)}"
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"team": "a", **labels},
            "annotations": {"team": "a"},
        },
        "spec": {"taints": [FOREIGN], "providerID": "lab://1"},
    }
    plane.kubectl("create", "-f", "-", stdin=yaml.safe_dump(node))
    return name


def test_it_holds_a_node_of_the_pool_ready_and_lets_it_go(controller: Caller, node: str) -> None:
    notes = {
        "headstart.dev/cordoned-by": "headstart",
        "headstart.dev/claim": "{}",
        "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true",
        "karpenter.sh/do-not-disrupt": "true",
    }
    held = {
        "labels": {"headstart.dev/state": "standby"},
        "annotations": notes,
    }
    accepted(retaint(controller, node, held, [STANDBY], is_cordoned=True))
    released = {"annotations": dict.fromkeys(notes)}
    accepted(retaint(controller, node, released, [], is_cordoned=False))


def test_a_claim_is_written_only_on_the_version_that_was_seen(
    controller: Caller, control_plane: ControlPlane, node: str
) -> None:
    version = control_plane.get("node", node)["metadata"]["resourceVersion"]
    claim = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/metadata/annotations/headstart.dev~1claim", "value": "{}"},
    ]
    path = f"/api/v1/nodes/{node}"
    accepted(controller.call("PATCH", path, claim, kind=JSON_PATCH))
    assert controller.call("PATCH", path, claim, kind=JSON_PATCH).status == 422


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metadata": {"labels": {"team": "b"}}}, "labels that begin with headstart.dev/"),
        ({"metadata": {"labels": {"team": None}}}, "labels that begin with headstart.dev/"),
        ({"metadata": {"labels": {"other": "b"}}}, "labels that begin with headstart.dev/"),
        ({"metadata": {"labels": {POOL: "other"}}}, "and not that label"),
        ({"metadata": {"labels": {POOL: None}}}, "and not that label"),
        ({"metadata": {"annotations": {"team": "b"}}}, "annotations that begin with"),
        ({"metadata": {"annotations": {"team": None}}}, "annotations that begin with"),
        ({"metadata": {"finalizers": ["a.example/b"]}}, "nothing else of it"),
        ({"spec": {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}}, "nothing else of it"),
        ({"spec": {"taints": []}}, "only the taint headstart.dev/standby"),
        ({"spec": {"taints": [{**FOREIGN, "effect": "NoExecute"}]}}, "only the taint"),
        ({"spec": {"taints": [{**STANDBY, "effect": "NoExecute"}]}}, "only the taint"),
    ],
)
def test_it_may_change_nothing_else_of_a_node(
    controller: Caller, node: str, change: dict[str, Any], words: str
) -> None:
    refused(controller.merge(f"/api/v1/nodes/{node}", change), words)


def test_a_foreign_taint_stays_when_its_own_is_added(controller: Caller, node: str) -> None:
    change = {"spec": {"taints": [{**FOREIGN, "value": "b"}, STANDBY]}}
    refused(controller.merge(f"/api/v1/nodes/{node}", change), "only the taint")


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"unschedulable": True}},
        {"metadata": {"labels": {POOL: "h100"}}},
        {"metadata": {"labels": {"headstart.dev/state": "standby"}}},
    ],
)
def test_it_may_not_touch_a_node_outside_the_pool_nor_take_it_in(
    controller: Caller, control_plane: ControlPlane, change: dict[str, Any]
) -> None:
    outside = add_node(control_plane, {})
    refused(
        controller.merge(f"/api/v1/nodes/{outside}", change), "with the label headstart.dev/pool"
    )


def test_it_may_not_touch_a_node_of_the_control_plane(
    controller: Caller, control_plane: ControlPlane
) -> None:
    labels = {POOL: "h100", "node-role.kubernetes.io/control-plane": ""}
    path = f"/api/v1/nodes/{add_node(control_plane, labels)}"
    refused(controller.merge(path, {"spec": {"unschedulable": True}}), "of the control plane")


def test_it_may_not_uncordon_what_it_did_not_cordon(
    controller: Caller, control_plane: ControlPlane, node: str
) -> None:
    control_plane.kubectl("cordon", node)
    path = f"/api/v1/nodes/{node}"
    refused(controller.merge(path, {"spec": {"unschedulable": False}}), "what it cordoned")
    own = {"metadata": {"annotations": {"headstart.dev/cordoned-by": "headstart"}}}
    both = {**own, "spec": {"unschedulable": False}}
    refused(controller.merge(path, both), "what it cordoned")


def test_nobody_but_headstart_is_bounded(control_plane: ControlPlane, node: str) -> None:
    control_plane.kubectl("label", "node", node, "team=b", "--overwrite")
    control_plane.kubectl("cordon", node)
    control_plane.kubectl("uncordon", node)
    control_plane.kubectl("delete", "node", node)


def test_nodes_and_their_status_are_out_of_reach_even_with_more_rights(
    control_plane: ControlPlane, controller: Caller, node: str
) -> None:
    freed = as_controller(control_plane)
    words = "not create or delete them, nor change their status"
    path = f"/api/v1/nodes/{node}"
    refused(freed.merge(f"{path}/status", {"status": {"capacity": {"cpu": "1"}}}), words)
    refused(freed.call("DELETE", path), words)


def retaint(
    controller: Caller,
    node: str,
    metadata: dict[str, Any],
    own: list[dict[str, str]],
    *,
    is_cordoned: bool,
) -> Answer:
    """Change a node as the controller does: taints of others as they are at that version.

    The node lifecycle controller taints the same node, so a stale version is read anew.
    """
    path = f"/api/v1/nodes/{node}"
    while True:
        seen = controller.call("GET", path).body
        others = [one for one in seen["spec"].get("taints", ()) if one["key"] != STANDBY["key"]]
        version = {"resourceVersion": seen["metadata"]["resourceVersion"]}
        spec = {"unschedulable": is_cordoned, "taints": [*others, *own]}
        answer = controller.merge(path, {"metadata": {**metadata, **version}, "spec": spec})
        if answer.status != 409:
            return answer
