"""GPU nodes without machines: kwok plays the kubelet and, by our stages, the snapshot agent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

STAGES = Path(__file__).parent / "stages"


def kwok_command(program: Path, kubeconfig: Path, port: int) -> list[str]:
    """Run kwok for every node with the label ``type: kwok``.

    It keeps the nodes' leases, of 40 s; a new kwok leaves a node alone until the old lease has
    run out, so one that was stopped is of no use for that long.
    """
    stages = [f"--config={path}" for path in sorted(STAGES.glob("*.yaml"))]
    return [
        str(program),
        f"--kubeconfig={kubeconfig}",
        *stages,
        "--manage-nodes-with-label-selector=type=kwok",
        f"--server-address=127.0.0.1:{port}",
        "--node-ip=127.0.0.1",
        f"--node-port={port}",
        "--cidr=10.99.0.0/16",
        "--node-lease-duration-seconds=40",
    ]


def gpu_node(
    name: str,
    *,
    gpus: int = 8,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the manifest of a GPU node; ``lab/kernel`` among the annotations names its kernel."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "type": "kwok",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                **(labels or {}),
            },
            "annotations": {"lab/gpus": str(gpus), **(annotations or {})},
        },
    }
