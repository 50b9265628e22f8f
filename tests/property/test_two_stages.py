"""The real tick against a world whose restores have two stages: whatever happens, laws hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import Phase as HypothesisPhase
from hypothesis import settings
from hypothesis.stateful import invariant

from controller.actions import Promote, Start
from controller.cluster_view import ParkingLot, Phase, StartKind, WorkerPhase
from controller.environment import Parking
from controller.simulation import SimulatedWorld
from controller.simulation_records import Outcome
from controller.tick import TickResult
from tests.property.test_loop import CHAT, ENVIRONMENT, MOST, NODES, ORIGIN, POLICIES, SEARCH, Loop

#: Both fit, with all that is held in reserve, on fifteen GPUs.
FITS = {CHAT.workload: 3.0, SEARCH.workload: 2.0}


class LoopOfTwoStages(Loop):
    """As in one stage; host parts fail and hang too, and the world refuses nothing either."""

    per_node = 4

    def __init__(self) -> None:
        super().__init__()
        parking = Parking(median_seconds=30.0, per_node=self.per_node)
        self.world = SimulatedWorld(replace(ENVIRONMENT, parking=parking), ORIGIN)

    def lot(self) -> ParkingLot:
        lot = self.world.fleet().parking
        assert lot is not None
        return lot

    @invariant()
    def no_node_holds_more_workers_than_fit(self) -> None:
        there = Counter(worker.node for worker in self.lot().workers)
        assert max(there.values(), default=0) <= self.per_node
        parking = Counter(
            one.node for one in self.lot().workers if one.phase is WorkerPhase.PARKING
        )
        assert max(parking.values(), default=0) <= CHAT.restore.max_concurrent_per_node

    @invariant()
    def who_has_a_gpu_was_parked_or_started_cold(self) -> None:
        for record in self.world.records():
            if record.started_at is not None and record.kind == "restore":
                assert record.parked_at is not None
                assert record.parked_at <= record.started_at

    def turn(self) -> TickResult:
        result = super().turn()
        for plan in result.plans:
            assert plan.parking is not None
            assert plan.parking.target <= MOST[plan.workload]
            assert plan.parking.target >= plan.target
            mine = [one for one in result.actions if getattr(one, "workload", "") == plan.workload]
            promotes = [one for one in mine if isinstance(one, Promote)]
            cold = [one for one in mine if isinstance(one, Start)]
            assert len(promotes) == len(plan.parking.promotions)
            assert len(promotes) + len(cold) == plan.starts
            assert all(one.kind is StartKind.COLD for one in cold)
        for worker in self.lot().workers:
            assert worker.phase is not WorkerPhase.FAILED
            assert worker.phase is WorkerPhase.PARKED or worker.deadline_at > self.world.now
        return result

    def teardown(self) -> None:
        self.demand_that_fits_is_served()
        super().teardown()
        there = {worker.name for worker in self.lot().workers}
        left = (Outcome.PARKED, Outcome.PARKING)
        assert {one.replica for one in self.world.records() if one.outcome in left} == there
        # What is held in memory for nothing has gone: one replica serves and none is awaited.
        assert len(there) <= 1

    def demand_that_fits_is_served(self) -> None:
        """However it went, and however little memory there is: nobody is starved for long."""
        self.demand = {workload: (rate, rate) for workload, rate in FITS.items()}
        self.is_metrics_outage = False
        for node in NODES:
            self.world.bring_back_node(node)
            self.world.mark_unfit(node, "")
        for _ in range(360):
            self.turn()
        ready = Counter(
            one.workload for one in self.world.fleet().replicas if one.phase is Phase.READY
        )
        for policy in POLICIES:
            served = ready[policy.workload] * policy.demand_per_replica
            assert served >= FITS[policy.workload]


class LoopOfScarceMemory(LoopOfTwoStages):
    """A node holds fewer workers than it has GPUs, and than workloads want one there."""

    per_node = 1


class LoopOfLittleMemory(LoopOfTwoStages):
    """As above, but two fit."""

    per_node = 2


TestLoopOfTwoStages = LoopOfTwoStages.TestCase
TestLoopOfTwoStages.settings = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    phases=[HypothesisPhase.generate],
)
TestLoopOfScarceMemory = LoopOfScarceMemory.TestCase
TestLoopOfScarceMemory.settings = TestLoopOfTwoStages.settings
TestLoopOfLittleMemory = LoopOfLittleMemory.TestCase
TestLoopOfLittleMemory.settings = TestLoopOfTwoStages.settings
