"""The whole loop in a pool where everything goes wrong, each trouble with its words and numbers."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import started
from tests.integration.kubernetes.loop_stand import (
    POOL,
    Controller,
    Demand,
    a_policy,
    is_ready,
    nodes_of,
    pods_of,
    ready_pods,
    states,
    told,
)
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.trial

WITHIN_SECONDS = 120.0
RESTORE = {"driver": "NvidiaSnapshot", "sizeGiB": 1, "timeoutSeconds": 14}


def test_every_trouble_of_a_node_is_met_and_told(
    control_plane: ControlPlane, account: Path, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    pool += plane.add_gpu_nodes(f"{namespace}-more", 6, gpus=1, labels={POOL: namespace})
    taken, leaving, freed, failing, hanging, gone, down, *good = pool
    notes = {
        "lab/fails-on": failing,
        "lab/failure-reason": "RestoreIncompatible",
        "lab/hangs-on": hanging,
        "lab/restore-seconds": "8",
    }
    demand.changes = [(0.0, 0.0)]

    def ask_for(replicas: int) -> None:
        limits = {"minReplicas": replicas, "maxReplicas": 8}
        plane.apply(a_policy(namespace, notes=notes, spec={"restore": RESTORE, "limits": limits}))

    ask_for(0)
    with ExitStack() as stack:
        controller = started(Controller(account, demand, "only"), stack)
        plane.until(lambda: states(plane, pool) == ["standby"] * 12, "the pool stands by")
        plane.apply(a_foreign_pod(namespace, taken))
        plane.kubectl("taint", "node", leaving, "ToBeDeletedByClusterAutoscaler=1:NoSchedule")
        plane.kubectl("uncordon", freed)
        plane.until(lambda: states(plane, [taken, leaving, freed]) == ["unfit"] * 3, "unfit")
        # Of those left the first two can't restore, and the next two go while they do.
        ask_for(5)
        plane.until(lambda: is_restoring_on(plane, namespace, gone, down), "restores run")
        # What it never saw it can't miss.
        plane.until(lambda: {gone, down} <= nodes_seen_restoring(controller), "it sees them")
        plane.delete_nodes([gone])
        plane.set_node_ready(down, ready=False)
        plane.until(
            lambda: ready_pods(plane, namespace) == 5, "five serve", within_seconds=WITHIN_SECONDS
        )
        serving = {pod["spec"]["nodeName"] for pod in pods_of(plane, namespace) if is_ready(pod)}
        assert serving == set(good)
        assert not nodes_of(plane, [freed])[freed]["spec"].get("unschedulable")
        see_what_was_told(plane, controller, namespace, pool)
        ask_for(8)
        plane.until(
            lambda: (
                plane.condition("prp", "chat", "StandbyAvailable", namespace)
                == "False/PoolExhausted"
            ),
            "that there is no room is told",
        )
        assert plane.get("pod", "other", "-n", namespace)["status"]["phase"] == "Running"
        demand.turn_to(0.0)


def see_what_was_told(
    plane: ControlPlane, controller: Controller, namespace: str, pool: list[str]
) -> None:
    """See each trouble in an event, a number and the status."""
    taken, leaving, freed, failing, hanging, gone, down, *_ = pool
    plane.until(lambda: "ReplicaLost" in told(plane, namespace), "the loss is told")
    events = [*plane.get("events", "-n", namespace), *plane.get("events", "-n", "default")]
    texts = [f"{event['reason']} {event['message']}" for event in events]
    reported: dict[str, str] = defaultdict(str)
    for event in events:
        # The node controller tells of nodes, too.
        reported[event["involvedObject"]["name"]] += f"{event['message']}\n"
    for reason, node, words in (
        ("RestoreFailed", failing, "RestoreIncompatible"),
        ("RestoreFailed", down, "is not Ready"),
        ("ReplicaLost", gone, "its node left the pool"),
    ):
        found = [text for text in texts if text.startswith(reason) and f" {node} " in text]
        assert any(words in text for text in found), (reason, texts)
    assert any("RestoreCancelled" in text and "not ready after" in text for text in texts)
    assert "taken by a foreign pod" in reported[taken]
    assert "marked for deletion" in reported[leaving]
    assert "uncordoned by somebody else" in reported[freed]
    seen = controller.metrics()
    for outcome in ("failed", "hung", "lost"):
        assert seen[f"headstart_restores_total restore {outcome} {namespace}/chat"] >= 1
    assert seen["headstart_standby_nodes unfit"] >= 4
    status: dict[str, Any] = plane.get("prp", "chat", "-n", namespace)["status"]
    assert {failing, hanging} <= {one["node"] for one in status["incompatible"]}


def test_a_snapshot_that_fits_nowhere_ends_in_cold_starts(
    control_plane: ControlPlane, account: Path, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    notes = {
        "lab/restore": "fails",
        "lab/failure-reason": "RestoreIncompatible",
        "lab/restore-seconds": "1",
        "lab/cold-seconds": "6",
    }
    plane.apply(a_policy(namespace, notes=notes))
    with ExitStack() as stack:
        started(Controller(account, demand, "only"), stack)
        plane.until(
            lambda: ready_pods(plane, namespace) == 1, "one serves", within_seconds=WITHIN_SECONDS
        )
        [pod] = [pod for pod in pods_of(plane, namespace) if is_ready(pod)]
        assert pod["metadata"]["labels"]["headstart.dev/kind"] == "cold"
        assert "nvidia.com/restore-from" not in pod["metadata"]["annotations"]
        plane.until(
            lambda: {"RestoreFailed", "ColdStarted"} <= told(plane, namespace), "both are told"
        )


def is_restoring_on(plane: ControlPlane, namespace: str, *nodes: str) -> bool:
    """Say whether pods run on all of these nodes and none of them is ready."""
    placed = {pod["spec"].get("nodeName"): pod for pod in pods_of(plane, namespace)}
    pods = [placed.get(node) for node in nodes]
    return all(pod is not None and pod["status"].get("startTime") for pod in pods)


def nodes_seen_restoring(controller: Controller) -> set[str]:
    """Return the nodes on which the controller, at its last look, saw a restore."""
    fleet = controller.get("/v1/fleet") or {"replicas": []}
    return {one["node"] for one in fleet["replicas"] if one["phase"] == "restoring"}


def a_foreign_pod(namespace: str, node: str) -> dict[str, Any]:
    """Return a pod that tolerates what keeps others off a standby node, and takes its GPU."""
    limits = {"limits": {"nvidia.com/gpu": "1"}}
    main = {"name": "main", "image": "example.com/other:1", "resources": limits}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "other", "namespace": namespace},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "tolerations": [{"operator": "Exists"}],
            "containers": [main],
        },
    }
