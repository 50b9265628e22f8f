"""Phases, gates and marks as pure functions."""

from __future__ import annotations

import json

import pytest

from controller.adapters.kubernetes.dues import LOST_AFTER_SECONDS
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import fleet_of
from controller.adapters.kubernetes.marks import marks_patch
from controller.adapters.kubernetes.names import seconds_of, time_text
from controller.adapters.kubernetes.phases import phases_text, reached, refined, written_phases
from controller.adapters.kubernetes.serving import duties, open_patch
from controller.adapters.kubernetes.watched_phases import WatchedPhases
from controller.cluster_view import Node, NodeName, NodeState
from tests.unit.controller.kubernetes.cluster_objects import (
    NOW,
    a_node_object,
    a_pod,
    a_view,
)

RESTORED = ("nvidia.com/Restored", "True", "RestoreSucceeded")
CONTAINERS = ("ContainersReady", "True", "")
SERVING = ("headstart.dev/serving", "True", "")
STANDBY = Node(name=NodeName("n1"), gpus=1)


def test_phases_come_from_the_servers_times() -> None:
    pod = a_pod(None, ("PodScheduled", "True", ""))
    running = {"running": {"startedAt": time_text(NOW + 7.0)}}
    pod["status"]["containerStatuses"] = [{"state": running}]
    assert reached(pod, NOW + 9.0) == {
        "decided": NOW,
        "created": NOW,
        "scheduled": NOW + 5.0,
        "started": NOW + 7.0,
        "restored": NOW + 9.0,
    }


@pytest.mark.parametrize(
    ("heard_at", "time"),
    [(NOW + 0.7, NOW + 0.7), (NOW + 40.0, NOW), (NOW - 0.5, NOW)],
)
def test_a_watch_sharpens_a_time_only_when_it_tells_of_it_at_once(
    heard_at: float, time: float
) -> None:
    assert refined({}, {"created": NOW}, heard_at) == {"created": time}
    assert refined({"created": 1.0}, {"created": NOW}, heard_at) == {"created": 1.0}
    assert refined({}, {"decided": NOW}, heard_at) == {"decided": NOW}


def test_phases_are_read_as_they_were_written_and_nonsense_is_none() -> None:
    times = {"decided": NOW, "ready": NOW + 6.25}
    assert written_phases(a_pod(notes={"headstart.dev/phases": phases_text(times)})) == times


@pytest.mark.parametrize(
    "text",
    [
        '{"ready": "soon"}',
        "[]",
        '{"ready": 1%s}' % ("0" * 400),
        '{"ready": 1%s}' % ("0" * 5000),
        "[" * 100_000,
        '{"ready":' * 100_000,
        '{"ready": NaN}',
        '{"ready": 1e999}',
        '{"ready": 1e300}',
        '{"ready": -1}',
    ],
)
def test_phases_that_make_no_sense_are_passed_over(text: str) -> None:
    pod = a_pod(notes={"headstart.dev/phases": text})
    assert written_phases(pod) == {}
    assert fleet_of(a_view([a_node_object()], [pod])).replicas[0].ready_at is None
    assert seconds_of("yesterday") is None


def test_phases_that_were_watched_are_written_when_the_gate_opens_and_never_again() -> None:
    watched, pod = WatchedPhases(), a_pod(None, RESTORED, CONTAINERS)
    watched.receive("MODIFIED", pod, NOW + 5.4)
    watched.receive("MODIFIED", {"metadata": {}}, NOW)
    body = open_patch(pod, watched.of(pod, NOW + 8.0), NOW + 8.0)
    written = json.loads(body["metadata"]["annotations"]["headstart.dev/phases"])
    assert (written["restored"], written["ready"]) == (NOW + 5.4, NOW + 5.4)
    again = a_pod(None, notes=body["metadata"]["annotations"])
    assert "metadata" not in open_patch(again, {}, NOW + 9.0)
    watched.receive("DELETED", pod, NOW + 9.0)
    assert watched.of(pod, NOW + 99.0)["restored"] == NOW + 5.0


@pytest.mark.parametrize(
    ("pod", "opens"),
    [
        (a_pod(None, RESTORED, CONTAINERS), True),
        (a_pod(None, CONTAINERS), False),
        (a_pod(None, RESTORED), False),
        (a_pod(None, RESTORED, CONTAINERS, SERVING), False),
        (a_pod(None, RESTORED, CONTAINERS, notes={"headstart.dev/drain-until": "9e12"}), False),
        (a_pod(None, RESTORED, CONTAINERS, phase="Failed"), False),
        (a_pod(None, RESTORED, CONTAINERS, deletionTimestamp="2027-01-15T08:00:00Z"), False),
    ],
)
def test_a_gate_opens_only_for_what_is_restored_ready_and_wanted(pod: Json, opens: bool) -> None:
    assert bool(duties(a_view([a_node_object()], [pod])).open) is opens


def test_a_replica_that_stays_unready_is_evicted_and_one_that_blinks_is_not() -> None:
    pod = a_pod(None, ("ContainersReady", "False", ""), SERVING)
    soon = a_view([a_node_object()], [pod], now=NOW + 20.0)
    late = a_view([a_node_object()], [pod], now=NOW + 6.0 + LOST_AFTER_SECONDS)
    assert duties(soon).evict == ()
    assert duties(late).evict == (pod,)


def test_a_pod_of_a_node_that_left_the_pool_drains() -> None:
    assert len(duties(a_view([], [a_pod(None, CONTAINERS, SERVING)])).drain) == 1


def test_a_marked_node_needs_no_patch_and_a_new_state_changes_only_that() -> None:
    node = a_node_object(
        metadata={
            "labels": {"headstart.dev/pool": "a", "headstart.dev/state": "standby"},
            "annotations": {
                "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true",
                "karpenter.sh/do-not-disrupt": "true",
            },
        },
        spec={"taints": [{"key": "headstart.dev/standby", "effect": "NoSchedule"}]},
    )
    assert marks_patch(node, STANDBY, claims=(), is_claimed=False) == {}
    assert marks_patch(node, STANDBY, claims=(), is_claimed=True) == {
        "metadata": {"resourceVersion": "1", "labels": {"headstart.dev/state": "claimed"}}
    }


def test_a_node_that_is_leaving_is_named_unfit_and_not_prepared() -> None:
    taints = [{"key": "ToBeDeletedByClusterAutoscaler"}]
    node = a_node_object(spec={"unschedulable": False, "taints": taints})
    leaving = Node(name=NodeName("n1"), gpus=1, state=NodeState.UNFIT, unfit_reason="leaving")
    body = marks_patch(node, leaving, claims=(), is_claimed=False)
    assert "spec" not in body
    assert body["metadata"]["annotations"] == {"headstart.dev/unfit-reason": "leaving"}
