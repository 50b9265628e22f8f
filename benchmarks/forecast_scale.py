"""How forecasts and plans of many workloads grow: time and memory of a tick, from 100 to 10,000.

Run it with `python benchmarks/forecast_scale.py [--most N]`. Each size has a process of its own:
the live forecaster takes in one 10 s step of all workloads and forecasts 7 horizons x 5 quantiles
of each, and the controller plans them all, while another process fits models all the time. Fitted
models are not asked: what that costs a workload, `benchmarks/forecast_step.py` says. Times are
processor times of one thread, so that a busy machine does not count; memory is the peak of both
processes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

import numpy as np

from benchmarks._traffic import START_EPOCH_SECONDS, requests
from controller.environment import Environment, StandbyNodes
from controller.errors import ActionRefusedError
from controller.policy import Mode, WorkloadPolicy
from controller.simulation import SimulatedWorld
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from headstart.garbage import look_seldom
from headstart.live_forecaster import LiveForecaster
from models.forecast import FloatArray, Forecast, WorkloadName
from models.learned import fit_learned
from models.outlook import DemandReading, Outlook
from models.series import DemandSeries
from predictor.fitting import FitPool
from predictor.worker_process import end_with_parent, worker_pool

GOAL_TICK_SECONDS = 3.0
GOAL_MIB = 1536.0
#: Of 100 times the workloads, a tick may take so many times as long.
GOAL_GROWTH = 120.0
_STEP_SECONDS = 10.0
#: With steps of 10 s: 1, 2, 3, 6, 12, 18 and 30 of them ahead.
_REACH_SECONDS = 300.0
_SIZES = (100, 1000, 10_000)
_WARMUP_TICKS, _MEASURED_TICKS = 12, 10
#: Each workload needs one to four replicas or so.
_PER_REPLICA, _GPUS_PER_WORKLOAD, _GPUS_PER_NODE = 5.0, 6, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Means of a tick's processor seconds, and the longest; and the peak memory in MiB."""

    forecast_seconds: float
    plan_seconds: float
    longest_seconds: float
    mebibytes: float

    @property
    def tick_seconds(self) -> float:
        """How long a tick takes."""
        return self.forecast_seconds + self.plan_seconds


def main() -> int:
    """Measure and print; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=_SIZES[-1], metavar="N")
    most = parser.parse_args().most
    print("| workloads | forecasts | plans | longest tick | a workload | memory |")
    print("|---|---|---|---|---|---|", flush=True)
    found = []
    for size in [size for size in _SIZES if size < most] + [most]:
        one = measured(size)
        found.append((size, one))
        print(
            f"| {size:,} | {one.forecast_seconds * 1e3:,.0f} ms | {one.plan_seconds * 1e3:,.0f} ms "
            f"| {one.longest_seconds * 1e3:,.0f} ms | {one.tick_seconds / size * 1e6:,.0f} µs "
            f"| {one.mebibytes:,.0f} MiB |",
            flush=True,
        )
    (few, first), (many, last) = found[0], found[-1]
    growth = last.tick_seconds / first.tick_seconds / (many / few) * 100.0
    is_met = last.longest_seconds <= GOAL_TICK_SECONDS and last.mebibytes <= GOAL_MIB
    is_met = is_met and growth <= GOAL_GROWTH
    print(f"\n100 times the workloads take {growth:.0f} times as long (goal: {GOAL_GROWTH:.0f})")
    print(f"goal of {GOAL_TICK_SECONDS:g} s and {GOAL_MIB:g} MiB {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1


def measured(workloads: int) -> Measured:
    """Return what ticks of so many workloads take, while models are fitted beside them."""
    context = multiprocessing.get_context("spawn")
    stop, fitter_mebibytes = context.Event(), context.Value("d")
    fitter = context.Process(target=fit_until, args=(stop, fitter_mebibytes), daemon=True)
    fitter.start()
    try:
        with worker_pool(1) as pool:
            took, mebibytes = pool.submit(ticks, workloads).result()
    finally:
        stop.set()
        fitter.join()
    forecasts, plans = took.mean(axis=0)
    return Measured(
        forecast_seconds=forecasts,
        plan_seconds=plans,
        longest_seconds=float(took.sum(axis=1).max()),
        mebibytes=mebibytes + fitter_mebibytes.value,
    )


def fit_until(stop: Event, mebibytes: Synchronized[float]) -> None:
    """Fit models of one workload after another until told to stop; then say the peak memory."""
    end_with_parent()
    counts = requests(days=1, step_seconds=_STEP_SECONDS, seed=3)
    series = DemandSeries(
        start=START_EPOCH_SECONDS, step_seconds=_STEP_SECONDS, values=counts / _STEP_SECONDS
    )
    while not stop.is_set():
        fit_learned(series, np.asarray((1, 2, 3, 6, 12, 18, 30)), 7)
    mebibytes.value = peak_mebibytes()


def peak_mebibytes() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ticks(workloads: int) -> tuple[FloatArray, float]:
    """Play ticks; return the seconds of each one's forecasts and plans, and the peak MiB."""
    look_seldom()
    names = [WorkloadName(f"w{number:05d}") for number in range(workloads)]
    forecaster = LiveForecaster(
        FitPool(max_workers=1), reach_seconds=_REACH_SECONDS, tick_seconds=_STEP_SECONDS
    )
    planning = Planning(names)
    took = []
    for now, demand in played(workloads):
        began = time.process_time()
        for name, per_second in zip(names, demand, strict=True):
            step = DemandSeries(
                start=now - _STEP_SECONDS, step_seconds=_STEP_SECONDS, values=per_second
            )
            forecaster.extend(name, step)
        forecasts = forecaster.forecast(names)
        took.append((time.process_time() - began, planning.plan(forecasts, demand, now)))
    return np.array(took[_WARMUP_TICKS:]), peak_mebibytes()


def played(workloads: int) -> Iterator[tuple[float, FloatArray]]:
    """Yield the time of each tick and the demand before it, [workloads, 1]."""
    generator = np.random.default_rng(5)
    mean = generator.gamma(2.0, 5.0, (workloads, 1))
    for number in range(1, _WARMUP_TICKS + _MEASURED_TICKS + 1):
        demand = generator.poisson(mean * _STEP_SECONDS) / _STEP_SECONDS
        yield START_EPOCH_SECONDS + number * _STEP_SECONDS, demand


class Planning:
    """The controller's part, on a simulated cluster whose own time is not counted."""

    def __init__(self, names: list[WorkloadName]) -> None:
        """Begin with two ready replicas each."""
        self._policies = [
            WorkloadPolicy(workload=name, demand_per_replica=_PER_REPLICA, mode=Mode.ACT)
            for name in names
        ]
        nodes = -(-len(names) * _GPUS_PER_WORKLOAD // _GPUS_PER_NODE)
        standby = StandbyNodes(nodes=nodes, gpus_per_node=_GPUS_PER_NODE)
        self._world = SimulatedWorld(Environment(standby=standby), float(START_EPOCH_SECONDS))
        for name in names:
            self._world.begin_ready(name, 2, float(START_EPOCH_SECONDS))
        self._settings, self._state = TickSettings(tick_seconds=_STEP_SECONDS), TickState()

    def plan(
        self,
        forecasts: Mapping[WorkloadName, Forecast],
        demand: FloatArray,
        now: float,
    ) -> float:
        """Plan and act; return the processor seconds of the plans."""
        self._world.advance(now)
        fleet = self._world.fleet()
        outlooks = {
            policy.workload: Outlook(
                workload=policy.workload,
                published_at=now,
                reading=DemandReading(
                    measured_at=now, window_seconds=_STEP_SECONDS, per_second=float(per_second)
                ),
                forecast=forecasts.get(policy.workload),
            )
            for policy, [per_second] in zip(self._policies, demand, strict=True)
        }
        began = time.process_time()
        result = tick(
            fleet, outlooks, self._state, now, policies=self._policies, settings=self._settings
        )
        took = time.process_time() - began
        self._state = result.state
        for action in result.actions:
            try:
                self._world.apply(action)
            except ActionRefusedError:
                continue
        return took


if __name__ == "__main__":
    sys.exit(main())
