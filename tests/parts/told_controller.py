"""A controller in a process of its own, on a world that outlives it, telling what it does.

``python -m tests.parts.told_controller WORLD_PORT [options of headstart controller]``. Demand
of two workloads comes in waves that are a function of time: whoever comes up sees the same.
"""

from __future__ import annotations

import argparse
import functools
import math
import random
import sys
import time
from contextlib import AsyncExitStack

import numpy as np
from prometheus_client import CollectorRegistry

from controller.loop_settings import LoopSettings, Surroundings
from controller.policy import Limits, Mode, Restore, ScaleDown, WorkloadPolicy
from controller.reconciler import Reconciler
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from headstart.event_wiring import add_event_arguments, event_setting, events_out
from headstart.kafka_options import add_kafka_arguments
from headstart.process import run_until_stopped
from models.forecast import QUANTILES, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook
from tests.parts.world_server import DistantCluster

TICK_SECONDS, STEP_SECONDS, STEPS = 0.2, 0.5, 20
WORKLOADS = (WorkloadName("chat"), WorkloadName("code"))
PERIOD_SECONDS, MOST_PER_SECOND = 6.0, 6.0
TIMEOUT_SECONDS = 2.5


def per_second(workload: WorkloadName, at: float) -> float:
    """Return the demand: a wave, the second workload's half a period behind."""
    shift = WORKLOADS.index(workload) / 2
    wave = math.sin(2 * math.pi * (at / PERIOD_SECONDS + shift))
    return MOST_PER_SECOND * max(0.0, wave)


class Waves:
    """The outlooks of that demand, which know it exactly."""

    def latest(self, workload: WorkloadName) -> Outlook:
        """Return the outlook of now."""
        now = time.time()
        issued_at = now // STEP_SECONDS * STEP_SECONDS
        ends = issued_at + STEP_SECONDS * np.arange(1, STEPS + 1)
        values = np.array([per_second(workload, end) for end in ends])
        reading = DemandReading(
            measured_at=now, window_seconds=STEP_SECONDS, per_second=per_second(workload, now)
        )
        forecast = Forecast(
            workload=workload,
            issued_at=issued_at,
            step_seconds=STEP_SECONDS,
            quantiles=QUANTILES,
            values=np.repeat(values[:, None], len(QUANTILES), axis=1),
            basis="waves",
        )
        return Outlook(workload=workload, published_at=now, reading=reading, forecast=forecast)


def policies() -> tuple[WorkloadPolicy, ...]:
    """Return policies that start and release all the time."""
    return tuple(
        WorkloadPolicy(
            workload=name,
            demand_per_replica=1.0,
            mode=Mode.ACT,
            restore=Restore(timeout_seconds=TIMEOUT_SECONDS, cold_fallback=False),
            limits=Limits(max_replicas=8),
            scale_down=ScaleDown(hold_seconds=0.5, drain_seconds=0.3),
        )
        for name in WORKLOADS
    )


async def run(world_port: int, arguments: argparse.Namespace) -> None:
    """Work until ended."""
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        events = events_out(event_setting(arguments), stack, registry)
        known = policies()
        reconciler = Reconciler(
            Surroundings(
                cluster=events.witnessed(DistantCluster(world_port)),
                outlooks=Waves(),
                clock=time.time,
                luck=random.random,
            ),
            functools.partial(
                tick, policies=known, settings=TickSettings(tick_seconds=TICK_SECONDS)
            ),
            TickState(),
            {policy.workload: policy.mode for policy in known},
            LoopSettings(tick_seconds=TICK_SECONDS),
        )
        reconciler.subscribe(events.observe)
        await reconciler.run_forever()


def main() -> int:
    """Read the command line and work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("world_port", type=int)
    add_kafka_arguments(parser)
    add_event_arguments(parser)
    arguments = parser.parse_args()
    return run_until_stopped(run(arguments.world_port, arguments))


if __name__ == "__main__":
    sys.exit(main())
