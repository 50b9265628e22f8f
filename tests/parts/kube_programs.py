"""The programs of a control plane, each a server process with its own port and log."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from tests.parts.process import ServerProcess

# What a cluster needs here: nothing that waits for a kubelet's or a cloud's own doing.
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "horizontal-pod-autoscaler-controller",
    "serviceaccount-controller",
    "namespace-controller",
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "pod-garbage-collector-controller",
    "disruption-controller",
    "job-controller",
    "root-ca-certificate-publisher-controller",
    "endpointslice-controller",
    "node-lifecycle-controller",
    "taint-eviction-controller",
)


class ControlPlaneProgram(ServerProcess):
    """One program that answers 200 at ``health_url`` when it is ready."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        health_url: str,
        authority: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Lay it down; ``authority`` is the file with the certificate to trust.

        ``settings`` are added to our environment.
        """
        super().__init__()
        self.name = name
        self._command = list(command)
        self._health_url = health_url
        self._authority = authority
        self._settings = settings or {}

    def environment(self) -> dict[str, str]:
        """Return our environment with the program's own settings."""
        return {**os.environ, **self._settings}

    def command(self) -> list[str]:
        """Return what to run."""
        return self._command

    def answers(self) -> bool:
        """Say whether the program calls itself healthy."""
        try:
            answer = requests.get(self._health_url, timeout=2, verify=str(self._authority))
        except requests.RequestException:
            return False
        return answer.status_code == 200


def etcd_command(program: Path, folder: Path, port: int, peer_port: int) -> list[str]:
    """Run one etcd that does not wait for its disk."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(program),
        "--name=only",
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=only={peer}",
    ]


def api_server_command(program: Path, folder: Path, port: int, etcd_port: int) -> list[str]:
    """Run the API server; ``folder`` has pki, tokens.csv and audit-policy.yaml."""
    pki = folder / "pki"
    return [
        str(program),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        # It would try every 10 s to publish 127.0.0.1 as its endpoint, and be refused.
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        # As nearly every cluster has it, for the snapshot agent's sake: so admission must refuse.
        "--allow-privileged=true",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        f"--audit-policy-file={folder / 'audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
        f"--cert-dir={folder / 'generated'}",
        "--profiling=false",
    ]


def controller_manager_command(program: Path, folder: Path, port: int) -> list[str]:
    """Run the controllers, the autoscaler at a pace that a test can wait for."""
    return [
        *_client_of_the_api(program, folder, port, "controller-manager"),
        # Its own user lacks most rights; each controller has an account with what it needs.
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={folder / 'pki' / 'sa.key'}",
        f"--root-ca-file={folder / 'pki' / 'ca.crt'}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--horizontal-pod-autoscaler-downscale-stabilization=5s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=1s",
    ]


def scheduler_command(program: Path, folder: Path, port: int) -> list[str]:
    """Run the default scheduler."""
    return _client_of_the_api(program, folder, port, "scheduler")


def _client_of_the_api(program: Path, folder: Path, port: int, user: str) -> list[str]:
    credentials, pki = folder / f"{user}.kubeconfig", folder / "pki"
    return [
        str(program),
        f"--kubeconfig={credentials}",
        f"--authentication-kubeconfig={credentials}",
        f"--authorization-kubeconfig={credentials}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        "--leader-elect=false",
    ]
