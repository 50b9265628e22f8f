"""What is learned of targets that scale themselves, and what is not."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import pytest

from controller.adapters.kubernetes.exchange import Json, Listing
from controller.adapters.kubernetes.names import time_text
from controller.adapters.kubernetes.scale_reads import Scale, ScaleReads
from controller.adapters.kubernetes.selectors import selector_of
from controller.adapters.kubernetes.targets import Targets
from controller.cluster_view import Replica
from controller.policy import Actuator, Mode, Restore
from controller.tick_report import TickReport
from models.forecast import WorkloadName
from tests.builders import a_fleet, a_plan
from tests.unit.controller.kubernetes.cluster_objects import NOW, a_policy_value
from tests.unit.controller.kubernetes.fake_server import FakeServer
from tests.unit.controller.kubernetes.watched import FakeSource, a_cache

POLICY = a_policy_value(
    pods=None,
    actuator=Actuator.SCALE,
    scale_target=("Deployment", "chat"),
    restore=Restore(driver="Scale", timeout_seconds=600.0),
)
NOBODY: tuple[WorkloadName, ...] = ()


@pytest.mark.parametrize(
    ("hindered", "decided_at"),
    [
        (NOBODY, NOW),
        # Somebody else added the pod, in their own time: the plan did not have it started.
        ([POLICY.workload], NOW + 300.0),
    ],
)
async def test_a_pod_answers_a_plan_only_if_the_target_is_ours(
    hindered: Collection[WorkloadName], decided_at: float
) -> None:
    [replica] = await after_a_plan_for_one(NOBODY, hindered, created_at=NOW + 300.0)
    assert replica.decided_at == decided_at


async def after_a_plan_for_one(
    *hindered: Collection[WorkloadName], created_at: float
) -> tuple[Replica, ...]:
    """Return the replicas once a pod has come that each of several ticks wanted."""
    source = FakeSource(
        listings=deque([Listing(items=(a_new_pod(created_at),), resource_version="9")])
    )
    pods = a_cache(source)
    scales = ScaleReads(FakeServer(), lambda: [POLICY], lambda: NOW)
    targets = Targets(pods, scales, lambda: [POLICY])
    scales.known[POLICY.workload] = Scale(
        path="/scale", replicas=1, selector=selector_of("app=chat"), version="1"
    )
    targets.seen(NOW)
    for each in hindered:
        report = TickReport(
            now=NOW,
            fleet=a_fleet(),
            modes={POLICY.workload: Mode.ACT},
            plans=(a_plan(workload=POLICY.workload, at=NOW, target=1),),
        )
        targets.take(report, each)
    await pods.confirm()
    return targets.seen(created_at + 1.0).replicas


def a_new_pod(created_at: float) -> Json:
    metadata = {
        "name": "chat-1",
        "namespace": "team",
        "uid": "uid-1",
        "resourceVersion": "9",
        "creationTimestamp": time_text(created_at),
        "labels": {"app": "chat"},
    }
    return {
        "metadata": metadata,
        "spec": {"nodeName": "n1", "containers": [{"name": "main"}]},
        "status": {"phase": "Running", "conditions": []},
    }
