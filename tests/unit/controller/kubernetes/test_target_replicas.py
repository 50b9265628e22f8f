"""A target's pods as replicas: phases, who is about to go, and when starts were decided."""

from __future__ import annotations

from typing import Any

import pytest

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import time_text
from controller.adapters.kubernetes.target_replicas import Asked, begun, lived, replicas_of
from controller.cluster_view import Phase, Replica
from controller.policy import Actuator, Restore
from tests.unit.controller.kubernetes.cluster_objects import NOW, a_condition, a_policy_value

POLICY = a_policy_value(
    pods=None,
    actuator=Actuator.SCALE,
    scale_target=("Deployment", "chat"),
    restore=Restore(driver="Scale", timeout_seconds=60.0),
)
READY = ("Ready", "True", "")
RESTORED = ("nvidia.com/Restored", "True", "RestoreSucceeded")


def a_target_pod(
    name: str, *conditions: tuple[str, str, str], phase: str = "Running", **metadata: Any
) -> Json:
    """Return a pod that a Deployment created at ``NOW``."""
    return {
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": f"uid-{name}",
            "creationTimestamp": time_text(NOW),
            **metadata,
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "main"}]},
        "status": {"phase": phase, "conditions": [a_condition(one) for one in conditions]},
    }


def seen(
    *pods: Json, asked: Asked, decided_at: float = NOW - 1.0, was_ready: bool = False
) -> tuple[Replica, ...]:
    """Return the replicas of pods that came since the first look, and changed at ``NOW + 6``."""
    lives = {}
    for pod in pods:
        life = begun(pod, decided_at, is_first_look=False, now=NOW)
        if was_ready:
            life = lived(life, a_target_pod(pod["metadata"]["name"], READY), NOW + 6.0)
        lives[pod["metadata"]["uid"]] = lived(life, pod, NOW + 6.0)
    return replicas_of(POLICY, asked, pods, lives, NOW + 10.0)


@pytest.mark.parametrize(
    ("pod", "phase"),
    [
        (a_target_pod("a"), Phase.RESTORING),
        (a_target_pod("a", READY), Phase.READY),
        (a_target_pod("a", READY, phase="Failed"), Phase.FAILED),
        (a_target_pod("a", ("nvidia.com/Restored", "False", "RestoreFailed")), Phase.FAILED),
        (a_target_pod("a", ("PodRestored", "False", "RestoreFailed")), Phase.FAILED),
    ],
)
def test_a_pod_is_in_the_phase_that_it_says(pod: Json, phase: Phase) -> None:
    replica, *to_come = seen(pod, asked=Asked(replicas=1))
    assert replica.phase is phase
    # An owner replaces what has ended, and nothing else.
    assert len(to_come) == (pod["status"]["phase"] == "Failed")


def test_a_pod_that_waits_for_its_snapshot_is_not_ready_whatever_its_probe_says() -> None:
    notes: dict[str, Any] = {"annotations": {"nvidia.com/restore-from": "snap"}}
    (waits,) = seen(a_target_pod("a", READY, **notes), asked=Asked(replicas=1))
    (serves,) = seen(a_target_pod("a", READY, RESTORED, **notes), asked=Asked(replicas=1))
    assert (waits.phase, serves.phase) == (Phase.RESTORING, Phase.READY)


def test_the_lead_time_counts_from_the_plan_that_asked_for_the_pod() -> None:
    (replica,) = seen(a_target_pod("a", READY), asked=Asked(replicas=1), decided_at=NOW - 3.0)
    assert replica.decided_at == NOW - 3.0
    # The server says NOW + 5, cut to the second; the watch told of it within that second.
    assert replica.ready_at == NOW + 6.0
    assert replica.deadline_at == NOW - 3.0 + 60.0


def test_what_was_ready_when_first_seen_teaches_nothing() -> None:
    pod = a_target_pod("a", READY)
    life = lived(begun(pod, None, is_first_look=True, now=NOW), pod, NOW + 6.0)
    (replica,) = replicas_of(POLICY, Asked(replicas=1), [pod], {"uid-a": life}, NOW + 10.0)
    assert replica.phase is Phase.READY
    assert replica.ready_at == replica.decided_at


def test_a_replica_that_served_and_does_not_now_is_out_of_the_count_and_not_given_up() -> None:
    (replica,) = seen(a_target_pod("a"), asked=Asked(replicas=1), was_ready=True)
    assert replica.phase is Phase.DRAINING


def test_a_pod_that_is_being_deleted_drains_if_it_served_and_else_is_none() -> None:
    going = a_target_pod("a", deletionTimestamp=time_text(NOW))
    (drains,) = seen(going, asked=Asked(replicas=0), was_ready=True)
    assert drains.phase is Phase.DRAINING
    assert seen(going, asked=Asked(replicas=0)) == ()


def test_what_was_asked_for_and_does_not_exist_yet_is_restoring_since_it_was_decided() -> None:
    found = seen(a_target_pod("a", READY), asked=Asked(replicas=3, owed=(NOW - 2.0,)))
    assert [one.phase for one in found] == [Phase.READY, Phase.RESTORING, Phase.RESTORING]
    assert [one.decided_at for one in found[1:]] == [NOW - 2.0, NOW + 10.0]
    assert [one.node for one in found[1:]] == ["", ""]


def test_of_more_pods_than_asked_for_the_unready_and_then_the_retired_are_going() -> None:
    pods = [a_target_pod("a", READY), a_target_pod("b", READY), a_target_pod("c")]
    found = seen(*pods, asked=Asked(replicas=1, retired=frozenset({"uid-a"})))
    phases = {one.name.rpartition("/")[2]: one.phase for one in found}
    assert phases == {"a": Phase.DRAINING, "b": Phase.READY}


def test_a_pod_that_ended_long_ago_is_no_replica() -> None:
    pod = a_target_pod("a", phase="Failed")
    life = lived(begun(pod, None, is_first_look=False, now=NOW), pod, NOW - 100.0)
    assert replicas_of(POLICY, Asked(replicas=0), [pod], {"uid-a": life}, NOW) == ()
