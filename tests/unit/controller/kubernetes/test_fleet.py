"""Objects as a cluster has them, and the fleet that is read off them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from controller.adapters.kubernetes.claims import Claim, claims_of, claims_text
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import fleet_of, is_stray, waiting_claims
from controller.adapters.kubernetes.nodes import NodeRules
from controller.adapters.kubernetes.pods import bound_node
from controller.cluster_view import NodeState, Phase, Replica
from tests.unit.controller.kubernetes.cluster_objects import (
    CHAT,
    NOW,
    a_foreign_pod,
    a_node_object,
    a_pod,
    a_start,
    a_view,
)

RESTORED = ("nvidia.com/Restored", "True", "RestoreSucceeded")
OLD_RESTORED = ("snapshot/Restored", "False", "RestoreFailed")
INCOMPATIBLE = ("nvidia.com/Restored", "False", "RestoreIncompatible")
PENDING = ("nvidia.com/Restored", "False", "SnapshotPending")
CONTAINERS = ("ContainersReady", "True", "")
SERVING = ("headstart.dev/serving", "True", "")
PHASES = {"headstart.dev/phases": '{"decided": 1800000000.0, "ready": 1800000006.5}'}
DELETED: dict[str, Any] = {"deletionTimestamp": "2027-01-15T08:00:00Z"}


def only_replica(pod: Json, node: Json | None = None) -> Replica | None:
    replicas = fleet_of(a_view([node or a_node_object()], [pod])).replicas
    return replicas[0] if replicas else None


@pytest.mark.parametrize(
    ("pod", "phase", "failure"),
    [
        (a_pod(), Phase.RESTORING, ""),
        (a_pod(None, PENDING), Phase.RESTORING, ""),
        (a_pod(None, RESTORED, CONTAINERS), Phase.RESTORING, ""),
        (a_pod(None, RESTORED, CONTAINERS, SERVING), Phase.READY, ""),
        (a_pod(None, RESTORED, SERVING), Phase.DRAINING, ""),
        (a_pod(None, INCOMPATIBLE), Phase.FAILED, "RestoreIncompatible"),
        (a_pod(None, OLD_RESTORED), Phase.FAILED, "RestoreFailed"),
        (a_pod(phase="Failed"), Phase.FAILED, "the pod is Failed"),
        (
            a_pod(None, CONTAINERS, notes={"headstart.dev/drain-until": "1.0"}),
            Phase.DRAINING,
            "",
        ),
        (a_pod(None, SERVING, notes=PHASES, **DELETED), Phase.DRAINING, ""),
    ],
)
def test_a_pod_is_a_replica_in_the_phase_that_it_tells(
    pod: Json, phase: Phase, failure: str
) -> None:
    replica = only_replica(pod)
    assert replica is not None
    assert (replica.phase, replica.workload, replica.name) == (phase, CHAT, "team/chat-1-0")
    assert failure in replica.failure
    assert bool(failure) == bool(replica.failure)


def test_a_pod_keeps_what_was_decided_and_when_it_was_ready() -> None:
    replica = only_replica(a_pod(a_start(attempt=3), CONTAINERS, SERVING, notes=PHASES))
    assert replica is not None
    assert (replica.decided_at, replica.deadline_at, replica.attempt) == (NOW, NOW + 60.0, 3)
    assert replica.ready_at == 1800000006.5


@pytest.mark.parametrize("text", ["nan", "-inf", "1e300", "-1", "soon"])
def test_times_that_make_no_sense_are_as_if_not_written(text: str) -> None:
    notes = {"headstart.dev/decided-at": text, "headstart.dev/deadline-at": text}
    replica = only_replica(a_pod(notes=notes | {"headstart.dev/drain-until": "nan"}))
    assert replica is not None
    assert (replica.phase, replica.decided_at) == (Phase.RESTORING, NOW)
    assert replica.deadline_at == float("inf")


def test_a_label_of_endless_attempts_leaves_the_next_one_a_label() -> None:
    pod = a_pod()
    pod["metadata"]["labels"]["headstart.dev/attempt"] = "9" * 63
    replica = only_replica(pod)
    assert replica is not None
    assert replica.attempt == 9999


def test_a_restore_that_waits_for_nothing_but_our_gate_is_never_late() -> None:
    restored = ("nvidia.com/Restored", "True", "RestoreSucceeded")
    late = only_replica(a_pod(None, restored, ("ContainersReady", "False", "")))
    done = only_replica(a_pod(None, restored, CONTAINERS))
    assert late is not None
    assert done is not None
    assert (late.phase, late.deadline_at) == (Phase.RESTORING, NOW + 60.0)
    assert (done.phase, done.deadline_at) == (Phase.RESTORING, float("inf"))


def test_an_unbound_pod_already_counts_on_the_node_it_is_pinned_to() -> None:
    replica = only_replica(a_pod(bound=False))
    assert replica is not None
    assert replica.node == "n1"


def test_a_start_that_was_deleted_is_no_replica_and_holds_its_gpu_until_it_is_gone() -> None:
    fleet = fleet_of(a_view([a_node_object()], [a_pod(None, **DELETED)]))
    assert fleet.replicas == ()
    assert fleet.free_gpus() == {"n1": 0}
    assert fleet.ending_gpus == ((CHAT, 1),)
    assert fleet_of(a_view([a_node_object()], [a_pod()])).ending_gpus == ()


def test_what_a_dead_node_never_ends_holds_no_budget() -> None:
    fleet = fleet_of(a_view([a_node_object(ready=False)], [a_pod(None, **DELETED)]))
    assert fleet.ending_gpus == ()


def test_a_node_that_is_down_loses_its_restores_and_takes_its_servers_out_of_the_count() -> None:
    down = a_node_object(ready=False)
    restoring, serving = only_replica(a_pod(), down), only_replica(a_pod(None, SERVING), down)
    assert restoring is not None
    assert serving is not None
    assert (restoring.phase, restoring.failure) == (Phase.FAILED, "node n1 is not Ready")
    assert serving.phase is Phase.DRAINING


def test_replicas_of_a_node_that_is_gone_are_gone_at_once_and_their_pods_are_strays() -> None:
    pod = a_pod(None, CONTAINERS, SERVING)
    view = a_view([], [pod])
    assert fleet_of(view).replicas == ()
    assert is_stray(bound_node(pod), view)
    assert not is_stray(bound_node(pod), a_view([a_node_object()], [pod]))


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (a_node_object(), ""),
        (a_node_object(ready=False), "not Ready"),
        (a_node_object(gpus=0), "device plugin"),
        (a_node_object(spec={"unschedulable": False}), "not cordoned"),
        (
            a_node_object(
                spec={"unschedulable": False},
                metadata={"annotations": {"headstart.dev/cordoned-by": "headstart"}},
            ),
            "uncordoned by somebody else",
        ),
        (a_node_object(spec={"taints": [{"key": "karpenter.sh/disrupted"}]}), "autoscaler"),
        (
            a_node_object(spec={"taints": [{"key": "ToBeDeletedByClusterAutoscaler"}]}),
            "autoscaler",
        ),
        (a_node_object(metadata={**DELETED}), "autoscaler"),
    ],
)
def test_a_node_is_unfit_by_what_its_object_says(node: Json, reason: str) -> None:
    [seen] = fleet_of(a_view([node], [])).nodes
    assert reason in seen.unfit_reason
    assert bool(reason) == bool(seen.unfit_reason)


def test_foreign_pods_take_gpus_and_a_node_without_one_left_is_unfit() -> None:
    [full] = fleet_of(a_view([a_node_object()], [a_foreign_pod()])).nodes
    roomy = fleet_of(a_view([a_node_object(gpus=4)], [a_foreign_pod(gpus=3)]))
    assert full.unfit_reason == "GPU taken by a foreign pod"
    assert roomy.free_gpus() == {"n1": 1}


def test_an_agent_that_is_looked_for_must_be_up_on_the_node() -> None:
    agent = {
        "metadata": {"name": "a", "namespace": "snapshot", "labels": {"app": "agent"}},
        "spec": {"nodeName": "n1", "containers": []},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    wanted = ("app", "agent")
    [without] = fleet_of(a_view([a_node_object()], [], agent_label=wanted)).nodes
    [with_one] = fleet_of(a_view([a_node_object()], [agent], agent_label=wanted)).nodes
    assert (without.unfit_reason, with_one.unfit_reason) == ("no restore agent", "")


def test_a_workload_is_barred_from_nodes_that_it_does_not_select() -> None:
    rules = (NodeRules(workload=CHAT, selector=(("zone", "b"),)),)
    [node] = fleet_of(a_view([a_node_object()], [], rules=rules)).nodes
    assert node.unfit_for == ((CHAT, "label zone is not b"),)
    assert node.unfit_reason == ""


def a_claim(pod: str = "team/chat-restore-1") -> Claim:
    return Claim(
        replica="r",
        workload=CHAT,
        pod=pod,
        kind="restore",
        gpus=1,
        attempt=1,
        epoch=4,
        claimed_at=NOW,
        expires_at=NOW + 30.0,
        deadline_at=NOW + 60.0,
    )


def a_claimed_node(*claims: Claim) -> Json:
    return a_node_object(metadata={"annotations": {"headstart.dev/claim": claims_text(claims)}})


@pytest.mark.parametrize(
    "text", ["", "no json", "{}", "7", "[1]", '[{"replica": "r"}]', "[" * 100_000]
)
def test_claims_that_cannot_be_read_hold_nothing(text: str) -> None:
    assert claims_of({"metadata": {"annotations": {"headstart.dev/claim": text}}}) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "thaw"},
        {"kind": ["restore"]},
        {"gpus": 0},
        {"gpus": 10**400},
        {"attempt": 10**63},
        {"expires_at": 10**400},
        {"gpus": float("inf")},
        {"expires_at": float("nan")},
        {"deadline_at": float("inf")},
        {"claimed_at": None},
    ],
)
def test_a_claim_that_makes_no_sense_is_passed_over_alone(wrong: dict[str, Any]) -> None:
    entries = [asdict(a_claim("x/y")) | wrong, 7, asdict(a_claim())]
    note = {"headstart.dev/claim": json.dumps(entries)}
    node = a_node_object(metadata={"annotations": note}, gpus=2)
    assert claims_of(node) == (a_claim(),)
    assert [one.gpus for one in fleet_of(a_view([node], [])).replicas] == [1]


def test_claims_are_read_as_they_were_written() -> None:
    assert claims_of(a_claimed_node(a_claim(), a_claim("x/y"))) == (a_claim(), a_claim("x/y"))
    assert claims_text(()) is None


def test_a_claim_whose_pod_is_to_come_holds_its_gpu() -> None:
    fleet = fleet_of(a_view([a_claimed_node(a_claim())], []))
    [replica] = fleet.replicas
    assert (replica.phase, replica.node, replica.gpus) == (Phase.RESTORING, "n1", 1)
    assert fleet.free_gpus() == {"n1": 0}
    assert fleet.nodes[0].state is NodeState.RESTORING


def test_a_claim_ends_when_its_pod_was_seen_to_go_or_did_not_come_in_time() -> None:
    node = a_claimed_node(a_claim())
    gone = a_view([node], [], gone=frozenset({"team/chat-restore-1"}))
    assert waiting_claims(node, gone) == ()
    assert waiting_claims(node, a_view([node], [], now=NOW + 30.0)) == ()


def test_a_pod_is_rendered_anew_when_it_or_its_node_changes_and_only_then() -> None:
    pod, node = a_pod(None, CONTAINERS, SERVING, RESTORED, notes=PHASES), a_node_object()
    before = a_view([node], [pod])
    (first,) = fleet_of(before).replicas
    (again,) = fleet_of(a_view([node], [pod], rendered=before.rendered)).replicas
    assert again is first
    down = a_node_object(ready=False)
    (lost,) = fleet_of(a_view([down], [pod], rendered=before.rendered)).replicas
    assert (first.phase, lost.phase) == (Phase.READY, Phase.DRAINING)
    gone = a_pod(None, CONTAINERS, SERVING, RESTORED, notes=PHASES, **DELETED)
    (going,) = fleet_of(a_view([node], [gone], rendered=before.rendered)).replicas
    assert going.phase is Phase.DRAINING
