"""The loop as a process, with targets that scale themselves: its own, KEDA's and Dynamo's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from tests.conftest import started
from tests.integration.kubernetes.loop_stand import Controller, Demand
from tests.integration.kubernetes.scaled import (
    ADAPTERS,
    a_deployment,
    a_policy,
    define,
    dynamo,
    replicas_of,
)
from tests.integration.kubernetes.shipped import DEPLOY, install_definition
from tests.parts.control_plane import ControlPlane

pytestmark = pytest.mark.trial

POOL = "headstart.dev/pool"
RELEASE_SECONDS = 150.0


@pytest.fixture
def pool(control_plane: ControlPlane, namespace: str) -> Iterator[list[str]]:
    """Two nodes with eight GPUs each, in the namespace's own pool."""
    install_definition(control_plane)
    names = control_plane.add_gpu_nodes(namespace, 2, labels={POOL: namespace})
    yield names
    control_plane.kubectl("delete", "prerestorepolicy", "--all", "-n", namespace)
    control_plane.kubectl("delete", "deployment", "--all", "-n", namespace)
    control_plane.delete_nodes(names)


def status_of(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = plane.get("prp", name, "-n", namespace).get("status", {})
    return found


def ready(plane: ControlPlane, namespace: str, name: str) -> int:
    """Return how many replicas a policy's status says are ready."""
    return int(status_of(plane, namespace, name).get("replicas", {}).get("ready", -1))


def test_a_target_is_scaled_by_the_plan_measured_and_left_alone_when_another_scales_it(
    control_plane: ControlPlane, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    plane.apply(a_deployment(namespace, lab_restore_seconds="2"), a_policy(namespace))
    with ExitStack() as stack:
        started(Controller(plane.admin, demand, "only", lease_in=namespace), stack)
        plane.until(lambda: ready(plane, namespace, "chat") == 1, "the first is seen to be ready")
        assert replicas_of(plane, namespace) == 1
        demand.turn_to(35.0)
        plane.until(lambda: replicas_of(plane, namespace) == 4, "four are asked for")
        plane.until(lambda: ready(plane, namespace, "chat") == 4, "four are seen to be ready")
        measured = plane.until(
            lambda: status_of(plane, namespace, "chat").get("leadTimeMeasurements", [])[2:],
            "the three that were started are measured",
        )
        assert all(0.5 < one["seconds"] < 30.0 for one in measured)
        pods = plane.get("pods", "-n", namespace)
        assert {pod["spec"]["nodeName"] for pod in pods} <= set(pool)
        nodes = {node["metadata"]["name"]: node for node in plane.get("nodes")}
        assert all(nodes[name]["spec"].get("unschedulable") for name in pool)
        demand.turn_to(1.0)
        plane.until(
            lambda: replicas_of(plane, namespace) == 1,
            "all but one are given up",
            within_seconds=RELEASE_SECONDS,
        )
        plane.until(lambda: len(plane.get("pods", "-n", namespace)) == 1, "their pods go")
        reasons = {event["reason"] for event in plane.get("events", "-n", namespace)}
        assert {"Scaled", "RestoreReady"} <= reasons
        plane.kubectl("autoscale", "deployment/chat", "-n", namespace, "--min=2", "--max=3")
        plane.until(
            lambda: plane.condition("prp", "chat", "Acting", namespace) == "False/OwnedByAnother",
            "the autoscaler is respected",
        )
        plane.until(lambda: replicas_of(plane, namespace) == 2, "the autoscaler scales")
        demand.turn_to(38.0)
        plane.until(
            lambda: status_of(plane, namespace, "chat")["replicas"]["target"] == 4,
            "four would be wanted",
        )
        assert replicas_of(plane, namespace) == 2
        plane.kubectl("delete", "hpa", "chat", "-n", namespace)
        plane.until(lambda: replicas_of(plane, namespace) == 4, "Headstart takes over again")
        plane.kubectl("delete", "prp", "chat", "-n", namespace)
        plane.until(lambda: not plane.kubectl("get", "prp", "-n", namespace), "the policy has gone")
        assert replicas_of(plane, namespace) == 4


def test_what_keda_scales_is_seen_and_measured_and_not_touched(
    control_plane: ControlPlane, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    plane.apply(
        a_deployment(namespace, lab_restore_seconds="1"), a_policy(namespace, actuator="Keda")
    )
    demand.turn_to(35.0)
    with ExitStack() as stack:
        started(Controller(plane.admin, demand, "only", lease_in=namespace), stack)
        plane.until(
            lambda: status_of(plane, namespace, "chat").get("replicas", {}).get("target") == 4,
            "the plan wants four",
        )
        plane.until(lambda: ready(plane, namespace, "chat") == 1, "one is ready")
        assert replicas_of(plane, namespace) == 1
        # What KEDA's autoscaler does.
        plane.kubectl("scale", "deployment/chat", "-n", namespace, "--replicas=4")
        plane.until(lambda: ready(plane, namespace, "chat") == 4, "four are seen to be ready")
        plane.until(
            lambda: len(status_of(plane, namespace, "chat")["leadTimeMeasurements"]) >= 3,
            "their lead times are measured",
        )
        assert plane.condition("prp", "chat", "Acting", namespace) == "True/ModeAct"
        assert replicas_of(plane, namespace) == 4


def test_dynamos_adapter_is_scaled_by_the_example_as_shipped(
    control_plane: ControlPlane, namespace: str, pool: list[str], demand: Demand
) -> None:
    plane = control_plane
    define(plane, "dynamo-1.6-scaling-adapter.yaml", ADAPTERS)
    example = yaml.safe_load((DEPLOY / "examples/dynamo-scale.yaml").read_text(encoding="utf-8"))
    example["metadata"]["namespace"] = namespace
    reference = example["spec"]["target"]["scaleTargetRef"]
    example["spec"] |= {"mode": "Act", "demand": a_policy(namespace)["spec"]["demand"]}
    plane.apply(
        a_deployment(namespace, "workers", lab_restore_seconds="1"),
        {
            "apiVersion": reference["apiVersion"],
            "kind": reference["kind"],
            "metadata": {"name": reference["name"], "namespace": namespace},
            "spec": {"replicas": 1, "dgdRef": {"name": "graph", "componentName": "decode"}},
        },
    )
    plane.kubectl(
        *("patch", ADAPTERS, reference["name"], "-n", namespace, "--subresource=status"),
        *("--type=merge", "-p", '{"status": {"replicas": 1, "selector": "app=workers"}}'),
    )
    plane.apply(example)
    demand.turn_to(5.0)
    with ExitStack() as stack:
        stack.enter_context(dynamo(plane, namespace, reference["name"], "workers"))
        started(Controller(plane.admin, demand, "only", lease_in=namespace), stack)
        plane.until(lambda: ready(plane, namespace, "decode") >= 3, "as many as the demand needs")
        assert replicas_of(plane, namespace, "workers") >= 3
