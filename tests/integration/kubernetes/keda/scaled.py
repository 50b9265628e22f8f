"""A Deployment that KEDA scales by what ``deploy/keda`` has, and what is to be seen of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.integration.kubernetes.shipped import DEPLOY
from tests.parts.control_plane import ControlPlane

NAMESPACE, NAME = "inference", "chat"
SCALER = "headstart-scaler.headstart-system.svc"
SECRET = "headstart-scaler-client"
#: A busy machine's polls, and the HPA's waits, come late.
PATIENCE_SECONDS = 120.0


class Scaled:
    """The Deployment ``inference/chat``, which begins without a replica."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        """Use ``folder`` for what kustomize reads."""
        self.plane, self._folder = plane, folder

    def deploy(self) -> None:
        """Create it."""
        self.plane.apply(_deployment())

    def scale_by(self, way: str, address: str, *, reactive: str = "") -> None:
        """Apply a shipped ScaledObject with other addresses, as an overlay does."""
        text = (DEPLOY / "keda" / f"scaledobject-{way}.yaml").read_text(encoding="utf-8")
        (self._folder / "scaledobject.yaml").write_text(text, encoding="utf-8")
        changes = [_replaced("/spec/triggers/0/metadata/scalerAddress", address)]
        if reactive:
            changes.append(_replaced("/spec/triggers/1/metadata/serverAddress", reactive))
        patch = {"target": {"kind": "ScaledObject"}, "patch": json.dumps(changes)}
        overlay = {"resources": ["scaledobject.yaml"], "patches": [patch]}
        (self._folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
        self.plane.kubectl("apply", "-k", str(self._folder))

    def release(self) -> None:
        """Take it from KEDA, and every replica with it."""
        self.kubectl("delete", "scaledobject", NAME, "--ignore-not-found", "--timeout=100s")
        self.kubectl("scale", f"deployment/{NAME}", "--replicas=0")

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in its namespace."""
        return self.plane.kubectl("-n", NAMESPACE, *arguments)

    def replicas(self) -> int:
        """Return how many replicas it is told to have."""
        answer = self.plane.get("deployment", NAME, "-n", NAMESPACE)
        return int(answer["spec"].get("replicas", 0))

    def reaches(self, replicas: int, *, within_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it is told to have so many."""
        what = f"{replicas} replicas"
        self.plane.until(lambda: self.replicas() == replicas, what, within_seconds=within_seconds)

    def stays_up_until(self, replicas: int) -> None:
        """Wait until it is told to have so many, and never none meanwhile."""

        def has_so_many() -> bool:
            now = self.replicas()
            assert now > 0, "it was scaled to zero"
            return now == replicas

        self.plane.until(has_so_many, f"{replicas} replicas", within_seconds=PATIENCE_SECONDS)

    def becomes(self, condition: str, value: str) -> None:
        """Wait until a condition of its ScaledObject begins with ``Status/Reason``."""
        self.plane.until(
            lambda: self.is_so(condition).startswith(value),
            f"{condition} {value}",
            within_seconds=PATIENCE_SECONDS,
        )

    def metrics(self) -> list[str]:
        """Return the names of the metrics that its ScaledObject says it is scaled by."""
        status = self.plane.get("scaledobject", NAME, "-n", NAMESPACE)["status"]
        return list(status.get("externalMetricNames", ()))

    def is_so(self, condition: str) -> str:
        """Return ``Status/Reason`` of a condition of its ScaledObject."""
        return self.plane.condition("scaledobject", NAME, condition, NAMESPACE)


def trust(plane: ControlPlane, certificates: Path) -> None:
    """Lay down the shipped authentication, and the secret by which KEDA proves who it is."""
    files = {"ca.crt": "ca.crt", "tls.crt": "keda.crt", "tls.key": "keda.key"}
    sources = [f"--from-file={key}={certificates / file}" for key, file in files.items()]
    plane.kubectl("-n", NAMESPACE, "create", "secret", "generic", SECRET, *sources)
    plane.kubectl("apply", "-f", str(DEPLOY / "keda" / "authentication.yaml"))


def _replaced(path: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": value}


def _deployment() -> Mapping[str, Any]:
    labels = {"app": NAME}
    container = {
        "name": "worker",
        "image": "none",
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "nodeSelector": {"room": "keda"},
                    "terminationGracePeriodSeconds": 0,
                    "containers": [container],
                },
            },
        },
    }
