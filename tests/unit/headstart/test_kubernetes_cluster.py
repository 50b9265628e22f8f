"""What a cluster is given by its wiring shows in what is seen of it."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.lease import Leadership
from controller.adapters.kubernetes.policies import WatchedPolicies
from headstart.kubernetes_cluster import ClusterNeeds, cluster_kind
from tests.unit.controller.kubernetes.cluster_objects import NOW, a_node_object
from tests.unit.controller.kubernetes.fake_server import FakeServer
from tests.unit.controller.kubernetes.test_cluster import Leads
from tests.unit.controller.kubernetes.watched import FakeSource, HandClock, a_cache


@pytest.mark.parametrize(
    ("label", "reason"),
    [(None, ""), (("app", "agent"), ""), (("app", "other"), "no restore agent")],
)
async def test_a_node_is_used_only_with_the_agent_that_is_looked_for(
    label: tuple[str, str] | None, reason: str
) -> None:
    server = FakeServer()
    server.put("nodes", a_node_object())
    server.put("pods", AGENT)
    clock = HandClock(NOW)
    needs = ClusterNeeds(
        api=cast(KubernetesApi, server),
        leadership=cast(Leadership, Leads()),
        policies=WatchedPolicies(a_cache(FakeSource(), clock), []),
        clock=clock,
        luck=lambda: 0.0,
        agent_label=label,
    )
    cluster = cluster_kind().make(needs)
    tasks = [asyncio.create_task(cache.run_forever()) for cache in cluster.caches]
    try:
        await asyncio.gather(*(cache.synced() for cache in cluster.caches))
        [node] = (await cluster.observe()).nodes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert node.unfit_reason == reason


AGENT = {
    "metadata": {
        "name": "snapshot-agent-1",
        "namespace": "snapshot",
        "uid": "uid-agent",
        "labels": {"app": "agent"},
    },
    "spec": {"nodeName": "n1", "containers": []},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}
