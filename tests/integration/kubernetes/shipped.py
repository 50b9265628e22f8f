"""What is shipped under ``deploy/``, installed as it is, and calls by whoever has a kubeconfig."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.parts.control_plane import ControlPlane

DEPLOY = Path(__file__).parents[3] / "deploy"
NAMESPACE = "headstart-system"
CONTROLLER = "headstart-controller"
PATIENCE_SECONDS = 60.0
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))

    @property
    def causes(self) -> list[tuple[str, str]]:
        """Each refused field with the words for it."""
        causes = (self.body.get("details") or {}).get("causes") or []
        return [(cause.get("field", ""), cause.get("message", "")) for cause in causes]


class Caller:
    """Calls the API server with the token of a kubeconfig file."""

    def __init__(self, plane: ControlPlane, kubeconfig: Path) -> None:
        user = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["users"][0]["user"]
        self.headers = {"Authorization": f"Bearer {user['token']}"}
        self._url, self._authority = plane.url, str(plane.authority)

    def call(
        self, method: str, path: str, body: object = None, *, kind: str = JSON, **query: str
    ) -> Answer:
        """Return the answer, whatever it is."""
        answer = requests.request(
            method,
            f"{self._url}{path}",
            json=body,
            params=query,
            headers={**self.headers, "Content-Type": kind},
            verify=self._authority,
            timeout=30,
        )
        return Answer(answer.status_code, answer.json())

    def merge(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Apply a merge patch."""
        return self.call("PATCH", path, body, kind=MERGE)


def install_definition(plane: ControlPlane) -> None:
    """Install the custom resource, and wait until it can be used."""
    plane.kubectl("apply", "--server-side", "-f", str(DEPLOY / "kustomize/base/crd.yaml"))
    name = "prerestorepolicies.headstart.dev"
    # Not by `kubectl wait`, which fails if it comes before the server has noted any condition.
    plane.until(
        lambda: plane.condition("crd", name, "Established").startswith("True"), "it is established"
    )
    # For a moment more it answers that its storage is not ready yet.
    admin, path = Caller(plane, plane.admin), "/apis/headstart.dev/v1alpha1/prerestorepolicies"
    _wait_until(lambda: admin.call("GET", path).status == 200, "the custom resource is not served")


def install(plane: ControlPlane) -> Caller:
    """Install everything as shipped; return a caller with the controller's own account.

    The deployment is told to run nothing once its pods were let in: there is no image here, and
    other tests have nodes.
    """
    install_definition(plane)
    # Another test may have installed it, and scaled it since.
    options = ("--server-side", "--force-conflicts")
    plane.kubectl("apply", *options, "-k", str(DEPLOY / "kustomize/base"))
    deployment = f"deployment/{CONTROLLER}"
    patience = f"--timeout={PATIENCE_SECONDS:.0f}s"
    plane.kubectl(
        "wait", "--for=jsonpath={.status.replicas}=2", deployment, "-n", NAMESPACE, patience
    )
    plane.kubectl("scale", deployment, "-n", NAMESPACE, "--replicas=0")
    _wait_for_admission(as_controller(plane))
    return Caller(plane, plane.kubeconfig_of(NAMESPACE, CONTROLLER))


def allow_workloads(plane: ControlPlane, namespace: str) -> None:
    """Bind the role for workloads in a namespace, as the shipped template says."""
    manifest = plane.kubectl("kustomize", str(DEPLOY / "kustomize/workloads"))
    plane.kubectl("apply", "-n", namespace, "-f", "-", stdin=manifest)


def as_controller(plane: ControlPlane) -> Caller:
    """Return a caller that passes for the controller's account, but whom no role holds back.

    What it is refused, admission refuses.
    """
    caller = Caller(plane, plane.admin)
    caller.headers |= {
        "Impersonate-User": f"system:serviceaccount:{NAMESPACE}:{CONTROLLER}",
        "Impersonate-Group": "system:masters",
    }
    return caller


def accepted(answer: Answer, status: int = 200) -> None:
    assert answer.status == status, answer.message


def refused(answer: Answer, words: str) -> None:
    assert answer.status == 422, answer.body
    assert words in answer.message


def _wait_for_admission(caller: Caller) -> None:
    # A new admission policy is enforced within about a second of its creation.
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "probe"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {"containers": [{"name": "main", "image": "none"}]},
    }
    probes = (("/api/v1/nodes", node), ("/api/v1/namespaces/default/pods", pod))
    _wait_until(
        lambda: all(
            "Headstart" in caller.call("POST", at, one, dryRun="All").message for at, one in probes
        ),
        "the admission policies are not in force",
    )


def _wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


@contextmanager
def lent_namespace(plane: ControlPlane, prefix: str) -> Iterator[str]:
    """Give a namespace to a whole module, and take it back with all that is in it.

    Pods that found no node are still to be placed, and would be on the next test's.
    """
    name = plane.create_namespace(prefix)
    yield name
    plane.kubectl("delete", "namespace", name)
