"""How soon a restore pod exists in the API server once demand has risen; by hand, not a test.

Run it with `python benchmarks/kubernetes_latency.py`, after `python -m tests.parts.go_build`. On a
real control plane and 40 fake nodes of 8 GPUs, 200 workloads go from no demand to some, one after
another at odd moments of the loop's tick of 5 s. Measured is the time from the outlook entering
the controller to the watch of another client telling of the pod.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Callable

from benchmarks._kubernetes import DEFINITION, Demands, a_loop, a_policy, quantile
from controller.adapters.kubernetes.api import KubernetesApi
from models.forecast import WorkloadName
from tests.parts.control_plane import ControlPlane

_RAMPS, _NODES, _GPUS = 200, 40, 8
_NAMESPACE, _POOL = "default", "latency"
_LONGEST_PAUSE_SECONDS = 0.8
_PATIENCE_SECONDS = 60.0


def main() -> None:
    """Measure and print."""
    with ControlPlane() as plane:
        plane.kubectl("apply", "--server-side", "-f", str(DEFINITION))
        plane.until(lambda: plane.kubectl("get", "prp", "-A") or "served", "policies are served")
        plane.add_gpu_nodes("gpu", _NODES, gpus=_GPUS, labels={"headstart.dev/pool": _POOL})
        names = [f"ramp-{number:03d}" for number in range(_RAMPS)]
        plane.apply(*(a_policy(_NAMESPACE, name, pool=_POOL, maxReplicas=1) for name in names))
        took = asyncio.run(_measured(plane, names))
    print(
        f"{len(took)} ramps: p50 {quantile(took, 0.5):.3f} s, p90 {quantile(took, 0.9):.3f} s, "
        f"p99 {quantile(took, 0.99):.3f} s, longest {max(took):.3f} s"
    )


async def _measured(plane: ControlPlane, names: list[str]) -> list[float]:
    demands, chance = Demands(), random.Random(7)
    api = await KubernetesApi.connect(plane.admin)
    seen: dict[str, float] = {}
    watching = asyncio.ensure_future(_watch(api, seen))
    workloads = [WorkloadName(f"{_NAMESPACE}/{name}") for name in names]
    for workload in workloads:
        demands.turn_to(workload, 0.0, time.time())
    try:
        async with a_loop(plane.admin, demands) as loop:
            await _until(lambda: len(loop.reconciler.plans) == len(names), "every policy planned")
            took = []
            for name, workload in zip(names, workloads, strict=True):
                await asyncio.sleep(chance.uniform(0.1, _LONGEST_PAUSE_SECONDS))
                began = time.monotonic()
                demands.turn_to(workload, 5.0, time.time())
                await _until(functools.partial(seen.__contains__, name), f"the pod of {name}")
                took.append(seen[name] - began)
            return took
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await api.close()


async def _watch(api: KubernetesApi, seen: dict[str, float]) -> None:
    """Note when each policy's first pod is told of."""
    path = f"/api/v1/namespaces/{_NAMESPACE}/pods"
    listing = await api.list(path)
    async for event in api.watch(path, {}, resource_version=listing.resource_version):
        if event is not None and event["type"] == "ADDED":
            labels = event["object"]["metadata"].get("labels") or {}
            seen.setdefault(str(labels.get("headstart.dev/policy")), time.monotonic())


async def _until(ask: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not ask():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    main()
