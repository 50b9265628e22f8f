"""A controller on 500 nodes, 200 policies and 2,000 pods of a real API server; by hand, not a test.

Run it with `python benchmarks/kubernetes_scale.py`, after `python -m tests.parts.go_build`. Nodes
and pods are written as a kubelet and a snapshot agent would leave them. Measured are a controller's
full read of everything up to its first plans, ticks at their usual pace in which the demand of one
workload in forty moves, requests a tick, and the process's peak memory. A tick is all of it:
looking, planning, and acting until the last of its writes is answered.
"""

from __future__ import annotations

import asyncio
import os
import time

from prometheus_client import CollectorRegistry

from benchmarks._kubernetes import DEFINITION, TICK_SECONDS, Demands, a_loop, quantile
from benchmarks._kubernetes_agent import agents
from benchmarks._kubernetes_objects import fill
from benchmarks._process_memory import peak_by_process
from headstart.kubernetes_loop import KubernetesLoop
from models.forecast import WorkloadName
from tests.parts.control_plane import ControlPlane

_NODES, _POLICIES, _REPLICAS = 500, 200, 10
_NAMESPACE, _TICKS = "default", 40


def main() -> None:
    """Measure and print."""
    with ControlPlane() as plane:
        # Nothing may change by itself: the pods stay as they were written.
        for part in (plane.kwok, plane.scheduler, plane.controller_manager):
            part.kill()
        plane.kubectl("apply", "--server-side", "-f", str(DEFINITION))
        plane.until(lambda: plane.kubectl("get", "prp", "-A") or "served", "policies are served")
        with agents(plane.admin, _NAMESPACE):
            asyncio.run(_measure(plane))


async def _measure(plane: ControlPlane) -> None:
    workloads = [WorkloadName(f"{_NAMESPACE}/load-{number:03d}") for number in range(_POLICIES)]
    began = time.monotonic()
    await fill(plane, workloads, nodes=_NODES, replicas=_REPLICAS)
    print(
        f"{_NODES} nodes, {_POLICIES} policies and {_POLICIES * _REPLICAS} pods written in "
        f"{time.monotonic() - began:.0f} s"
    )
    demands, registry = Demands(), CollectorRegistry()
    _turn(demands, workloads, 0)
    began, cpu = time.monotonic(), time.process_time()
    async with a_loop(plane.admin, demands, registry, is_turning=False) as loop:
        while len(loop.reconciler.plans) < _POLICIES or not loop.leadership.is_held():
            await asyncio.sleep(0.05)
            await loop.reconciler.turn()
        took, spent = time.monotonic() - began, time.process_time() - cpu
        print(f"all read, and first plans: {took:.1f} s, processor time {spent:.1f} s")
        await _ticks(loop, demands, workloads, registry)
    peak = peak_by_process(os.getpid(), {})[os.getpid()]
    print(f"peak memory of this process: {peak / 2**20:.0f} MiB")


async def _ticks(
    loop: KubernetesLoop,
    demands: Demands,
    workloads: list[WorkloadName],
    registry: CollectorRegistry,
) -> None:
    took: list[float] = []
    spent: list[float] = []
    acted, before = 0, _requests(registry)
    for number in range(_TICKS):
        _turn(demands, workloads, number)
        began, cpu = time.monotonic(), time.process_time()
        report = await loop.reconciler.turn()
        took.append(time.monotonic() - began)
        spent.append(time.process_time() - cpu)
        acted += len(report.acted)
        await asyncio.sleep(max(0.0, TICK_SECONDS - took[-1]))
    sent = _requests(registry) - before
    print(
        f"{_TICKS} ticks: p50 {quantile(took, 0.5):.3f} s, p99 {quantile(took, 0.99):.3f} s "
        f"(processor time {quantile(spent, 0.5):.3f} s and {quantile(spent, 0.99):.3f} s); "
        f"{acted / _TICKS:.1f} actions and {sent / _TICKS:.1f} requests a tick"
    )


def _turn(demands: Demands, workloads: list[WorkloadName], number: int) -> None:
    """Have each workload's replicas be busy, and one in forty need one more at times."""
    for index, workload in enumerate(workloads):
        is_rising = index % 40 == number % 40
        demands.turn_to(workload, 10.0 * _REPLICAS + (5.0 if is_rising else -5.0), time.time())


def _requests(registry: CollectorRegistry) -> float:
    return sum(
        sample.value
        for metric in registry.collect()
        if metric.name == "headstart_api_requests"
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


if __name__ == "__main__":
    main()
