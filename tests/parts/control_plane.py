"""A Kubernetes cluster of our own without machines: a real control plane, and nodes by kwok."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import requests

from tests.parts import kube_programs
from tests.parts.cluster_files import lay_down_files, write_kubeconfig
from tests.parts.go_build import CLUSTER, built_programs
from tests.parts.kube_programs import ControlPlaneProgram
from tests.parts.kubectl import Kubectl
from tests.parts.kwok import kwok_command
from tests.parts.ports import free_port

TOKEN_SECONDS = 86_400
REQUEST_SECONDS = 30


class ControlPlane(Kubectl):
    """etcd, API server, controller manager, scheduler and kwok; a context manager.

    ``url`` is the API server's address, ``authority`` the file with the certificate to trust.
    ``admin`` is a kubeconfig file that may do everything, and ``token`` its bearer token. All of
    the programs together need about 0.8 GB.
    """

    name = "control plane"

    def __init__(self, programs: Mapping[str, Path] | None = None) -> None:
        """Lay everything down; nothing runs before ``start``.

        Raises:
            RealPartError: if a program was not built.
        """
        programs = programs or built_programs(CLUSTER)
        self.folder = Path(tempfile.mkdtemp(prefix="headstart-cluster-"))
        self.port, self._etcd_port = free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.authority = self.folder / "pki" / "ca.crt"
        self.admin, self.token = self.folder / "admin.kubeconfig", "admin-token"
        super().__init__(programs["kubectl"], self.admin, home=self.folder)
        lay_down_files(self.folder, self.url)
        self._lay_down_programs(programs)

    @property
    def parts(self) -> list[ControlPlaneProgram]:
        """The programs in the order of their start."""
        return [self.etcd, self.api_server, self.controller_manager, self.scheduler, self.kwok]

    def start(self) -> None:
        """Start whatever does not run, and return once each part is ready.

        Raises:
            RealPartError: with the log's tail, if a part did not start.
        """
        for part in self.parts:
            part.start()

    def close(self) -> None:
        """End every process, last started first, and remove every file."""
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            for part in self.parts:
                stack.callback(part.close)
                # Nothing is to be kept, and a polite end would wait a minute for open watches.
                stack.callback(part.kill)

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of what each part said."""
        return "\n".join(f"-- {part.name}\n{part.log_tail(lines)}" for part in self.parts)

    def kill_api_server(self) -> None:
        """End the API server as a crash would; what it stored stays."""
        self.api_server.kill()

    def start_api_server(self) -> None:
        """Start it again on the same port, and return once it is ready."""
        self.api_server.start()

    def freeze_api_server(self) -> None:
        """Keep its connections open and silent."""
        self.api_server.freeze()

    def thaw_api_server(self) -> None:
        """Let it go on."""
        self.api_server.thaw()

    def forget_old_revisions(self) -> None:
        """Have etcd drop what was before; the API server remembers some until it ends."""
        newest = self._etcd("kv/range", {"key": base64.b64encode(b"/").decode()})
        self._etcd("kv/compaction", {"revision": newest["header"]["revision"], "physical": True})

    def forget_history(self) -> None:
        """Make every resource version from before unknown: a watch from there is told 410."""
        self.forget_old_revisions()
        self.kill_api_server()
        self.start_api_server()

    def kubeconfig_of(self, namespace: str, service_account: str) -> Path:
        """Return a kubeconfig file with a token of a service account, valid for a day."""
        arguments = ["create", "token", service_account, "-n", namespace]
        token = self.kubectl(*arguments, f"--duration={TOKEN_SECONDS}s").strip()
        name = f"{namespace}.{service_account}"
        return write_kubeconfig(self.folder, name, server=self.url, token=token)

    def writes_by(self, user: str) -> list[dict[str, Any]]:
        """Return the audit events of every request by a user that was to change something.

        Refused ones are among them. A service account is called
        ``system:serviceaccount:NAMESPACE:NAME``. An event may come a moment after its answer.
        """
        whole, _, _ = (self.folder / "audit.log").read_text(encoding="utf-8").rpartition("\n")
        events = [json.loads(line) for line in whole.splitlines()]
        return [event for event in events if event["user"]["username"] == user]

    def _lay_down_programs(self, programs: Mapping[str, Path]) -> None:
        def program(
            name: str, command: list[str], port: int, health: str = "https://127.0.0.1:{}/healthz"
        ) -> ControlPlaneProgram:
            url = health.format(port)
            return ControlPlaneProgram(name, command, health_url=url, authority=self.authority)

        folder, store = self.folder, self._etcd_port
        plain = "http://127.0.0.1:{}"
        self.etcd = program(
            "etcd",
            kube_programs.etcd_command(programs["etcd"], folder, store, free_port()),
            store,
            f"{plain}/health",
        )
        self.api_server = program(
            "kube-apiserver",
            kube_programs.api_server_command(programs["kube-apiserver"], folder, self.port, store),
            self.port,
            "https://127.0.0.1:{}/readyz",
        )
        port, name = free_port(), "kube-controller-manager"
        command = kube_programs.controller_manager_command(programs[name], folder, port)
        self.controller_manager = program(name, command, port)
        port, name = free_port(), "kube-scheduler"
        command = kube_programs.scheduler_command(programs[name], folder, port)
        self.scheduler = program(name, command, port)
        port = free_port()
        command = kwok_command(programs["kwok"], folder / "kwok.kubeconfig", port)
        self.kwok = program("kwok", command, port, f"{plain}/healthz")

    def _etcd(self, call: str, body: Mapping[str, object]) -> Any:
        url = f"http://127.0.0.1:{self._etcd_port}/v3/{call}"
        answer = requests.post(url, json=body, timeout=REQUEST_SECONDS)
        answer.raise_for_status()
        return answer.json()
