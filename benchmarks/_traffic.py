"""Generated demand for the benchmarks: a day's cycle, a week's, bursts, a batch job, and noise.

The same seed gives the same demand, to the last request.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.forecast import FloatArray

#: 2026-03-02 00:00:00 UTC, a Monday.
START_EPOCH_SECONDS = 1_772_409_600
_DAY = 86400.0
_TRACE_SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz")


def requests(*, days: float, step_seconds: float, seed: int, mean: float = 20.0) -> FloatArray:
    """Return the requests of each step; ``mean`` is the usual demand per second."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(days * _DAY / step_seconds)) * step_seconds
    rate = mean * (1.0 + 0.6 * np.sin(2 * np.pi * (times / _DAY - 0.3)))
    rate *= np.where((times // _DAY) % 7 >= 5, 0.6, 1.0)
    rate += mean * 0.5 * (times % 3600.0 < 240.0)  # a job at every full hour
    for _ in range(round(4 * days)):
        begin, width = generator.uniform(0.0, days * _DAY), generator.uniform(60.0, 900.0)
        rate += mean * generator.uniform(0.3, 2.0) * np.exp(-(((times - begin) / width) ** 2))
    # Whole minutes that are busier or calmer than the cycles say.
    mood = generator.gamma(30.0, 1.0 / 30.0, size=len(times) // 6 + 1)
    arrivals = generator.poisson(rate * np.repeat(mood, 6)[: len(times)] * step_seconds)
    return np.asarray(arrivals, dtype=np.float64)


def write_trace(path: Path, counts: FloatArray, *, step_seconds: float) -> None:
    """Write a trace as ``headstart replay`` reads it."""
    with path.open("w") as file:
        file.write("timestamp,requests\n")
        for number, count in enumerate(counts):
            file.write(f"{START_EPOCH_SECONDS + number * step_seconds:.0f},{count:.0f}\n")


def generated(folder: Path, *, days: float) -> Path:
    """Write a trace of some days into a folder, in steps of 10 s, and return the folder."""
    counts = requests(days=days, step_seconds=10.0, seed=5)
    write_trace(folder / "generated.csv", counts, step_seconds=10.0)
    return folder


def trace_paths(folder: Path, only: str) -> list[Path]:
    """Return a folder's traces with ``only`` in their names, sorted."""
    found = sorted(folder.iterdir())
    return [path for path in found if path.name.endswith(_TRACE_SUFFIXES) and only in path.name]
