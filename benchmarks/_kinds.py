"""Ten kinds of generated demand, most of which a planner meets unprepared. Same seeds, same demand.

They are here to say how Headstart does on traffic that nobody tuned for, and to be left alone. Some
of its constants were chosen with them all the same, among other traces: how long replicas are held
at first (on hours cut from them), by how much the last calibration moves a quantile at most (on
nine of them, and seven with other seeds), how much of a jump in demand is provided for and how
much of one is taken for chance, after how many steps models are first fitted, into how many kinds
residuals are told apart (the last three on hours cut from them, too), at which share of the
misses allowed is aimed, and what a miss may cost.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks._traffic import write_trace
from models.forecast import FloatArray

_DAY = 86400.0
_HOUR = 3600.0
Generator = np.random.Generator
#: Demand per second at some times, in seconds.
Rate = Callable[[FloatArray, Generator], FloatArray]


def kinds(folder: Path) -> Path:
    """Write a trace of each kind into a folder, and return the folder."""
    for seed, (name, (days, step, rate)) in enumerate(_KINDS.items(), start=1):
        generator = np.random.default_rng(seed)
        times: FloatArray = step * np.arange(0.0, round(days * _DAY / step))
        expected = np.maximum(rate(times, generator), 0.0) * step
        counts = generator.poisson(expected).astype(np.float64)
        write_trace(folder / f"{name}.csv", counts, step_seconds=step)
    return folder


def _daily(times: FloatArray, *, swing: float) -> FloatArray:
    return 1.0 + swing * np.sin(2 * np.pi * (times / _DAY - 0.3))


def _moods(
    count: int, generator: Generator, *, steps: int, memory: float, sigma: float
) -> FloatArray:
    """Return factors that wander about 1 (in logarithms autoregressive), each for some steps."""
    noise = generator.normal(0.0, sigma, count // steps + 1)
    wander = np.array(list(itertools.accumulate(noise, lambda last, more: memory * last + more)))
    return np.asarray(np.exp(np.repeat(np.clip(wander, -2.0, 2.0), steps)[:count]))


def _office(times: FloatArray, generator: Generator) -> FloatArray:
    """Nothing at night, all of it at nine."""
    hour = times / _HOUR % 24
    moods = _moods(len(times), generator, steps=30, memory=0.9, sigma=0.05)
    return np.asarray(np.where((hour >= 9) & (hour < 17.5), 40.0, 0.0) * moods)


def _walk(times: FloatArray, generator: Generator) -> FloatArray:
    """A random walk: what is next is what is now."""
    return 20.0 * _moods(len(times), generator, steps=6, memory=1.0, sigma=0.06)


def _sparse(times: FloatArray, generator: Generator) -> FloatArray:
    """A request now and then, and sessions of minutes."""
    rate = np.full(len(times), 0.02)
    for _ in range(200):
        begin, length = generator.integers(len(times)), generator.integers(6, 120)
        rate[begin : begin + length] += generator.uniform(0.05, 0.6)
    return rate


def _hourly(times: FloatArray, generator: Generator) -> FloatArray:
    """Batches at every full hour, each of another size and length."""
    rate = np.full(len(times), 5.0)
    for hour in range(int(times[-1] / _HOUR) + 1):
        since = times - hour * _HOUR
        rate[(since >= 0) & (since < generator.uniform(120.0, 600.0))] += generator.uniform(20, 60)
    return rate


def _shift(times: FloatArray, generator: Generator) -> FloatArray:
    """Four times the demand for most of a day, and back."""
    moods = _moods(len(times), generator, steps=6, memory=0.8, sigma=0.1)
    is_high = (times > 1.6 * _DAY) & (times < 2.4 * _DAY)
    return np.asarray(np.where(is_high, 60.0, 15.0) * moods)


def _growth(times: FloatArray, _: Generator) -> FloatArray:
    """A day's cycle that grows tenfold within a week."""
    return (5.0 + 8.0 * times / _DAY) * _daily(times, swing=0.7)


def _crowds(times: FloatArray, generator: Generator) -> FloatArray:
    """Four crowds a day, at any time: there within a minute and a half, gone in half an hour."""
    rate = np.full(len(times), 10.0)
    for _ in range(round(4 * times[-1] / _DAY)):
        since = np.maximum(times - generator.uniform(0.0, times[-1]), 0.0)
        shape = np.minimum(since / 90.0, 1.0) * np.exp(-since / generator.uniform(400.0, 2400.0))
        rate += generator.uniform(15.0, 60.0) * shape
    return rate


def _large(times: FloatArray, generator: Generator) -> FloatArray:
    """A large service, counted every five minutes."""
    moods = _moods(len(times), generator, steps=1, memory=0.9, sigma=0.05)
    return 300.0 * _daily(times, swing=0.5) * moods


def _wild(times: FloatArray, generator: Generator) -> FloatArray:
    """Half minutes without any rule, a few of them ten times as busy as most (Pareto)."""
    heights = 1.2 * generator.pareto(3.0, len(times) // 30 + 1) + 0.4
    return 25.0 * np.repeat(heights, 30)[: len(times)]


def _swarm(times: FloatArray, _: Generator) -> FloatArray:
    """Agents that all come at every quarter of an hour, for three minutes."""
    return 8.0 + 30.0 * (times % 900.0 < 180.0) * _daily(times, swing=0.3)


#: Days, seconds a step, and the demand.
_KINDS: Mapping[str, tuple[float, float, Rate]] = {
    "office": (4.0, 10.0, _office),
    "walk": (2.0, 10.0, _walk),
    "sparse": (3.0, 10.0, _sparse),
    "hourly": (2.0, 10.0, _hourly),
    "shift": (3.0, 10.0, _shift),
    "growth": (7.0, 60.0, _growth),
    "crowds": (3.0, 10.0, _crowds),
    "large": (14.0, 300.0, _large),
    "wild": (0.5, 1.0, _wild),
    "swarm": (2.0, 10.0, _swarm),
}
