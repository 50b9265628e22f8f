"""KEDA on a control plane of ours: its operator and its metrics adapter, as processes."""

from __future__ import annotations

import base64
import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.parts import pki
from tests.parts.control_plane import ControlPlane
from tests.parts.errors import RealPartError
from tests.parts.kube_programs import ControlPlaneProgram
from tests.parts.ports import free_port

NAMESPACE = "keda"
SERVICE = "keda-metrics-apiserver"
API_SERVICE = "v1beta1.external.metrics.k8s.io"
HOSTS = ("127.0.0.1", "localhost", f"{SERVICE}.{NAMESPACE}.svc")


class Keda:
    """KEDA's operator and adapter; a part to be started once, after its control plane.

    About 0.3 GB. Its admission webhooks listen to the whole network and are left out.
    """

    name = "KEDA"

    def __init__(self, plane: ControlPlane, programs: Mapping[str, Path]) -> None:
        """Lay down what the programs read; nothing runs before ``start``."""
        self._plane, self._definitions = plane, programs["keda-crds"]
        self._folder = plane.folder / "keda"
        self._folder.mkdir()
        authority = pki.make_authority(self._folder, "ca")
        pki.issue(authority, self._folder, "tls", hosts=HOSTS)
        self._port, service = free_port(), f"127.0.0.1:{free_port()}"
        self.operator = self._operator(programs["keda-operator"], service)
        self.adapter = self._adapter(programs["keda-adapter"], service)

    def start(self) -> None:
        """Install it and return once the API server can ask it for metrics.

        Raises:
            RealPartError: if it does not come up.
        """
        plane = self._plane
        # Applied by the client, the definitions would not fit into their own annotation.
        plane.kubectl("apply", "--server-side", "-f", str(self._definitions))
        plane.until(lambda: _are_established(plane), "KEDA's definitions are established")
        plane.apply(*_manifests(self._port, self._folder / "ca.crt"))
        self.operator.start()
        self.adapter.start()
        plane.until(
            lambda: plane.condition("apiservice", API_SERVICE, "Available").startswith("True/"),
            "the API server reaches the adapter",
        )

    def close(self) -> None:
        """End it, and take what would hold up others out of the cluster."""
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            for part in (self.operator, self.adapter):
                stack.callback(part.close)
                stack.callback(part.kill)
            # No namespace can be deleted while an API group that is registered does not answer.
            with contextlib.suppress(RealPartError):
                self._plane.kubectl("delete", "apiservice", API_SERVICE, "--ignore-not-found")

    def log_tail(self, lines: int = 25) -> str:
        """Return the last lines of what each part said."""
        parts = (self.operator, self.adapter)
        return "\n".join(f"-- {part.name}\n{part.log_tail(lines)}" for part in parts)

    def _operator(self, program: Path, service: str) -> ControlPlaneProgram:
        port = free_port()
        command = [
            str(program),
            f"--metrics-bind-address=127.0.0.1:{free_port()}",
            f"--health-probe-bind-address=127.0.0.1:{port}",
            f"--metrics-service-bind-address={service}",
            f"--cert-dir={self._folder}",
            "--leader-elect=false",
            "--enable-webhook-patching=false",
            "--enable-apiservice-patching=false",
            "--zap-encoder=console",
        ]
        return self._program("keda-operator", command, f"http://127.0.0.1:{port}/readyz")

    def _adapter(self, program: Path, service: str) -> ControlPlaneProgram:
        config = self._plane.admin
        command = [
            str(program),
            f"--secure-port={self._port}",
            "--bind-address=127.0.0.1",
            f"--port={free_port()}",
            f"--metrics-service-address={service}",
            f"--cert-dir={self._folder}",
            f"--client-ca-file={self._folder / 'ca.crt'}",
            f"--tls-cert-file={self._folder / 'tls.crt'}",
            f"--tls-private-key-file={self._folder / 'tls.key'}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            f"--lister-kubeconfig={config}",
        ]
        return self._program("keda-adapter", command, f"https://127.0.0.1:{self._port}/readyz")

    def _program(self, name: str, command: list[str], health: str) -> ControlPlaneProgram:
        return ControlPlaneProgram(
            name,
            command,
            health_url=health,
            authority=self._folder / "ca.crt",
            settings={
                "KUBECONFIG": str(self._plane.admin),
                "POD_NAMESPACE": NAMESPACE,
                "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
                "WATCH_NAMESPACE": "",
            },
        )


def _are_established(plane: ControlPlane) -> bool:
    # kubectl's own wait fails upon those that have no conditions yet.
    states = [
        {one["type"]: one["status"] for one in definition["status"].get("conditions") or ()}
        for definition in plane.get("customresourcedefinitions")
        if definition["spec"]["group"].endswith("keda.sh")
    ]
    return bool(states) and all(state.get("Established") == "True" for state in states)


def _manifests(port: int, authority: Path) -> list[str]:
    """Return the namespace, and how the API server reaches the adapter on this machine.

    It resolves an ExternalName itself, maps no port, and checks the certificate against the
    service's name in the cluster.
    """
    group, version = "external.metrics.k8s.io", "v1beta1"
    documents = (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": SERVICE, "namespace": NAMESPACE},
            "spec": {
                "type": "ExternalName",
                "externalName": "localhost",
                "ports": [{"port": port}],
            },
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": API_SERVICE},
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "caBundle": base64.b64encode(authority.read_bytes()).decode(),
                "service": {"name": SERVICE, "namespace": NAMESPACE, "port": port},
            },
        },
    )
    return [yaml.safe_dump(document) for document in documents]
