"""How fast `headstart replay` plays two weeks at 10 s steps, forecasts included, and its memory.

Run it with `python benchmarks/replay_speed.py`. The memory is the sum of every process's own
peak: more than was ever held at once, pages that they share counted again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._process_memory import peak_by_process
from benchmarks._traffic import requests, write_trace

GOAL_TIMES_REAL_TIME = 5000.0
GOAL_MIB = 500.0
_STEP_SECONDS = 10.0
_LOOK_SECONDS = 0.2


def main() -> int:
    """Measure and print; 1 if the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=14.0)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.csv"
        counts = requests(days=arguments.days, step_seconds=_STEP_SECONDS, seed=arguments.seed)
        write_trace(trace, counts, step_seconds=_STEP_SECONDS)
        wall_seconds, peaks = measure(trace, Path(folder) / "out")
    times = arguments.days * 86400.0 / wall_seconds
    mebibytes = sum(peaks.values()) / 2**20
    is_met = times >= GOAL_TIMES_REAL_TIME and mebibytes < GOAL_MIB
    print(f"replay of {arguments.days:g} days at {_STEP_SECONDS:g} s, forecasts included")
    print(f"  {times:,.0f} x real time (goal: at least {GOAL_TIMES_REAL_TIME:,.0f})")
    print(f"  {wall_seconds:.1f} s of wall time, start and report included")
    each = " + ".join(f"{peak / 2**20:.0f}" for peak in sorted(peaks.values(), reverse=True))
    print(f"  {mebibytes:.0f} MiB in {len(peaks)} processes: {each} (goal: below {GOAL_MIB:g})")
    print(f"  goal {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1


def measure(trace: Path, out: Path) -> tuple[float, dict[int, int]]:
    """Return the wall seconds of a replay and each process's peak in bytes."""
    words = [sys.executable, "-m", "headstart", "replay", str(trace), "--out", str(out), "--json"]
    peaks: dict[int, int] = {}
    began = time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peaks = peak_by_process(process.pid, peaks)
            try:
                process.wait(timeout=_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode:
        raise SystemExit(f"headstart replay ended with {process.returncode}")
    return time.monotonic() - began, peaks


if __name__ == "__main__":
    sys.exit(main())
