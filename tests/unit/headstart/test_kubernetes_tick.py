"""What a controller that comes up takes from a policy's status, and does not measure again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from controller.actions import Resize
from controller.adapters.kubernetes.exchange import Json, Listing
from controller.adapters.kubernetes.policies import WatchedPolicies
from controller.boosts import Boost
from controller.cluster_view import Phase
from controller.ended_starts import starts_judged
from controller.memory_codec import encode_memory
from controller.objective import Calibration
from controller.policy import Objective, WorkloadPolicy
from controller.tick_state import TickSettings, TickState, WorkloadState
from headstart.kubernetes_tick import KubernetesTick, with_memory
from models.codec import encode_measurement
from models.forecast import WorkloadName
from models.lead_time import LeadTimeKey, LeadTimeMeasurement, measurements
from models.outlook import DemandReading, Outlook
from tests.builders import CHAT, a_fleet, a_replica
from tests.unit.controller.kubernetes.watched import (
    FakeSource,
    HandClock,
    a_cache,
    a_policy_object,
)

POLICY = WorkloadPolicy(workload=CHAT, demand_per_replica=1.0)
KEY = LeadTimeKey(snapshot=CHAT, kind="restore", size_gib=None)
KNOWN = LeadTimeMeasurement(key=KEY, at=100.0, seconds=4.0, ready=True)

TEAM_CHAT = WorkloadName("team/chat")
SEEN = Outlook(
    workload=TEAM_CHAT,
    published_at=1000.0,
    reading=DemandReading(measured_at=1000.0, window_seconds=10.0, per_second=5.0),
    forecast=None,
)


@asynccontextmanager
async def watched(policy: Json) -> AsyncIterator[WatchedPolicies]:
    """Have one policy seen, last at second 1000."""
    clock = HandClock(1000.0)
    source = FakeSource(listings=deque([Listing(items=(policy,), resource_version="5")]))
    policies = WatchedPolicies(a_cache(source, clock), ["NvidiaSnapshot", "Scale"])
    task = asyncio.create_task(policies.cache.run_forever())
    try:
        await asyncio.wait_for(policies.cache.synced(), 10.0)
        yield policies
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_start_that_the_status_knows_is_not_measured_again_and_a_later_one_is() -> None:
    memory = WorkloadState(calibration=Calibration(level=3.0))
    status = {
        "leadTimeMeasurements": [encode_measurement(KNOWN)],
        "calibration": encode_memory(memory),
    }
    known = replace(a_replica("known"), decided_at=95.0, ready_at=99.0)
    later = replace(a_replica("later"), decided_at=95.0, ready_at=101.0)
    fleet = a_fleet(known, later)
    state = with_memory(TickState(), POLICY, status, fleet)
    assert state.workloads[CHAT].calibration.level == 3.0
    judged = starts_judged(
        fleet.replicas,
        state.workloads[CHAT],
        POLICY,
        state.lead_times,
        state.memory,
        now=102.0,
    )
    assert [one.seconds for one in measurements(judged[1])] == [4.0, 6.0]


def test_starts_that_two_policies_of_one_snapshot_remember_are_learned_once() -> None:
    starts = [replace(KNOWN, at=100.0 + at) for at in (0.0, 0.0, 5.0)]
    texts = [encode_measurement(one) for one in starts]
    state = with_memory(TickState(), POLICY, {"leadTimeMeasurements": texts[:2]}, a_fleet())
    search = replace(POLICY, workload=WorkloadName("search"))
    state = with_memory(state, search, {"leadTimeMeasurements": texts}, a_fleet())
    assert measurements(state.lead_times) == tuple(starts)
    again = with_memory(state, POLICY, {"leadTimeMeasurements": texts[:2]}, a_fleet())
    assert measurements(again.lead_times) == tuple(starts)


async def test_nothing_is_done_upon_policies_that_were_seen_too_long_ago() -> None:
    async with watched(a_policy_object()) as policies:
        decide = KubernetesTick(policies, is_leading=lambda: True, settings=TickSettings())
        fresh = decide(a_fleet(), {TEAM_CHAT: SEEN}, TickState(), 1000.0)
        late = decide(a_fleet(), {TEAM_CHAT: SEEN}, TickState(), 1076.0)
    assert len(fresh.actions) == 3
    assert late.actions == ()
    assert "the view of the policies is 76 s old: nothing is done upon it" in late.events


async def test_a_target_that_is_anothers_is_asked_nothing() -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}
    spec: dict[str, Any] = {
        "target": {"scaleTargetRef": reference},
        "actuator": "Scale",
        "restore": {"driver": "Scale"},
    }
    hindered: list[WorkloadName] = []
    async with watched(a_policy_object(**spec)) as policies:
        decide = KubernetesTick(
            policies,
            is_leading=lambda: True,
            settings=TickSettings(has_scale_targets=True),
            obstacles=lambda: hindered,
        )
        free = decide(a_fleet(), {TEAM_CHAT: SEEN}, TickState(), 1000.0)
        hindered.append(TEAM_CHAT)
        bound = decide(a_fleet(), {TEAM_CHAT: SEEN}, TickState(), 1000.0)
    assert [type(action) for action in free.actions] == [Resize]
    assert bound.actions == ()
    assert [plan.target for plan in bound.plans] == [plan.target for plan in free.plans]


@pytest.mark.parametrize("status", [{}, {"calibration": {"level": "high"}}])
def test_without_a_status_everything_is_measured_and_begins_as_the_objective_asks(
    status: dict[str, Any],
) -> None:
    strict = replace(POLICY, objective=Objective(attainment=0.9999))
    state = with_memory(TickState(), strict, status, a_fleet(a_replica("r", phase=Phase.READY)))
    assert state.workloads[CHAT].calibration.level > 8.0
    assert state.workloads[CHAT].judged == frozenset()
    assert measurements(state.lead_times) == ()


async def test_what_is_remembered_for_a_tick_that_fails_is_remembered_for_the_next() -> None:
    status = {"calibration": encode_memory(WorkloadState(calibration=Calibration(level=3.0)))}
    fail = [ValueError("no boosts today")]

    def boosts(_: float) -> dict[WorkloadName, Boost]:
        if fail:
            raise fail.pop()
        return {}

    async with watched(a_policy_object(status=status)) as policies:
        decide = KubernetesTick(
            policies, is_leading=lambda: True, settings=TickSettings(), boosts=boosts
        )
        with pytest.raises(ValueError, match="no boosts today"):
            decide(a_fleet(), {TEAM_CHAT: SEEN}, TickState(), 1000.0)
        result = decide(a_fleet(), {TEAM_CHAT: SEEN}, TickState(), 1005.0)
    assert result.state.workloads[TEAM_CHAT].calibration.level == 3.0
