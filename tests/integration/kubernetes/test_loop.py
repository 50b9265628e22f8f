"""The whole loop as shipped, on a real control plane: demand in, restored pods out, and back."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.kubernetes.names import condition_of, seconds_of
from controller.adapters.kubernetes.phases import ORDER
from tests.conftest import started
from tests.integration.kubernetes.loop_stand import (
    Controller,
    Demand,
    a_policy,
    nodes_of,
    pods_of,
    ready_pods,
    states,
    told,
)
from tests.integration.kubernetes.shipped import CONTROLLER, NAMESPACE
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.trial

#: Between two looks of the loop, and one step of demand.
USER = f"system:serviceaccount:{NAMESPACE}:{CONTROLLER}"
TICK_SECONDS, STEP_SECONDS = 1.0, 5.0


def test_a_foreseen_ramp_is_met_one_lead_time_ahead_and_the_nodes_stand_by_again(
    control_plane: ControlPlane, account: Path, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    with ExitStack() as stack:
        controller = started(Controller(account, demand, "only"), stack)
        begins = time.time() + 20.0
        demand.event = (begins, begins + 10.0)
        demand.changes += [(begins, 35.0), (begins + 10.0, 5.0)]
        launch = {"name": "launch", "ical": f"{demand.url}/calendar", "floorPerSecond": 35}
        source = {"query": "d", "stepSeconds": STEP_SECONDS, "historyDays": 0.01}
        foreseen = {"prometheus": source, "calendar": [launch]}
        plane.apply(a_policy(namespace, spec={"demand": foreseen}))
        plane.until(lambda: ready_pods(plane, namespace) == 1, "the least number is ready")
        plane.until(lambda: ready_pods(plane, namespace) == 4, "four are ready")
        pods = pods_of(plane, namespace)
        ramp = sorted(pods, key=lambda pod: times_of(pod)["decided"])[1:]
        for pod in ramp:
            times = times_of(pod)
            plan = controller.get(f"/v1/plans/{namespace}/chat?at={times['decided'] + 0.5}")
            assert plan is not None
            lead = plan["leadTimeSeconds"]
            # A step of demand may begin before the event does.
            assert begins - lead - TICK_SECONDS - STEP_SECONDS - 3.0 <= times["decided"] < begins
            assert tuple(times) == ORDER
            assert list(times.values()) == sorted(times.values())
            assert times["ready"] < begins
        for pod in pods:
            assert pod["metadata"]["annotations"]["nvidia.com/restore-from"] == "chat-warm"
            node = nodes_of(plane, pool)[pod["spec"]["nodeName"]]
            assert node["spec"]["unschedulable"] is True
        plane.until(lambda: states(plane, pool).count("serving") == 4, "four nodes serve")
        plane.until(lambda: is_told(plane, namespace), "the status tells the story")
        plane.until(
            lambda: len(pods_of(plane, namespace)) == 1,
            "all but one released",
            within_seconds=150.0,
        )
        plane.until(lambda: states(plane, pool).count("standby") == 5, "five nodes stand by")
        assert {"RestoreStarted", "RestoreReady", "ReplicaReleased"} <= told(plane, namespace)
        plane.kubectl("delete", "prp", "chat", "-n", namespace)
        plane.until(lambda: not pods_of(plane, namespace), "a deleted policy's pods go")
        plane.until(lambda: states(plane, pool) == ["standby"] * 6, "every node stands by")


def test_observe_writes_nothing_but_its_status_and_recommend_only_events_besides(
    control_plane: ControlPlane, account: Path, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    # What another's policy lets it do is no concern of this one.
    plane.kubectl("delete", "prp", "--all", "--all-namespaces")
    before = len(plane.writes_by(USER))

    def written() -> set[str]:
        """Return what has been asked to be changed, refused or not: verb and kind of object."""
        events = plane.writes_by(USER)[before:]
        return {f"{event['verb']} {kind_of(event['objectRef'])}" for event in events}

    def has_target() -> bool:
        status = plane.get("prp", "chat", "-n", namespace).get("status", {})
        return bool(status.get("replicas", {}).get("target", 0) >= 1)

    lease = {"create leases", "update leases"}
    plane.apply(a_policy(namespace, spec={"mode": "Observe"}))
    with ExitStack() as stack:
        started(Controller(account, demand, "only"), stack)
        plane.until(lambda: has_target(), "the status tells the target")
        assert plane.condition("prp", "chat", "Acting", namespace) == "False/ModeObserve"
        plane.set_node_ready(pool[0], ready=False)
        plane.until(lambda: written() >= {"patch prerestorepolicies/status"}, "it is on record")
        assert written() <= lease | {"patch prerestorepolicies/status"}
        plane.apply(a_policy(namespace, spec={"mode": "Recommend"}))
        demand.turn_to(35.0)
        plane.until(lambda: "Recommended" in told(plane, namespace), "what it would do is told")
        plane.set_node_ready(pool[0], ready=True)
    assert pods_of(plane, namespace) == []
    assert states(plane, pool) == [""] * 6
    plane.until(lambda: "create events" in written(), "it is on record")
    assert written() <= lease | {"patch prerestorepolicies/status", "create events"}


def test_what_was_measured_of_a_start_outlives_the_controller(
    control_plane: ControlPlane, account: Path, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    demand.turn_to(35.0)
    # The same replicas throughout: one let go or started meanwhile would be measured besides.
    limits = {"minReplicas": 4, "maxReplicas": 4}
    notes = {"lab/restore-seconds": "8"}
    plane.apply(a_policy(namespace, notes=notes, spec={"limits": limits}))

    def measured() -> list[dict[str, Any]]:
        status = plane.get("prp", "chat", "-n", namespace).get("status", {})
        found: list[dict[str, Any]] = status.get("leadTimeMeasurements", [])
        return found

    with ExitStack() as stack:
        started(Controller(account, demand, "first"), stack)
        plane.until(lambda: len(pods_of(plane, namespace)) == 4, "restores run")
    assert ready_pods(plane, namespace) == 0
    with ExitStack() as stack:
        second = started(Controller(account, demand, "second"), stack)
        plane.until(lambda: len(measured()) == 4, "four starts are measured")
        pods = pods_of(plane, namespace)
        phases = [times_of(pod) for pod in pods]
        took = sorted(times["ready"] - times["decided"] for times in phases)
        assert sorted(one["seconds"] for one in measured()) == pytest.approx(took, abs=0.01)
        assert took[0] >= 7.0
        # The gates were opened late, by the second: that is none of the restores' time.
        for pod, times in zip(pods, phases, strict=True):
            done = max(
                seconds_of(condition_of(pod, kind)["lastTransitionTime"]) or 0.0
                for kind in ("nvidia.com/Restored", "ContainersReady")
            )
            # The server's times are cut to the second.
            assert done <= times["ready"] <= done + 2.0
        learned = plane.get("prp", "chat", "-n", namespace)["status"]["leadTime"]
        assert learned["measurements"] == 4
        counted = [name for name in second.metrics() if "phase_duration_seconds_count" in name]
        assert any("restored" in name and namespace in name for name in counted)
    with ExitStack() as stack:
        started(Controller(account, demand, "third"), stack)
        before = planned_at(plane, namespace)
        plane.until(
            lambda: planned_at(plane, namespace) > before, "the third plans", within_seconds=120.0
        )
        assert len(measured()) == 4
        learned = plane.get("prp", "chat", "-n", namespace)["status"]["leadTime"]
        assert learned["measurements"] == 4


def times_of(pod: dict[str, Any]) -> dict[str, float]:
    """Return the phases of a pod's start, in order."""
    notes = pod["metadata"]["annotations"]
    found: dict[str, float] = json.loads(notes["headstart.dev/phases"])
    return found


def planned_at(plane: ControlPlane, namespace: str) -> str:
    """Return when the status says that it was planned last; who has just begun says nothing."""
    status = plane.get("prp", "chat", "-n", namespace)["status"]
    return str(status.get("lastPlan", {}).get("at", ""))


def kind_of(reference: dict[str, str]) -> str:
    """Return what an audit event is about, with its subresource."""
    return "/".join(filter(None, (reference["resource"], reference.get("subresource"))))


def is_told(plane: ControlPlane, namespace: str) -> bool:
    """Say whether kubectl shows four ready, and why."""
    titles, row = plane.kubectl("get", "prp", "-n", namespace).splitlines()
    assert titles.split("  ")[0] == "NAME"
    names = ["READY", "MODE", "TARGET", "READY REPLICAS", "RESTORING", "LEAD", "PEAK", "AGE"]
    columns = {name: row[titles.index(f" {name}") + 1 :].split()[0] for name in names}
    described = plane.kubectl("describe", "prp", "chat", "-n", namespace)
    is_shown = [columns[name] for name in names[:5]] == ["True", "Act", "4", "4", "0"]
    has_numbers = 0.0 < float(columns["LEAD"]) < 60.0 and float(columns["PEAK"]) > 0.0
    said = ("RestoreStarted", "RestoreReady", "StandbyNodesFree", "is ready after", "restored")
    return is_shown and has_numbers and all(word in described for word in said)
