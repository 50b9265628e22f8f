"""What a tick of the controller costs for 1, 20 and 200 workloads of about 30 replicas each.

And for 100, 1,000 and 10,000 workloads of 4 replicas each on twice as many nodes, which tells how
the time grows; then what placing 500 starts on 2,000 nodes costs.
Run it with `python benchmarks/tick_speed.py`. Demand rises and falls, so that ticks start and
release replicas too. The simulated cluster's own time is not counted; nor is a busy machine.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks._traffic import START_EPOCH_SECONDS
from controller.environment import Environment, StandbyNodes
from controller.errors import ActionRefusedError
from controller.pair_memory import PairMemory
from controller.placement import PlacementRequest, assign
from controller.policy import Mode, WorkloadPolicy
from controller.simulation import SimulatedWorld
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from headstart.garbage import look_seldom
from models.forecast import QUANTILES, FloatArray, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook

_TICK_SECONDS = 5.0
_STEPS_AHEAD = 90
_STEP_SECONDS = 10.0
_REPLICAS = 30
_CAPACITY = 4.0
_MEASURED_TICKS = {1: 2000, 20: 200, 200: 30}
_MANY_NODES, _FEW_REPLICAS = 2000, 4
_MANY_TICKS = {100: 100, 1000: 10, 10_000: 4}
_STARTS, _PLACEMENTS = 500, 10
_WARMUP_TICKS = 10


def main() -> None:
    """Measure and print."""
    look_seldom()
    for workloads, ticks in _MEASURED_TICKS.items():
        show(measure(workloads, ticks), workloads, ticks)
    for workloads, ticks in _MANY_TICKS.items():
        many = measure(workloads, ticks, replicas=_FEW_REPLICAS, nodes=2 * workloads)
        show(many, workloads, ticks)
    print(f"placing {_STARTS} starts on {_MANY_NODES} nodes: {placing():.0f} µs")


def show(measured: tuple[float, int, int], workloads: int, ticks: int) -> None:
    """Print one measurement."""
    took, replicas, actions = measured
    print(
        f"{workloads:5d} workloads, {replicas:5d} replicas: {took:8.0f} µs a tick, "
        f"{took / workloads:5.0f} µs a workload, {actions / ticks:.2f} actions a tick"
    )


def placing() -> float:
    """Return the least µs that it takes to place many starts at once, two GPUs each node."""
    start = float(START_EPOCH_SECONDS)
    standby = StandbyNodes(nodes=_MANY_NODES, gpus_per_node=2)
    fleet = SimulatedWorld(Environment(standby=standby), start).fleet()
    requests = tuple(
        PlacementRequest(workload=WorkloadName(f"chat-{number:03d}"), count=2)
        for number in range(_STARTS // 2)
    )
    best = float("inf")
    for _ in range(_PLACEMENTS):
        began = time.process_time()
        assert len(assign(requests, fleet, PairMemory())) == _STARTS
        best = min(best, time.process_time() - began)
    return best * 1e6


def measure(
    workloads: int, ticks: int, *, replicas: int = _REPLICAS, nodes: int | None = None
) -> tuple[float, int, int]:
    """Return the mean µs of a tick, the replicas at its end, and how many actions there were."""
    start = float(START_EPOCH_SECONDS)
    policies = [a_policy(number) for number in range(workloads)]
    gpus = 8 if nodes is not None else 1
    standby = StandbyNodes(nodes=nodes or workloads * replicas * 2, gpus_per_node=gpus)
    world = SimulatedWorld(Environment(standby=standby), start)
    for policy in policies:
        world.begin_ready(policy.workload, replicas, start)
    settings, state = TickSettings(tick_seconds=_TICK_SECONDS), TickState()
    spent, actions = 0.0, 0
    for number in range(_WARMUP_TICKS + ticks):
        now = start + number * _TICK_SECONDS
        world.advance(now)
        fleet = world.fleet()
        outlooks = {
            policy.workload: outlook(policy.workload, now, phase, replicas)
            for phase, policy in enumerate(policies)
        }
        began = time.process_time()
        result = tick(fleet, outlooks, state, now, policies=policies, settings=settings)
        if number >= _WARMUP_TICKS:
            spent += time.process_time() - began
            actions += len(result.actions)
        state = result.state
        for action in result.actions:
            try:
                world.apply(action)
            except ActionRefusedError:
                continue
    return spent / ticks * 1e6, len(world.fleet().replicas), actions


def a_policy(number: int) -> WorkloadPolicy:
    """Return the policy of one workload."""
    name = WorkloadName(f"chat-{number:03d}")
    return WorkloadPolicy(workload=name, demand_per_replica=_CAPACITY, mode=Mode.ACT)


def outlook(workload: WorkloadName, now: float, phase: int, replicas: int) -> Outlook:
    """Return a reading and a forecast of demand that swings by a fifth within the hour."""
    issued_at = now - now % _STEP_SECONDS
    ends: FloatArray = issued_at + _STEP_SECONDS * np.arange(1.0, _STEPS_AHEAD + 1)
    middle = _demand(ends, phase, replicas)[:, None]
    return Outlook(
        workload=workload,
        published_at=now,
        reading=DemandReading(
            measured_at=now - _TICK_SECONDS,
            window_seconds=_TICK_SECONDS,
            per_second=float(_demand(np.asarray([now]), phase, replicas)[0]),
        ),
        forecast=Forecast(
            workload=workload,
            issued_at=issued_at,
            step_seconds=_STEP_SECONDS,
            quantiles=QUANTILES,
            values=middle * np.linspace(1.0, 1.3, len(QUANTILES)),
            basis="benchmark",
        ),
    )


def _demand(times: FloatArray, phase: int, replicas: int) -> FloatArray:
    mean = 0.8 * replicas * _CAPACITY
    return np.asarray(mean * (1.0 + 0.2 * np.sin(2 * np.pi * times / 3600.0 + phase)))


if __name__ == "__main__":
    main()
