"""Our own client on the control plane of the tests, a namespace made with it, and waiting."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.errors import ConflictError
from controller.adapters.kubernetes.exchange import ApiSettings, Json
from tests.parts.control_plane import ControlPlane

PATIENCE_SECONDS = 90.0
POLL_SECONDS = 0.05


@asynccontextmanager
async def an_api(
    plane: ControlPlane, settings: ApiSettings | None = None
) -> AsyncGenerator[KubernetesApi]:
    """Connect as the administrator."""
    api = await KubernetesApi.connect(plane.admin, settings)
    try:
        yield api
    finally:
        await api.close()


async def a_namespace(api: KubernetesApi, name: str | None = None) -> str:
    """Create a namespace; one that is there is fine."""
    name = name or f"control-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    with suppress(ConflictError):
        await api.create("/api/v1/namespaces", body)
    return name


def maps_path(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's ConfigMaps, or of one."""
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def a_map(name: str, **data: str) -> Json:
    """Return a ConfigMap with a label that tests select by."""
    metadata = {"name": name, "labels": {"test": "headstart"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def until(
    ask: Callable[[], object], what: str, *, within_seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait until something is so.

    Raises:
        AssertionError: saying what did not come.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_seconds
    while not ask():
        assert loop.time() < deadline, f"not within {within_seconds:.0f} s: {what}"
        await asyncio.sleep(POLL_SECONDS)
