"""A run that is killed leaves no process computing: nobody else would end those."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

#: Each says so once it has processes beside it, and goes on for minutes.
FITS = """
import os, time
from headstart.forecast_track import fit_pool
pool = fit_pool(1)
pool.submit(os.getpid).result()
pool.submit(time.sleep, 600)
print("ready", flush=True)
time.sleep(600)
"""
FITS_OF_A_SERVICE = """
import os, time
from predictor.fitting import FitPool
pool = FitPool(max_workers=1)
pool.submit("chat", os.getpid)
while not pool.collect():
    time.sleep(0.01)
pool.submit("chat", time.sleep, 600)
print("ready", flush=True)
time.sleep(600)
"""
#: The process beside is busy before it sends anything, so that it is told by no pipe.
FORECASTS = """
import time
import numpy as np
from functools import partial
from headstart.forecast_blocks import blocks_ahead
from models.horizons import grid_of
from models.series import DemandSeries
series = DemandSeries(start=1_700_000_000.0, step_seconds=10.0, values=np.ones(10_000))
with blocks_ahead(series, grid_of((1, 2, 6)), partial(time.sleep, 600)):
    print("ready", flush=True)
    time.sleep(600)
"""


def parents() -> dict[int, int]:
    """Return the parent of every process that has not ended."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, parent = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


def descendants(process: int) -> set[int]:
    """Return the processes that a process began, and those that these began, and so on."""
    known, found = parents(), {process}
    while more := {child for child, parent in known.items() if parent in found} - found:
        found |= more
    return found - {process}


@pytest.mark.parametrize("run", [FITS, FITS_OF_A_SERVICE, FORECASTS])
def test_what_computes_for_a_killed_run_ends(run: str) -> None:
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        try:
            assert killed.stdout.readline() == "ready\n"
            beside = descendants(killed.pid)
        finally:
            killed.send_signal(signal.SIGKILL)
    # The one that computes, and one that looks after what processes share.
    assert len(beside) >= 2
    deadline = time.monotonic() + 60.0
    while (still := beside & parents().keys()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in still:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert not still, "they still computed a minute after what they computed for was killed"
