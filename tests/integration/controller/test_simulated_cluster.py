from functools import partial

import numpy as np
import pytest

from controller.adapters.simulated_cluster import SimulatedCluster
from controller.cluster_view import Phase
from controller.environment import Environment, Parking, StandbyNodes, StartLatency
from controller.errors import ActionRefusedError
from controller.loop_settings import Surroundings
from controller.policy import Mode, WorkloadPolicy
from controller.reconciler import Reconciler
from controller.simulation import SimulatedWorld
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from models.forecast import QUANTILES, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook
from tests.builders import CHAT, a_start

ORIGIN = 1_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = ORIGIN

    def __call__(self) -> float:
        return self.now


def a_cluster(clock: Clock, parking: Parking | None = None) -> SimulatedCluster:
    latency = StartLatency(median_seconds=30.0, sigma=0.0)
    environment = Environment(restore=latency, standby=StandbyNodes(nodes=4), parking=parking)
    return SimulatedCluster(SimulatedWorld(environment, ORIGIN), clock)


class SteadyDemand:
    """Demand of 2.5 a second, for ten minutes to come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def latest(self, workload: WorkloadName) -> Outlook:
        now = self._clock()
        return Outlook(
            workload=workload,
            published_at=now,
            reading=DemandReading(measured_at=now, window_seconds=10.0, per_second=2.5),
            forecast=Forecast(
                workload=workload,
                issued_at=now,
                step_seconds=10.0,
                quantiles=QUANTILES,
                values=np.full((60, len(QUANTILES)), 2.5),
                basis="test",
            ),
        )


async def test_the_cluster_is_as_far_as_the_clock() -> None:
    clock = Clock()
    cluster = a_cluster(clock)
    await cluster.act(a_start(at=ORIGIN))
    clock.now = ORIGIN + 30.0
    (replica,) = (await cluster.observe()).replicas
    assert replica.phase is Phase.READY


async def test_a_clock_that_steps_back_stops_the_world() -> None:
    clock = Clock()
    cluster = a_cluster(clock)
    await cluster.observe()
    clock.now = ORIGIN - 3600.0
    assert (await cluster.observe()).seen_at == ORIGIN


async def test_what_the_world_refuses_is_refused() -> None:
    cluster = a_cluster(Clock())
    with pytest.raises(ActionRefusedError, match="node-99 is gone"):
        await cluster.act(a_start(node="node-99", at=ORIGIN))


@pytest.mark.parametrize("parking", [None, Parking(median_seconds=20.0, sigma=0.0)])
async def test_the_whole_loop_brings_up_what_demand_needs(parking: Parking | None) -> None:
    clock = Clock()
    policy = WorkloadPolicy(workload=CHAT, demand_per_replica=1.0, mode=Mode.ACT)
    surroundings = Surroundings(
        cluster=a_cluster(clock, parking),
        outlooks=SteadyDemand(clock),
        clock=clock,
        luck=lambda: 0.0,
    )
    decide = partial(tick, policies=(policy,), settings=TickSettings())
    reconciler = Reconciler(surroundings, decide, TickState(), {CHAT: policy.mode})
    for _ in range(20):
        report = await reconciler.turn()
        assert (report.trouble, report.refused, report.held_back) == ("", (), 0)
        clock.now += 5.0
    assert reconciler.plans[CHAT].target == 3
    assert reconciler.plans[CHAT].ready == 3
