"""The whole loop as processes on a real control plane: demand in, restored pods out, and back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from tests.conftest import started
from tests.integration.kubernetes.shipped import install_definition
from tests.parts.control_plane import ControlPlane
from tests.parts.service import HeadstartUp

POOL = "headstart.dev/pool"
HAND_OVER_SECONDS = 60.0
PHASES = {"created", "scheduled", "started", "restored", "ready"}


class Demand:
    """A Prometheus that answers every range with the demand that it is told, per second."""

    def __init__(self) -> None:
        self.changes: list[tuple[float, float]] = [(0.0, 5.0)]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
                count = int((end - start) / step + 1e-6) + 1
                times = [start + number * step for number in range(count)]
                values = [[at, str(outer.at(at))] for at in times]
                data = {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}
                body = json.dumps({"status": "success", "data": data}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def at(self, when: float) -> float:
        return [rate for since, rate in self.changes if since <= when][-1]

    def turn_to(self, per_second: float) -> None:
        self.changes.append((time.time(), per_second))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def demand() -> Iterator[Demand]:
    made = Demand()
    yield made
    made.close()


@pytest.fixture
def pool(control_plane: ControlPlane, namespace: str) -> Iterator[list[str]]:
    """Six nodes with one GPU each, in the namespace's own pool."""
    install_definition(control_plane)
    names = control_plane.add_gpu_nodes(namespace, 6, gpus=1, labels={POOL: namespace})
    yield names
    control_plane.kubectl("delete", "prerestorepolicy", "--all", "-n", namespace)
    control_plane.delete_nodes(names)


def a_policy(namespace: str, *, mode: str = "Act", restore_seconds: str = "1") -> dict[str, Any]:
    containers = [{"name": "worker", "image": "none"}]
    notes = {"lab/restore-seconds": restore_seconds}
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {
            "mode": mode,
            "demand": {"prometheus": {"query": "d", "stepSeconds": 5, "historyDays": 0.01}},
            "capacity": {"demandPerReplica": 10},
            "target": {
                "podTemplate": {
                    "metadata": {"annotations": notes},
                    "spec": {"containers": containers},
                },
                "podSnapshotName": "chat-warm",
            },
            "restore": {"driver": "NvidiaSnapshot", "sizeGiB": 1, "timeoutSeconds": 60},
            "standby": {"nodeSelector": {POOL: namespace}},
            "limits": {"minReplicas": 1, "maxReplicas": 4},
            "scaleDown": {"holdSeconds": 2, "drainSeconds": 1},
        },
    }


def a_controller(
    plane: ControlPlane, namespace: str, demand: Demand, name: str, *options: str
) -> HeadstartUp:
    return HeadstartUp(
        [
            "--kubernetes",
            "--kubeconfig",
            str(plane.admin),
            "--namespace",
            namespace,
            "--identity",
            name,
            "--prometheus",
            demand.url,
            "--tick-seconds",
            "1",
            *options,
        ],
        {},
    )


def pods_of(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plane.get("pods", "-n", namespace)
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def ready_pods(plane: ControlPlane, namespace: str) -> int:
    conditions = (pod.get("status", {}).get("conditions", []) for pod in pods_of(plane, namespace))
    return sum(
        {"Ready": "True"}.items() <= {c["type"]: c["status"] for c in one}.items()
        for one in conditions
    )


def states(plane: ControlPlane, nodes: list[str]) -> list[str]:
    found = {node["metadata"]["name"]: node for node in plane.get("nodes")}
    return sorted(
        found[name]["metadata"]["labels"].get("headstart.dev/state", "") for name in nodes
    )


def phases_measured(controller: HeadstartUp) -> set[str]:
    """Return the phases of a start that the metrics tell of."""
    name = "headstart_restore_phase_duration_seconds_count restore "
    return {
        series.removeprefix(name).split()[0]
        for series, count in controller.metrics().items()
        if series.startswith(name) and count >= 4
    }


def test_demand_brings_restored_pods_on_standby_nodes_and_its_end_frees_them(
    control_plane: ControlPlane, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    plane.apply(a_policy(namespace))
    with ExitStack() as stack:
        controller = started(a_controller(plane, namespace, demand, "only"), stack)
        plane.until(lambda: ready_pods(plane, namespace) == 1, "the least number is ready")
        demand.turn_to(35.0)
        plane.until(lambda: ready_pods(plane, namespace) == 4, "four are ready")
        for pod in pods_of(plane, namespace):
            assert pod["spec"]["nodeName"] in pool
            assert pod["metadata"]["annotations"]["nvidia.com/restore-from"] == "chat-warm"
        nodes = {node["metadata"]["name"]: node for node in plane.get("nodes")}
        assert all(nodes[name]["spec"].get("unschedulable") for name in pool)
        plane.until(lambda: states(plane, pool).count("serving") == 4, "four nodes serve")

        def told() -> bool:
            status = plane.get("prp", "chat", "-n", namespace).get("status", {})
            is_told = status.get("replicas", {}).get("ready") == 4
            return is_told and len(status.get("leadTimeMeasurements", [])) >= 4

        plane.until(told, "the status tells of four, and of their lead times")
        plane.until(lambda: phases_measured(controller) == PHASES, "each phase is measured")
        demand.turn_to(1.0)
        plane.until(
            lambda: len(pods_of(plane, namespace)) == 1,
            "all but one released",
            within_seconds=150.0,
        )
        plane.until(lambda: states(plane, pool).count("standby") == 5, "five nodes stand by")
        reasons = {event["reason"] for event in plane.get("events", "-n", namespace)}
        assert {"RestoreStarted", "RestoreReady", "ReplicaReleased"} <= reasons
        plane.kubectl("delete", "prp", "chat", "-n", namespace)
        plane.until(lambda: not pods_of(plane, namespace), "a deleted policy's pods go")
        plane.until(lambda: states(plane, pool).count("standby") == 6, "every node stands by")


def test_a_leader_killed_while_restores_run_is_followed_and_nothing_is_doubled_or_lost(
    control_plane: ControlPlane, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    plane.apply(a_policy(namespace, restore_seconds="12"))
    demand.turn_to(35.0)
    with ExitStack() as stack:
        leader = started(a_controller(plane, namespace, demand, "leader"), stack)
        plane.until(lambda: leader.metrics().get("headstart_leader") == 1.0, "the first leads")
        heir = started(a_controller(plane, namespace, demand, "heir"), stack)
        plane.until(lambda: len(pods_of(plane, namespace)) >= 3, "restores run")
        before = {pod["metadata"]["uid"] for pod in pods_of(plane, namespace)}
        leader.kill()
        most = 0

        def led_and_ready() -> bool:
            nonlocal most
            pods = pods_of(plane, namespace)
            placed = [pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")]
            assert len(placed) == len(set(placed)), "a GPU was given twice"
            most = max(most, len(pods))
            leads = heir.metrics().get("headstart_leader") == 1.0
            return leads and ready_pods(plane, namespace) == 4

        plane.until(led_and_ready, "the heir leads, four are ready", within_seconds=120.0)
        assert most == 4
        assert before <= {pod["metadata"]["uid"] for pod in pods_of(plane, namespace)}
        assert heir.metrics()["headstart_lease_epoch"] == 1.0
        plane.until(lambda: states(plane, pool).count("serving") == 4, "four nodes serve")
        assert states(plane, pool).count("standby") == 2


def test_observe_writes_nothing_but_status_and_recommend_says_what_it_would_do(
    control_plane: ControlPlane, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    plane.apply(a_policy(namespace, mode="Observe"))
    with ExitStack() as stack:
        started(a_controller(plane, namespace, demand, "only"), stack)

        def told() -> bool:
            status = plane.get("prp", "chat", "-n", namespace).get("status", {})
            return bool(status.get("replicas", {}).get("target") == 1)

        plane.until(told, "the status tells the target")
        assert plane.condition("prp", "chat", "Acting", namespace) == "False/ModeObserve"
        assert pods_of(plane, namespace) == []
        assert states(plane, pool) == [""] * 6
        assert plane.get("events", "-n", namespace) == []
        plane.apply(a_policy(namespace, mode="Recommend"))
        demand.turn_to(35.0)
        plane.until(
            lambda: any(
                one["reason"] == "Recommended" for one in plane.get("events", "-n", namespace)
            ),
            "what it would do is told",
        )
        assert pods_of(plane, namespace) == []
        assert states(plane, pool) == [""] * 6


def test_an_alert_that_one_controller_hears_boosts_the_plans_of_all(
    control_plane: ControlPlane,
    namespace: str,
    pool: list[str],
    demand: Demand,
    tmp_path: Path,
) -> None:
    plane = control_plane
    plane.apply(a_policy(namespace, mode="Recommend"))
    token = tmp_path / "token"
    token.write_text("s3cret", encoding="utf-8")
    options = ("--alerts-token-file", str(token))
    labels = {"headstart_policy": f"{namespace}/chat", "headstart_boost_replicas": "2"}

    def tell(controller: HeadstartUp, status: str) -> None:
        alert = {"status": status, "labels": labels, "startsAt": "1"}
        answer = requests.post(
            f"{controller.url}/v1/alerts",
            json={"alerts": [alert]},
            headers={"Authorization": "Bearer s3cret"},
            timeout=30,
        )
        assert (answer.status_code, answer.json()["faults"]) == (200, [])

    def reasons(*controllers: HeadstartUp) -> set[str]:
        plans = [one.get(f"/v1/plans/{namespace}/chat") or {} for one in controllers]
        return {plan.get("reason", "none yet") for plan in plans}

    with ExitStack() as stack:
        one, other = (
            started(a_controller(plane, namespace, demand, name, *options), stack)
            for name in ("one", "other")
        )
        plane.until(lambda: "none yet" not in reasons(one, other), "plans of both")
        tell(one, "firing")
        plane.until(lambda: reasons(one, other) == {"boost"}, "a boost in both plans")
        one.kill()
        one.start()
        plane.until(lambda: reasons(one) == {"boost"}, "the boost again after a crash")
        tell(other, "resolved")
        plane.until(lambda: "boost" not in reasons(one, other), "the boost's end in both")
