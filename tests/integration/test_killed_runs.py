"""A run that is killed leaves no process computing: nobody else would end those."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

#: Each prints the processes that it has beside it, and goes on for minutes.
FITS = """
import os, time
from headstart.forecast_track import fit_pool
pool = fit_pool(1)
print(pool.submit(os.getpid).result(), flush=True)
pool.submit(time.sleep, 600)
time.sleep(600)
"""
FITS_OF_A_SERVICE = """
import os, time
from predictor.fitting import FitPool
pool = FitPool(max_workers=1)
pool.submit("chat", os.getpid)
while not (fits := pool.collect()):
    time.sleep(0.01)
pool.submit("chat", time.sleep, 600)
print(fits[0].result, flush=True)
time.sleep(600)
"""
FORECASTS = """
import multiprocessing, time
import numpy as np
from functools import partial
from headstart.forecast_blocks import blocks_ahead
from headstart.forecast_track import fit_pool
from models.horizons import grid_of
from models.series import DemandSeries
demand = np.random.default_rng(5).gamma(9.0, 2.0, 200_000)
series = DemandSeries(start=1_700_000_000.0, step_seconds=10.0, values=demand)
with blocks_ahead(series, grid_of((1, 2, 6)), partial(fit_pool, 1)) as blocks:
    next(blocks)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    time.sleep(600)
"""


def is_computing(process: int) -> bool:
    """Say whether a process is there: one that has ended may wait for somebody to ask for it."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("run", [FITS, FITS_OF_A_SERVICE, FORECASTS])
def test_what_computes_for_a_killed_run_ends(run: str) -> None:
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        try:
            beside = [int(each) for each in killed.stdout.readline().split()]
            assert beside
            assert all(is_computing(each) for each in beside)
        finally:
            killed.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60.0
    while any(is_computing(each) for each in beside):
        assert time.monotonic() < deadline, f"{beside} still compute a minute after it was killed"
        time.sleep(0.1)
