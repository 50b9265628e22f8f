"""The real tick against the simulated world: whatever happens, the laws of the loop hold."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np
from hypothesis import Phase as HypothesisPhase
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.actions import Start
from controller.cluster_view import Fleet, NodeName, Phase, Replica
from controller.environment import Environment, StandbyNodes, StartLatency
from controller.policy import Limits, Mode, Restore, ScaleDown, Standby, WorkloadPolicy
from controller.simulation import SimulatedWorld
from controller.simulation_pool import node_names
from controller.simulation_records import Outcome
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState
from models.forecast import QUANTILES, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook

ORIGIN = 1_000_000.0
TICK_SECONDS = 5.0
STEP_SECONDS = 10.0
NODES = node_names(5)
CHAT = WorkloadPolicy(
    workload=WorkloadName("chat"),
    mode=Mode.ACT,
    demand_per_replica=1.0,
    limits=Limits(min_replicas=1, max_replicas=7),
    restore=Restore(timeout_seconds=240.0, max_concurrent_per_node=2),
    scale_down=ScaleDown(hold_seconds=30.0, drain_seconds=10.0),
)
SEARCH = WorkloadPolicy(
    workload=WorkloadName("search"),
    mode=Mode.ACT,
    demand_per_replica=2.0,
    standby=Standby(gpus_per_replica=2),
    limits=Limits(gpu_budget=7, priority=1),
    restore=Restore(timeout_seconds=240.0, max_concurrent=2),
    scale_down=ScaleDown(hold_seconds=30.0, drain_seconds=0.0),
)
POLICIES = (CHAT, SEARCH)
#: Replicas, ready or on their way: seven GPUs hold three pairs.
MOST = {CHAT.workload: 7, SEARCH.workload: 3}
ENVIRONMENT = Environment(
    restore=StartLatency(median_seconds=20.0, failure_share=0.2, hang_share=0.1),
    cold_start=StartLatency(median_seconds=60.0),
    standby=StandbyNodes(nodes=len(NODES), gpus_per_node=3),
)
PRESENT = (Phase.READY, Phase.RESTORING)


def an_outlook(workload: WorkloadName, now: float, later: float, at: float) -> Outlook:
    """Return demand of ``now`` for a minute, and of ``later`` for the nine after it."""
    steps = np.concatenate([np.full(6, now), np.full(54, later)])
    spread = np.array([1.0, 1.05, 1.1, 1.15, 1.2])
    return Outlook(
        workload=workload,
        published_at=at,
        reading=DemandReading(measured_at=at, window_seconds=STEP_SECONDS, per_second=now),
        forecast=Forecast(
            workload=workload,
            issued_at=at,
            step_seconds=STEP_SECONDS,
            quantiles=QUANTILES,
            values=steps[:, None] * spread,
            basis="test",
        ),
    )


class Loop(RuleBasedStateMachine):
    """Demand changes, time passes, restores fail and hang, nodes vanish and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.world = SimulatedWorld(ENVIRONMENT, ORIGIN)
        self.state = TickState()
        self.decide = partial(
            tick, policies=POLICIES, settings=TickSettings(tick_seconds=TICK_SECONDS)
        )
        self.demand = {policy.workload: (0.0, 0.0) for policy in POLICIES}
        self.away: set[NodeName] = set()
        self.ever_failed: set[tuple[WorkloadName, NodeName]] = set()
        self.is_metrics_outage = False
        self.outlooks: dict[WorkloadName, Outlook] = {}

    @rule(
        policy=st.sampled_from(POLICIES),
        now=st.floats(0.0, 12.0),
        later=st.floats(0.0, 12.0),
    )
    def demand_becomes(self, policy: WorkloadPolicy, now: float, later: float) -> None:
        self.demand[policy.workload] = (now, later)

    @rule(ticks=st.integers(1, 16))
    def time_passes(self, ticks: int) -> None:
        for _ in range(ticks):
            self.turn()

    @rule()
    def metrics_come_and_go(self) -> None:
        self.is_metrics_outage = not self.is_metrics_outage

    @rule(node=st.sampled_from(NODES))
    def a_node_vanishes(self, node: NodeName) -> None:
        self.world.lose_node(node)
        self.away.add(node)
        assert all(replica.node != node for replica in self.world.fleet().replicas)
        result = self.turn()
        assert all(a.node != node for a in result.actions if isinstance(a, Start))

    @precondition(lambda self: self.away)
    @rule(pick=st.integers(0, len(NODES)))
    def a_node_comes_back(self, pick: int) -> None:
        node = sorted(self.away)[pick % len(self.away)]
        self.away.remove(node)
        self.world.bring_back_node(node)

    @rule(node=st.sampled_from(NODES), reason=st.sampled_from(["", "not Ready"]))
    def a_node_is_found_fit_or_not(self, node: NodeName, reason: str) -> None:
        self.world.mark_unfit(node, reason)

    @rule()
    def the_controller_is_killed(self) -> None:
        """Its successor knows nothing but what it finds in the cluster."""
        self.state = TickState()

    @invariant()
    def no_more_replicas_than_the_limits_allow(self) -> None:
        present = Counter(
            replica.workload for replica in self.world.fleet().replicas if replica.phase in PRESENT
        )
        assert all(present[workload] <= most for workload, most in MOST.items())

    @invariant()
    def no_gpu_is_given_away_twice(self) -> None:
        fleet = self.world.fleet()
        assert min(fleet.free_gpus().values(), default=0) >= 0
        restoring = Counter(r.node for r in fleet.replicas if r.phase is Phase.RESTORING)
        assert max(restoring.values(), default=0) <= CHAT.restore.max_concurrent_per_node

    def teardown(self) -> None:
        """However it went, a quiet hour later all is settled."""
        self.demand = {policy.workload: (0.0, 0.0) for policy in POLICIES}
        self.is_metrics_outage = False
        for node in NODES:
            self.world.bring_back_node(node)
            self.world.mark_unfit(node, "")
        for _ in range(240):
            self.world.advance(self.world.now + 10.0)
            self.turn()
        left = {r.replica for r in self.world.records() if r.outcome is Outcome.RESTORING}
        fleet = self.world.fleet()
        assert left <= {r.name for r in fleet.replicas if r.phase is Phase.RESTORING}
        # Whatever failed before: the smallest number of replicas serves, and no more than that.
        ready = Counter(r.workload for r in fleet.replicas if r.phase is Phase.READY)
        assert ready == Counter({CHAT.workload: CHAT.limits.min_replicas})

    def turn(self) -> TickResult:
        """Pass one tick and carry it out; the world refuses nothing that a tick asks for."""
        self.world.advance(self.world.now + TICK_SECONDS)
        fleet = self.world.fleet()
        result = self.decide(fleet, self.seen_outlooks(), self.state, self.world.now)
        check_plans(result, fleet)
        check_retries(result, fleet, self.ever_failed)
        for action in result.actions:
            self.world.apply(action)
        self.state = result.state
        assert all(
            replica.deadline_at > self.world.now
            for replica in self.world.fleet().replicas
            if replica.phase is Phase.RESTORING
        ), "a hung restore outlived its deadline"
        assert all(r.phase is not Phase.FAILED for r in self.world.fleet().replicas)
        return result

    def seen_outlooks(self) -> dict[WorkloadName, Outlook]:
        if not self.is_metrics_outage:
            self.outlooks = {
                workload: an_outlook(workload, now, later, self.world.now)
                for workload, (now, later) in self.demand.items()
            }
        return self.outlooks


def has_failed(replica: Replica, now: float) -> bool:
    is_hung = replica.phase is Phase.RESTORING and replica.deadline_at <= now
    return replica.phase is Phase.FAILED or is_hung


def check_plans(result: TickResult, fleet: Fleet) -> None:
    """Each plan counts what exists, and no start lacks a plan that asks for it, or a reason."""
    starts = Counter(a.workload for a in result.actions if isinstance(a, Start))
    for plan in result.plans:
        own = [r for r in fleet.replicas if r.workload == plan.workload]
        assert plan.ready == sum(1 for r in own if r.phase is Phase.READY)
        assert plan.target <= MOST[plan.workload]
        assert starts[plan.workload] <= plan.starts
    assert all(action.reason for action in result.actions)


def check_retries(
    result: TickResult, fleet: Fleet, ever_failed: set[tuple[WorkloadName, NodeName]]
) -> None:
    """No start goes where one has just failed while a node is free where none ever did."""
    just_failed = {(r.workload, r.node) for r in fleet.replicas if has_failed(r, fleet.seen_at)}
    ever_failed |= just_failed
    starts = [action for action in result.actions if isinstance(action, Start)]
    taken = {r.node for r in fleet.replicas if r.phase is not Phase.READY}
    taken |= {start.node for start in starts}
    for start in starts:
        free = {node for node, gpus in fleet.free_gpus().items() if gpus >= start.gpus} - taken
        if (start.workload, start.node) in just_failed:
            assert all((start.workload, node) in ever_failed for node in free)


TestLoop = Loop.TestCase
# Shrinking takes minutes here, and the first failure found says enough.
TestLoop.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    phases=[HypothesisPhase.generate],
)
