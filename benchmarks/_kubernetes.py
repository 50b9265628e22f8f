"""What the benchmarks of Kubernetes share: a loop as its process has it, and demand by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.lease_rules import LeaseSettings
from headstart.kubernetes_cluster import cluster_kind
from headstart.kubernetes_loop import KubernetesLoop, kubernetes_loop
from headstart.kubernetes_options import KubernetesSetting
from headstart.service_options import Address
from models.forecast import QUANTILES, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook

STEP_SECONDS, TICK_SECONDS = 10.0, 5.0
_STEPS_AHEAD = 30
DEFINITION = Path(__file__).parents[1] / "deploy" / "kustomize" / "base" / "crd.yaml"


class Demands:
    """The outlooks of a predictor that knows each workload's demand, and expects it to stay."""

    def __init__(self) -> None:
        """Know of none."""
        self._latest: dict[WorkloadName, Outlook] = {}

    def latest(self, workload: WorkloadName) -> Outlook | None:
        """Return the newest outlook."""
        return self._latest.get(workload)

    def turn_to(self, workload: WorkloadName, per_second: float, now: float) -> None:
        """Have a workload's demand be so much from now on."""
        self._latest[workload] = Outlook(
            workload=workload,
            published_at=now,
            reading=DemandReading(measured_at=now, window_seconds=5.0, per_second=per_second),
            forecast=Forecast(
                workload=workload,
                issued_at=now,
                step_seconds=STEP_SECONDS,
                quantiles=QUANTILES,
                values=np.full((_STEPS_AHEAD, len(QUANTILES)), per_second),
                basis="benchmark",
            ),
        )


@asynccontextmanager
async def a_loop(
    kubeconfig: Path,
    demands: Demands,
    registry: CollectorRegistry | None = None,
    *,
    is_turning: bool = True,
) -> AsyncGenerator[KubernetesLoop]:
    """Run all that a controller runs, but its server; without turning, that is up to the caller."""
    setting = KubernetesSetting(
        kubeconfig=kubeconfig,
        lease=LeaseSettings(namespace="default", identity="benchmark"),
        listen=Address(host="127.0.0.1", port=0),
        tick_seconds=TICK_SECONDS,
    )
    registry = registry or CollectorRegistry()
    async with AsyncExitStack() as stack:
        loop = await kubernetes_loop(stack, setting, cluster_kind(), registry, demands)
        parts = loop.parts() if is_turning else _all_but_turning(loop)
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            yield loop
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _all_but_turning(loop: KubernetesLoop) -> Sequence[Coroutine[Any, Any, None]]:
    caches = (loop.policies.cache, *loop.cluster.caches)
    others = (loop.leadership, loop.cluster, loop.status, loop.events)
    return (*(cache.run_forever() for cache in caches), *(one.run_forever() for one in others))


def a_policy(namespace: str, name: str, *, pool: str, **limits: int) -> Json:
    """Return a policy that acts, a replica of which serves ten requests a second."""
    pod: dict[str, Any] = {"spec": {"containers": [{"name": "main", "image": "none"}]}}
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "mode": "Act",
            "demand": {"prometheus": {"query": "up"}},
            "capacity": {"demandPerReplica": 10},
            "target": {"podTemplate": pod, "podSnapshotName": "warm"},
            "restore": {"driver": "NvidiaSnapshot", "sizeGiB": 1, "timeoutSeconds": 60},
            "standby": {"nodeSelector": {"headstart.dev/pool": pool}},
            "limits": limits,
        },
    }


def quantile(values: Sequence[float], level: float) -> float:
    """Return the value that a share of all does not exceed."""
    return float(np.quantile(np.asarray(values), level, method="higher"))
