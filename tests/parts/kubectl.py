"""kubectl as tests use it: apply, get, wait, and the few things that each cluster test needs."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.parts.errors import RealPartError
from tests.parts.kwok import gpu_node

T = TypeVar("T")
KUBECTL_SECONDS = 120
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1
DOWN = "lab/node-down"


class Kubectl:
    """kubectl with one kubeconfig; any call may name another."""

    def __init__(self, program: Path, config: Path, *, home: Path) -> None:
        """Remember what to run; what it keeps of the server's answers stays below ``home``."""
        self._program = program
        self._config = config
        self._home = home

    def kubectl(self, *arguments: str, stdin: str = "", config: Path | None = None) -> str:
        """Run kubectl and return what it printed.

        Raises:
            RealPartError: with kubectl's words, if it failed.
        """
        done = subprocess.run(
            [str(self._program), f"--kubeconfig={config or self._config}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env={"HOME": str(self._home)},
            timeout=KUBECTL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RealPartError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, *manifests: Mapping[str, Any] | str, config: Path | None = None) -> str:
        """Apply manifests, as values or as YAML text, and return what kubectl printed."""
        texts = [text if isinstance(text, str) else yaml.safe_dump(text) for text in manifests]
        return self.kubectl("apply", "-f", "-", stdin="\n---\n".join(texts), config=config)

    def get(self, *arguments: str, config: Path | None = None) -> Any:
        """Return an object, or the list of them: ``get("pod", "x", "-n", "y")``.

        Raises:
            RealPartError: if there is no such object.
        """
        answer = json.loads(self.kubectl("get", *arguments, "-o", "json", config=config))
        return answer["items"] if answer["kind"] == "List" else answer

    def condition(self, kind: str, name: str, of: str, namespace: str = "default") -> str:
        """Return ``Status/Reason`` of a condition; the reason may be empty.

        Nothing at all means that there is no such condition.
        """
        found = self.get(kind, name, "-n", namespace).get("status", {}).get("conditions")
        for condition in found or ():
            if condition["type"] == of:
                return f"{condition['status']}/{condition.get('reason', '')}"
        return ""

    def until(
        self, ask: Callable[[], T | None], what: str, *, within_seconds: float = PATIENCE_SECONDS
    ) -> T:
        """Ask until the answer is true, and return it; an object that is not there yet is false.

        Raises:
            AssertionError: saying what did not come, once patience ends.
        """
        deadline = time.monotonic() + within_seconds
        while True:
            try:
                answer, said = ask(), ""
            except RealPartError as error:
                answer, said = None, f" ({error})"
            if answer:
                return answer
            assert time.monotonic() < deadline, f"not within {within_seconds:.0f} s: {what}{said}"
            time.sleep(POLL_SECONDS)

    def create_namespace(self, prefix: str = "test") -> str:
        """Return the name of a new namespace that pods can be created in."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.kubectl("create", "namespace", name)
        self.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=60s")
        return name

    def add_gpu_nodes(
        self,
        prefix: str,
        count: int = 1,
        *,
        gpus: int = 8,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Add nodes ``prefix-0`` …, and return their names once pods can be scheduled there."""
        names = [f"{prefix}-{number}" for number in range(count)]
        nodes = [gpu_node(n, gpus=gpus, labels=labels, annotations=annotations) for n in names]
        self.apply(*nodes)
        self._wait_for_nodes(names, ready=True)
        return names

    def set_node_ready(self, name: str, *, ready: bool) -> None:
        """Switch a node off or on, and return once the cluster has noticed.

        Its pods go on as before, as they do when a kubelet says of itself that it is not ready.
        """
        value = f"{DOWN}-" if ready else f"{DOWN}=true"
        self.kubectl("annotate", "node", name, value, "--overwrite")
        self._wait_for_nodes([name], ready=ready)

    def delete_nodes(self, names: Sequence[str]) -> None:
        """Delete nodes; pods that are still bound to one go within a minute."""
        self.kubectl("delete", "node", *names, "--ignore-not-found", "--wait=false")

    def _wait_for_nodes(self, names: Sequence[str], *, ready: bool) -> None:
        """Wait for the condition, and for the taint that follows it."""

        def as_wanted() -> bool:
            found = self.get("nodes")
            wanted = [node for node in found if node["metadata"]["name"] in names]
            return len(wanted) == len(names) and all(_is_ready(n) is ready for n in wanted)

        self.until(as_wanted, f"{', '.join(names)} {'Ready' if ready else 'NotReady'}")


def _is_ready(node: Mapping[str, Any]) -> bool | None:
    """Say whether a node is usable, or is not; None while its taint says otherwise."""
    conditions = {c["type"]: c["status"] for c in node.get("status", {}).get("conditions", [])}
    is_ready = conditions.get("Ready") == "True"
    taints = {taint["key"] for taint in node["spec"].get("taints", [])}
    is_tainted = bool(taints & {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
    return is_ready if is_ready is not is_tainted else None
