"""A snapshot agent by its published conditions, in a process of its own, for a benchmark's pods."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.adapters.kubernetes.api import KubernetesApi, PatchKind
from controller.adapters.kubernetes.errors import ConflictError, NotFoundError
from controller.adapters.kubernetes.exchange import ApiSettings, Json
from controller.adapters.kubernetes.names import time_text

READY = (
    "PodScheduled",
    "nvidia.com/Restored",
    "ContainersReady",
    "headstart.dev/serving",
    "Ready",
)
UNHURRIED = ApiSettings(requests_per_second=10_000.0, burst=10_000, timeout_seconds=60.0)
_LOOK_SECONDS, _RESTORE_SECONDS = 1.0, 2.0


def ready_status(at: float) -> Json:
    """Return the status of a pod that became ready at ``at``, to be merged."""
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": time_text(at)} for kind in READY
    ]
    return {"status": {"phase": "Running", "conditions": conditions}}


@contextmanager
def agents(kubeconfig: Path, namespace: str) -> Iterator[None]:
    """Have every new pod of a namespace become ready some seconds after it was created."""
    # A fresh interpreter: an event loop and its threads must not be inherited.
    process = multiprocessing.get_context("spawn").Process(
        target=_restore_forever, args=(kubeconfig, namespace), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _restore_forever(kubeconfig: Path, namespace: str) -> None:
    asyncio.run(_restoring(kubeconfig, namespace))


async def _restoring(kubeconfig: Path, namespace: str) -> None:
    api = await KubernetesApi.connect(kubeconfig, UNHURRIED)
    path, seen = f"/api/v1/namespaces/{namespace}/pods", dict[str, float]()
    while True:
        pending = await api.list(path, {"fieldSelector": "status.phase=Pending"})
        now = time.time()
        for pod in pending.items:
            name = pod["metadata"]["name"]
            if now - seen.setdefault(name, now) >= _RESTORE_SECONDS:
                try:
                    at = f"{path}/{name}/status"
                    await api.patch(at, ready_status(now), kind=PatchKind.STRATEGIC)
                except (ConflictError, NotFoundError):
                    continue  # gone meanwhile
        await asyncio.sleep(_LOOK_SECONDS)
