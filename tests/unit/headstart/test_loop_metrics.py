from __future__ import annotations

from prometheus_client import CollectorRegistry

from controller.cluster_view import Fleet, Phase
from controller.outcomes import Outcomes
from controller.policy import Mode, Objective, WorkloadPolicy
from controller.tick_report import TickReport
from controller.tick_state import TickState, WorkloadState
from headstart.loop_metrics import LoopMetrics
from tests.builders import CHAT, a_fleet, a_plan, a_replica

POLICY = WorkloadPolicy(
    workload=CHAT, demand_per_replica=1.0, mode=Mode.ACT, objective=Objective(attainment=0.95)
)


class Loop:
    """A loop's memory and policies, changed by hand, and what is shown of them."""

    def __init__(self) -> None:
        self.state = TickState()
        self.policies = [POLICY]
        self.registry = CollectorRegistry()
        self._metrics = LoopMetrics(self.registry, lambda: self.state, lambda: self.policies)

    def tick(self, fleet: Fleet | None, outcomes: Outcomes) -> None:
        self.state = TickState(workloads={CHAT: WorkloadState(outcomes=outcomes)})
        modes = {policy.workload: policy.mode for policy in self.policies}
        self._metrics.observe(
            TickReport(
                now=100.0, fleet=fleet, modes=modes, plans=(a_plan(),) if self.policies else ()
            )
        )

    def value(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"headstart_{name}", {"workload": CHAT})


def test_what_came_of_the_plans_is_counted_from_tick_to_tick() -> None:
    loop = Loop()
    loop.tick(a_fleet(a_replica(phase=Phase.RESTORING), seen_at=100.0), Outcomes(demand=10.0))
    loop.tick(
        a_fleet(a_replica(), seen_at=105.0),
        Outcomes(demand=20.0, late=0.0, idle_gpu_seconds=4.0),
    )
    assert (loop.value("hits_total"), loop.value("misses_total")) == (1, 0)
    loop.tick(
        a_fleet(a_replica(), seen_at=110.0),
        Outcomes(demand=40.0, late=8.0, idle_gpu_seconds=5.0),
    )
    assert loop.value("misses_total") == 8.0
    assert loop.value("waste_gpu_seconds_total") == 5.0
    assert loop.value("demand_total") == 40.0
    assert loop.value("objective_attained_ratio") == 0.8
    assert loop.value("objective_attainment_ratio") == 0.95


def test_a_tick_that_saw_no_cluster_changes_no_count() -> None:
    loop = Loop()
    loop.tick(a_fleet(), Outcomes(demand=10.0))
    loop.tick(None, Outcomes(demand=99.0))
    assert loop.value("demand_total") == 10.0


def test_a_policy_that_went_takes_everything_with_it() -> None:
    loop = Loop()
    loop.tick(a_fleet(), Outcomes(demand=10.0, late=1.0))
    loop.policies = []
    loop.tick(a_fleet(), Outcomes())
    assert loop.value("demand_total") is None
    assert loop.value("misses_total") is None
