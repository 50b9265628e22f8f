"""Whether a replay foretells what the live loop does: the same traffic, through a real Kafka.

Run it with `python -m benchmarks.live_replay [--minutes M]`. Time runs twenty times as fast for all
but the broker, so a busy machine makes the live loop late. Prints what both attained and cost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from kafka import KafkaProducer
from prometheus_client import CollectorRegistry

from controller.adapters.simulated_cluster import SimulatedCluster
from controller.cluster_view import Fleet
from controller.environment import Environment
from controller.loop_settings import LoopSettings, Surroundings
from controller.policy import Mode, ScaleDown, WorkloadPolicy
from controller.reconciler import Reconciler
from controller.simulation import SimulatedWorld
from controller.simulation_records import RecordKind, ReplicaRecord
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState
from headstart.demo_traffic import STEP_SECONDS, WARMUP_SECONDS, requests_per_step
from headstart.live_forecaster import LiveForecaster
from headstart.reach import reach_seconds
from headstart.replay import replay
from headstart.scenario import TICK_SECONDS, Scenario
from headstart.scoring import Score, score
from headstart.trial import Capacity, Trial
from kafka_link.connection import KafkaConnection
from models.forecast import FloatArray, WorkloadName
from models.outlook import Outlook
from predictor.adapters.kafka import KafkaCluster
from predictor.fitting import FitPool
from predictor.metrics import PredictorMetrics
from predictor.service import ForecastService
from predictor.settings import KafkaEvents, KafkaSettings, ServiceSettings
from predictor.workload import WorkloadDemand
from tests.parts.kafka import KafkaBroker

CHAT = WorkloadName("chat")
TOPIC = "accelerated"
SPEED = 20.0
HISTORY_SECONDS = 1800.0
#: How long before the play the history is read in.
LEARNED_WITHIN_SECONDS = 300.0
POLICY = WorkloadPolicy(
    workload=CHAT, demand_per_replica=9.0, mode=Mode.ACT, scale_down=ScaleDown(drain_seconds=0.0)
)
ENVIRONMENT = Environment()


@dataclass(frozen=True, slots=True)
class FastClock:
    """Seconds since the epoch that go by ``SPEED`` times as fast, from ``begin`` on."""

    begin: float
    began_at: float

    def now(self) -> float:
        return self.begin + (time.monotonic() - self.began_at) * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


def requests(played_seconds: float) -> FloatArray:
    """Return an hour of the demo's chat service and what came before it, as long as is played."""
    first = int((WARMUP_SECONDS - HISTORY_SECONDS) / STEP_SECONDS)
    return requests_per_step()[first:][: int((HISTORY_SECONDS + played_seconds) / STEP_SECONDS)]


async def traffic(address: str, clock: FastClock, counts: FloatArray, origin: float) -> None:
    """Send each second's requests as one event of their weight, history at once."""
    producer = KafkaProducer(bootstrap_servers=address, linger_ms=1, metrics_enabled=False)
    try:
        second = 0
        while second < len(counts) * STEP_SECONDS:
            at = origin + second + 0.5
            if at > clock.now():
                await asyncio.sleep(0.01)
                continue
            body = {"at": at, "requests": counts[second // STEP_SECONDS] / STEP_SECONDS}
            producer.send(TOPIC, value=json.dumps(body).encode())
            second += 1
        await asyncio.to_thread(producer.flush, 60)
    finally:
        await asyncio.to_thread(producer.close)


async def played_live(
    address: str, counts: FloatArray, ready: int
) -> tuple[tuple[ReplicaRecord, ...], float]:
    """Play the traffic to its end; return every replica's life, and when the trace began."""
    # In the past, so that no event is ever ahead of the broker's clock.
    origin = float(int(time.time() - 4 * 3600) // 60 * 60)
    start = origin + HISTORY_SECONDS
    clock = FastClock(start - LEARNED_WITHIN_SECONDS, time.monotonic())
    world = SimulatedWorld(ENVIRONMENT, start)
    world.begin_ready(CHAT, ready, start)
    pool = FitPool(max_workers=1)
    service = await forecasting(address, clock, pool, start)
    reconciler = controlling(world, clock, service)
    tasks = [
        asyncio.create_task(service.run_forever(clock.now, clock.sleep)),
        asyncio.create_task(started_at(start, clock, reconciler)),
    ]
    try:
        await traffic(address, clock, counts, origin)
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        pool.close()
    world.advance(max(clock.now(), origin + len(counts) * STEP_SECONDS))
    return world.records(), origin


async def forecasting(
    address: str, clock: FastClock, pool: FitPool, start: float
) -> ForecastService:
    """Return a service that counts the topic's events by the fast clock."""
    connection = KafkaConnection(bootstrap_servers=(address,))
    kafka = KafkaCluster(KafkaSettings(connection=connection, check_seconds=0.05), clock=clock.now)
    events = KafkaEvents(topic=TOPIC, timestamp_field="at", weight_field="requests")
    source = kafka.source(events, step_seconds=10.0, history_seconds=HISTORY_SECONDS)
    reach = reach_seconds([POLICY], tick_seconds=TICK_SECONDS)
    service = ForecastService(
        forecaster=LiveForecaster(pool, reach_seconds=reach, tick_seconds=TICK_SECONDS),
        settings=ServiceSettings(),
        metrics=PredictorMetrics(CollectorRegistry()),
    )
    demand = WorkloadDemand(
        workload=CHAT, step_seconds=10.0, history_seconds=HISTORY_SECONDS, sources=(source,)
    )
    await service.set_workloads([demand], now=start)
    return service


def controlling(
    world: SimulatedWorld, clock: FastClock, service: ForecastService
) -> Reconciler[TickState]:
    """Return the loop over a simulated world that goes by the fast clock."""
    surroundings = Surroundings(
        cluster=SimulatedCluster(world, clock.now),
        outlooks=service,
        clock=clock.now,
        luck=lambda: 0.0,
        wait=clock.sleep,
    )
    settings = LoopSettings(tick_seconds=TICK_SECONDS)
    return Reconciler(surroundings, decided, TickState(), {CHAT: Mode.ACT}, settings)


async def started_at(start: float, clock: FastClock, reconciler: Reconciler[TickState]) -> None:
    await clock.sleep(start - clock.now())
    await reconciler.run_forever()


def decided(
    fleet: Fleet, outlooks: Mapping[WorkloadName, Outlook], state: TickState, now: float
) -> TickResult:
    settings = TickSettings(tick_seconds=TICK_SECONDS)
    return tick(fleet, outlooks, state, now, policies=(POLICY,), settings=settings)


def judged(records: tuple[ReplicaRecord, ...], counts: FloatArray, origin: float) -> Score:
    trial = Trial(
        demand_per_second=counts / STEP_SECONDS,
        bin_seconds=STEP_SECONDS,
        start=origin + HISTORY_SECONDS,
        end=origin + len(counts) * STEP_SECONDS,
        capacity_per_replica=POLICY.demand_per_replica,
        origin=origin,
    )
    return score(trial, Capacity.from_records(records))


def main() -> int:
    """Play both and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how much is played")
    played_seconds = 60.0 * parser.parse_args().minutes
    counts = requests(played_seconds)
    foretold = replay(
        Scenario(
            requests=counts,
            bin_seconds=STEP_SECONDS,
            origin=0.0,
            policy=POLICY,
            environment=ENVIRONMENT,
            warmup_seconds=HISTORY_SECONDS,
        )
    )
    ready = sum(record.kind is RecordKind.INITIAL for record in foretold.records)
    broker = KafkaBroker()
    broker.start()
    try:
        broker.create_topic(TOPIC)
        records, origin = asyncio.run(played_live(broker.address, counts, ready))
    finally:
        broker.close()
    expected, live = judged(foretold.records, counts, 0.0), judged(records, counts, origin)
    for name, verdict in (("replay", expected), ("live", live)):
        print(f"{name:7} {verdict.attained_share:.2%}, {verdict.gpu_seconds / 3600:.2f} GPU-hours")
    more = live.attained_share - expected.attained_share
    dearer = live.gpu_seconds / expected.gpu_seconds - 1.0
    print(f"live attains {100 * more:+.2f} points of the replay's share, and costs {dearer:+.1%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
