"""Workloads are seen, shadowed and planned together, and each as if it were alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from controller.feedback import begun
from controller.planning import all_planned, found
from controller.policy import WorkloadPolicy
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName
from models.outlook import Outlook
from tests.builders import a_fleet
from tests.unit.controller.builders import NOW, a_forecast, a_policy, a_reading, an_outlook

POLICIES = [a_policy(name, capacity=2.0) for name in ("search", "chat", "translate")]


def planned(
    policies: list[WorkloadPolicy], ticks: int
) -> list[list[tuple[WorkloadName, int, float]]]:
    """Return each tick's workloads, with the targets and the levels planned for."""
    state = TickState(workloads={one.workload: begun(one) for one in policies})
    noise = {one.workload: np.random.default_rng(len(one.workload)) for one in policies}
    said = []
    for number in range(ticks):
        now = NOW + 5.0 * number
        outlooks: dict[WorkloadName, Outlook] = {}
        for policy in policies:
            name = policy.workload
            forecast = a_forecast(noise[name].uniform(4.0, 9.0), spread=0.3, issued_at=now)
            reading = a_reading(noise[name].gamma(2.0, 4.0), at=now)
            outlooks[name] = an_outlook(
                workload=name, reading=reading, forecast=replace(forecast, workload=name)
            )
        there = found(a_fleet(), {p.workload: () for p in policies}, outlooks, None, policies)
        plans, workloads, _ = all_planned(there, state, now, policies, TickSettings())
        assert list(workloads) == [one.workload for one in policies]
        state = replace(state, workloads=workloads)
        levels = [workloads[one.workload].calibration.level for one in plans]
        said.append(
            [(one.workload, one.target, level) for one, level in zip(plans, levels, strict=True)]
        )
    return said


def test_each_workload_is_planned_as_if_it_were_alone_and_in_its_place() -> None:
    together = planned(POLICIES, 120)
    alone = [planned([policy], 120) for policy in POLICIES]
    assert together == [[one[0] for one in ticks] for ticks in zip(*alone, strict=True)]
    assert len({level for ticks in together for _, _, level in ticks}) > 3


def test_without_a_policy_there_is_no_plan() -> None:
    assert planned([], 2) == [[], []]
