"""Deployments and Dynamo components whose templates restore by themselves, and their policies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.parts.control_plane import ControlPlane
from tests.parts.errors import RealPartError

DEFINITIONS = Path(__file__).parent / "definitions"
ADAPTERS = "dynamographdeploymentscalingadapters.nvidia.com"
_STANDBY = {"key": "headstart.dev/standby", "operator": "Exists", "effect": "NoSchedule"}
_CORDON = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}


def a_deployment(namespace: str, name: str = "chat", **notes: str) -> dict[str, Any]:
    """Return a Deployment of one replica whose pods restore, on the namespace's own pool.

    ``notes`` are annotations for the nodes' stand-in, ``lab_restore`` for ``lab/restore``.
    """
    lab = {key.replace("_", "/", 1).replace("_", "-"): value for key, value in notes.items()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {
                    "labels": {"app": name},
                    "annotations": {"nvidia.com/restore-from": f"{name}-warm", **lab},
                },
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "nodeSelector": {"headstart.dev/pool": namespace},
                    "tolerations": [_STANDBY, _CORDON],
                    "containers": [
                        {
                            "name": "main",
                            "image": "none",
                            "resources": {"limits": {"nvidia.com/gpu": "1"}},
                        }
                    ],
                },
            },
        },
    }


def a_policy(
    namespace: str, name: str = "chat", *, actuator: str = "Scale", **target: str
) -> dict[str, Any]:
    """Return a policy for a target of its own name, a Deployment unless told otherwise."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, **target}
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "mode": "Act",
            "demand": {"prometheus": {"query": "d", "stepSeconds": 5, "historyDays": 0.01}},
            "capacity": {"demandPerReplica": 10},
            "target": {"scaleTargetRef": reference},
            "actuator": actuator,
            "restore": {"driver": "Scale", "timeoutSeconds": 30},
            "limits": {"minReplicas": 1, "maxReplicas": 4},
            "scaleDown": {"holdSeconds": 2, "drainSeconds": 1},
        },
    }


def define(plane: ControlPlane, file: str, resource: str) -> None:
    """Install a definition of another's resource, and wait until it is served."""
    plane.kubectl("apply", "--server-side", "-f", str(DEFINITIONS / file))
    plane.until(lambda: plane.kubectl("get", resource, "-A") or "served", f"{resource} is served")


def replicas_of(plane: ControlPlane, namespace: str, name: str = "chat") -> int:
    """Return how many replicas a Deployment is asked for."""
    return int(plane.get("deployment", name, "-n", namespace)["spec"]["replicas"])


@contextlib.contextmanager
def dynamo(plane: ControlPlane, namespace: str, adapter: str, deployment: str) -> Iterator[None]:
    """Do what Dynamo's operator does: carry an adapter's replicas to the pods of its component."""
    is_over = threading.Event()

    def carry() -> None:
        while not is_over.wait(0.2):
            with contextlib.suppress(RealPartError):
                wanted = plane.get(ADAPTERS, adapter, "-n", namespace)["spec"]["replicas"]
                if replicas_of(plane, namespace, deployment) != wanted:
                    plane.kubectl(
                        "scale", f"deployment/{deployment}", "-n", namespace, f"--replicas={wanted}"
                    )

    carrier = threading.Thread(target=carry)
    carrier.start()
    try:
        yield
    finally:
        is_over.set()
        carrier.join()
