"""What one step of forecasting costs: the online portfolio, the fitted experts, and a fit.

Run it with `python benchmarks/forecast_step.py`. Times are processor times of one thread's work,
so that a busy machine does not count.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks._traffic import START_EPOCH_SECONDS, requests
from models.fitted import Learned
from models.forecast import FloatArray
from models.horizons import HorizonGrid, grid_reaching
from models.learned import LearnedModels, fit_learned
from models.portfolio import Portfolio
from models.series import DemandSeries

_STEP_SECONDS = 10.0
_REACH_SECONDS = 900.0
#: A portfolio's windows of residuals, which cost the most, are full after 2,000 steps.
_WARMUP_STEPS = 2200
_ASKED = 100
_MEASURED_STEPS = {1: 2000, 10: 400, 100: 50}


def main() -> None:
    """Measure and print."""
    grid = grid_reaching(_REACH_SECONDS, step_seconds=_STEP_SECONDS)
    counts = requests(days=2, step_seconds=_STEP_SECONDS, seed=3)
    series = DemandSeries(
        start=START_EPOCH_SECONDS, step_seconds=_STEP_SECONDS, values=counts / _STEP_SECONDS
    )
    print(f"{len(grid)} horizons up to {_REACH_SECONDS:g} s, steps of {_STEP_SECONDS:g} s")
    for workloads in _MEASURED_STEPS:
        took = portfolio_microseconds(series.values, grid, workloads)
        print(
            f"  portfolio, {workloads:3d} workloads: {took:8.0f} µs a step, "
            f"{took / workloads:6.0f} µs a workload"
        )
    began = time.process_time()
    models = fit_learned(series, grid.steps, 7)
    print(f"  fit on {len(series.values):,} steps: {time.process_time() - began:.1f} s")
    began = time.process_time()
    for _ in range(_ASKED):
        models.predict_newest(series)
    took = (time.process_time() - began) / _ASKED * 1e6
    print(f"  fitted experts, of the newest origin: {took:8.0f} µs")
    for origins, rounds in ((64, 5), (4096, 1)):
        took = ask_microseconds(models, series, origins=origins, rounds=rounds)
        print(f"  fitted experts, {origins:4d} origins at once: {took:8.0f} µs an origin")


def portfolio_microseconds(demand: FloatArray, grid: HorizonGrid, workloads: int) -> float:
    """Return the mean time of a step with every expert awake, for several workloads at once."""
    portfolio = Portfolio(grid, step_seconds=_STEP_SECONDS, workloads=workloads)
    shape = (workloads, len(grid), portfolio.quantiles.shape[-1])
    measured = _MEASURED_STEPS[workloads]
    # Each workload lives at another hour, so that no two are the same.
    shifts = np.linspace(0, len(demand) // 2, workloads).astype(np.intp)
    began = 0.0
    for step in range(_WARMUP_STEPS + measured):
        if step == _WARMUP_STEPS:
            began = time.process_time()
        now = demand[step + shifts]
        learned = Learned(
            points=np.broadcast_to(now[:, None], shape[:2]),
            boosted=np.broadcast_to(now[:, None, None], shape),
            linear=np.broadcast_to(now[:, None, None], shape),
        )
        portfolio.advance(START_EPOCH_SECONDS + (step + 1) * _STEP_SECONDS, now, learned)
    return (time.process_time() - began) / measured * 1e6


def ask_microseconds(
    models: LearnedModels, series: DemandSeries, *, origins: int, rounds: int
) -> float:
    """Return the mean time that the fitted experts take for an origin, asked so many at once."""
    last = np.arange(len(series.values) - origins, len(series.values))
    began = time.process_time()
    for _ in range(rounds):
        models.predict(series, last)
    return (time.process_time() - began) / (rounds * origins) * 1e6


if __name__ == "__main__":
    main()
