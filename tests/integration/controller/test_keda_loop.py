"""The loop as it runs live, with KEDA asking on one side and alerts coming in on the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import grpc
import httpx
import pytest
from starlette.applications import Starlette

from controller.adapters.alertmanager import AlertIntake, token_of_text
from controller.adapters.keda.server import ScalerSettings, serve_scaler
from controller.adapters.simulated_cluster import SimulatedCluster
from controller.cluster_view import Fleet
from controller.environment import Environment
from controller.loop_settings import Surroundings
from controller.plan import Plan, Reason
from controller.policy import Actuator, Mode
from controller.reconciler import Reconciler
from controller.simulation import SimulatedWorld
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName
from models.outlook import Outlook
from tests.integration.controller.keda_client import KedaClient, Poll, Trigger
from tests.unit.controller.builders import a_forecast, a_policy, a_reading, an_outlook

CHAT = WorkloadName("inference/chat")
POLICY = replace(a_policy(CHAT), actuator=Actuator.KEDA)


class Loop:
    """A real loop on a simulated cluster, by a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.demand = 0.0
        self.intake = AlertIntake(lambda: (CHAT,), token_of_text("s3cret"), lambda: self.now)
        cluster = SimulatedCluster(SimulatedWorld(Environment(), self.now), lambda: self.now)
        self.reconciler = Reconciler(
            Surroundings(cluster=cluster, outlooks=self, clock=lambda: self.now, luck=lambda: 0.0),
            self._tick,
            TickState(),
            {CHAT: Mode.ACT},
        )

    def latest(self, workload: WorkloadName) -> Outlook:
        return an_outlook(
            reading=a_reading(self.demand, at=self.now),
            forecast=a_forecast(self.demand, issued_at=self.now, workload=workload),
            workload=workload,
        )

    def _tick(
        self,
        fleet: Fleet,
        outlooks: Mapping[WorkloadName, Outlook],
        state: TickState,
        now: float,
    ) -> TickResult:
        settings = TickSettings(fixed_lead_time_seconds=55.0, boosts=self.intake.in_force(now))
        return tick(fleet, outlooks, state, now, policies=(POLICY,), settings=settings)

    async def turn(self, *, demand: float, later: float = 5.0) -> None:
        self.now += later
        self.demand = demand
        report = await self.reconciler.turn()
        assert not report.trouble

    async def settle(self, *, demand: float) -> None:
        """Turn for ten minutes: what was started is ready, and what is held has been let go."""
        for _ in range(120):
            await self.turn(demand=demand)

    @property
    def plan(self) -> Plan:
        return self.reconciler.plans[CHAT]

    async def alert(self, status: str) -> None:
        labels = {"headstart_policy": "chat", "headstart_boost_replicas": "4"}
        alert = {"status": status, "labels": labels, "fingerprint": "a"}
        transport = httpx.ASGITransport(Starlette(routes=self.intake.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
            answer = await client.post(
                "/v1/alerts",
                content=json.dumps({"alerts": [alert]}),
                headers={"Authorization": "Bearer s3cret"},
            )
        assert answer.json()["taken"] == 1


@contextlib.asynccontextmanager
async def asked_by_keda(loop: Loop) -> AsyncIterator[KedaClient]:
    """Serve the loop's plans, and have KEDA's stand-in connect."""
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_scaler(
            loop.reconciler,
            lambda: {CHAT: POLICY},
            ScalerSettings(),
            lambda: loop.now,
            on_listening=listening.set_result,
        )
    )
    try:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{await listening}")
        async with KedaClient(channel, Trigger()) as keda:
            yield keda
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_keda_follows_demand_and_alerts_through_the_loop() -> None:
    loop = Loop()
    async with asked_by_keda(loop) as keda:
        await loop.turn(demand=0.0)
        assert await keda.create() == Poll(replicas=0, is_active=False)
        await loop.turn(demand=2.0)
        assert await keda.poll() == Poll(replicas=loop.plan.target, is_active=True)
        await loop.settle(demand=2.0)
        assert await keda.poll() == Poll(replicas=2, is_active=True)
        await loop.alert("firing")
        await loop.turn(demand=2.0)
        assert loop.plan.reason is Reason.BOOST
        assert await keda.poll() == Poll(replicas=6, is_active=True)
        await loop.alert("resolved")
        await loop.settle(demand=2.0)
        assert await keda.poll() == Poll(replicas=2, is_active=True)
        pushed = [await asyncio.wait_for(keda.pushes.get(), 20.0) for _ in range(2)]
        assert pushed == [False, True]


async def test_a_loop_that_stands_still_is_not_scaled_on() -> None:
    loop = Loop()
    async with asked_by_keda(loop) as keda:
        await loop.turn(demand=3.0)
        assert (await keda.create()).replicas == loop.plan.target
        loop.now += 60.0
        with pytest.raises(grpc.aio.AioRpcError, match="the last plan is 60 s old") as error:
            await keda.poll()
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        await loop.turn(demand=3.0)
        assert (await keda.poll()).replicas == loop.plan.target
