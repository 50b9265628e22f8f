"""A replay drains in no time, whatever the policy says: demand is a fluid there."""

from __future__ import annotations

import numpy as np

from controller.cluster_view import Phase
from controller.environment import Environment
from controller.policy import ScaleDown, WorkloadPolicy
from controller.simulation_records import Outcome
from headstart.replay import ReplayTick, replay
from headstart.scenario import Scenario
from tests.builders import CHAT


def test_what_is_released_neither_serves_nor_is_paid_any_more() -> None:
    requests = np.full(240, 600.0)
    requests[180:] = 100.0
    ticks: list[ReplayTick] = []
    result = replay(
        Scenario(
            requests=requests,
            bin_seconds=10.0,
            origin=0.0,
            policy=WorkloadPolicy(
                workload=CHAT, demand_per_replica=5.0, scale_down=ScaleDown(drain_seconds=45.0)
            ),
            environment=Environment(),
            warmup_seconds=1200.0,
        ),
        ticks.append,
    )
    decided = {name: tick.now for tick in ticks for name in tick.plan.releases}
    released = {
        record.replica: record.released_at
        for record in result.records
        if record.outcome is Outcome.RELEASED
    }
    assert released == decided
    assert len(released) >= 5
    phases = {replica.phase for tick in ticks for replica in tick.fleet.replicas}
    assert Phase.DRAINING not in phases
