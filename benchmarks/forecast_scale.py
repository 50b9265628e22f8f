"""How the forecasts of many workloads grow: time and memory of a tick, from 100 to 10,000 of them.

Run it with `python benchmarks/forecast_scale.py [--most N]`. Each size has a process of its own:
the online portfolio takes in one 10 s step of all workloads and forecasts 7 horizons x 5 quantiles
of each, while another process fits models all the time. Fitted models are not asked: what that
costs a workload, `benchmarks/forecast_step.py` says. Times are processor times of one thread, so
that a busy machine does not count; memory is the peak of both processes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Event

import numpy as np

from benchmarks._traffic import START_EPOCH_SECONDS, requests
from models.horizons import grid_of
from models.learned import fit_learned
from models.portfolio import Portfolio
from models.series import DemandSeries

GOAL_TICK_SECONDS = 3.0
GOAL_MIB = 1536.0
#: Of 100 times the workloads, a tick may take so many times as long.
GOAL_GROWTH = 120.0
_STEP_SECONDS = 10.0
_STEPS_AHEAD = (1, 2, 3, 6, 12, 18, 30)
_SIZES = (100, 1000, 10_000)
#: Workloads reckoned together: their arrays fit a processor's cache.
_TOGETHER = 500
_WARMUP_TICKS, _MEASURED_TICKS = 12, 10


def main() -> int:
    """Measure and print; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=_SIZES[-1], metavar="N")
    most = parser.parse_args().most
    print("| workloads | mean tick | longest tick | a workload | memory |")
    print("|---|---|---|---|---|", flush=True)
    found = []
    for size in [size for size in _SIZES if size < most] + [most]:
        mean, longest, mebibytes = measured(size)
        found.append((size, mean, longest, mebibytes))
        print(
            f"| {size:,} | {mean * 1e3:,.0f} ms | {longest * 1e3:,.0f} ms "
            f"| {mean / size * 1e6:,.0f} µs | {mebibytes:,.0f} MiB |",
            flush=True,
        )
    growth = found[-1][1] / found[0][1] / (found[-1][0] / found[0][0]) * 100.0
    is_met = found[-1][2] <= GOAL_TICK_SECONDS and found[-1][3] <= GOAL_MIB
    is_met = is_met and growth <= GOAL_GROWTH
    print(f"\n100 times the workloads take {growth:.0f} times as long (goal: {GOAL_GROWTH:.0f})")
    print(f"goal of {GOAL_TICK_SECONDS:g} s and {GOAL_MIB:g} MiB {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1


def measured(workloads: int) -> tuple[float, float, float]:
    """Return the mean and the longest tick in seconds, and the peak memory in MiB."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    fitter = context.Process(target=fit_until, args=(stop,), daemon=True)
    fitter.start()
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            mean, longest, mebibytes = pool.submit(ticks, workloads).result()
    finally:
        stop.set()
        fitter.join()
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return mean, longest, mebibytes + children


def fit_until(stop: Event) -> None:
    """Fit models of one workload after another until told to stop."""
    counts = requests(days=1, step_seconds=_STEP_SECONDS, seed=3)
    series = DemandSeries(
        start=START_EPOCH_SECONDS, step_seconds=_STEP_SECONDS, values=counts / _STEP_SECONDS
    )
    while not stop.is_set():
        fit_learned(series, np.asarray(_STEPS_AHEAD), 7)


def ticks(workloads: int) -> tuple[float, float, float]:
    """Play ticks; return the mean and the longest in seconds, and the peak memory in MiB."""
    sizes = [_TOGETHER] * (workloads // _TOGETHER)
    sizes += [workloads % _TOGETHER] if workloads % _TOGETHER else []
    grid = grid_of(_STEPS_AHEAD)
    groups = [Portfolio(grid, step_seconds=_STEP_SECONDS, workloads=size) for size in sizes]
    generator = np.random.default_rng(5)
    mean = generator.gamma(2.0, 5.0, workloads)
    took = []
    for tick in range(_WARMUP_TICKS + _MEASURED_TICKS):
        demand = generator.poisson(mean * _STEP_SECONDS) / _STEP_SECONDS
        parts = np.split(demand, np.cumsum(sizes)[:-1])
        end = START_EPOCH_SECONDS + (tick + 1) * _STEP_SECONDS
        began = time.process_time()
        for group, part in zip(groups, parts, strict=True):
            group.advance(end, part)
        took.append(time.process_time() - began)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return float(np.mean(took[_WARMUP_TICKS:])), max(took[_WARMUP_TICKS:]), held


if __name__ == "__main__":
    sys.exit(main())
