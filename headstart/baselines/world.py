"""The world that baselines live in: what they can measure, and how long a start takes."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from controller.environment import Environment, StartLatency
from headstart.trial import Trial
from models.forecast import FloatArray

#: How many random numbers are drawn at once; a draw of one costs far more than its share.
DRAWN_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineReplica:
    """One replica that a baseline started; None where a time never came."""

    started_at: float
    ready_at: float | None
    released_at: float | None


class StartTimes:
    """Seeded start latencies: lognormal, each failed or hung attempt followed by another."""

    def __init__(self, environment: Environment, *, origin: float) -> None:
        """Take latencies and seed; the environment's times count from ``origin``."""
        self._generator = np.random.default_rng(environment.seed)
        self._drawn: list[tuple[float, float, float]] = []
        changes = [c for c in environment.changes if c.restore is not None]
        self._changes = sorted((origin + c.at_seconds, c.restore) for c in changes if c.restore)
        self._first = environment.restore

    def _latency_at(self, now: float) -> StartLatency:
        """Return the latency that is in force."""
        latency = self._first
        for at, changed in self._changes:
            if at <= now:
                latency = changed
        return latency

    def _draw(self) -> tuple[float, float, float]:
        """Return one normal and two uniform random numbers."""
        if not self._drawn:
            normal = self._generator.standard_normal(DRAWN_AT_ONCE).tolist()
            uniform = self._generator.random((2, DRAWN_AT_ONCE)).tolist()
            self._drawn = list(zip(normal, uniform[0], uniform[1], strict=True))
        return self._drawn.pop()

    def ready_at(self, started_at: float) -> float:
        """Return when a replica started now will serve."""
        now = started_at
        while True:
            latency = self._latency_at(now)
            normal, fate, fraction = self._draw()
            seconds = latency.median_seconds * float(np.exp(latency.sigma * normal))
            if fate < latency.failure_share:
                now += seconds * fraction
            elif fate < latency.failure_share + latency.hang_share:
                now += latency.timeout_seconds
            else:
                return now + seconds


class BaselineFleet:
    """Replicas of one baseline: those that restore, and those that are ready."""

    def __init__(self, start_times: StartTimes, *, most: int) -> None:
        """Begin without replicas; there is room for ``most``."""
        self._start_times = start_times
        self._most = most
        self._restoring: list[tuple[float, float]] = []
        self._ready: list[tuple[float, float]] = []
        self._gone: list[BaselineReplica] = []

    @property
    def ready(self) -> int:
        """How many replicas serve."""
        return len(self._ready)

    @property
    def count(self) -> int:
        """How many replicas there are, restoring ones included."""
        return len(self._ready) + len(self._restoring)

    def begin(self, count: int, now: float) -> None:
        """Have replicas ready at once, at the beginning."""
        self._ready = [(now, now)] * min(count, self._most)

    def advance(self, now: float) -> None:
        """Move time: restores end."""
        while self._restoring and self._restoring[0][0] <= now:
            ready_at, started_at = heapq.heappop(self._restoring)
            self._ready.append((started_at, ready_at))

    def scale_to(self, count: int, now: float) -> None:
        """Start what is missing; let go of those that restore first, then of the newest."""
        count = min(count, self._most)
        for _ in range(count - self.count):
            heapq.heappush(self._restoring, (self._start_times.ready_at(now), now))
        for _ in range(self.count - count):
            if self._restoring:
                last = max(self._restoring)
                self._restoring.remove(last)
                heapq.heapify(self._restoring)
                self._let_go(last[1], None, now)
            else:
                started_at, ready_at = self._ready.pop()
                self._let_go(started_at, ready_at, now)

    def _let_go(self, started_at: float, ready_at: float | None, now: float) -> None:
        self._gone.append(
            BaselineReplica(started_at=started_at, ready_at=ready_at, released_at=now)
        )

    def replicas(self) -> tuple[BaselineReplica, ...]:
        """Return every replica ever started."""
        staying = [
            BaselineReplica(started_at=started_at, ready_at=ready_at, released_at=None)
            for started_at, ready_at in self._ready
        ]
        coming = [
            BaselineReplica(started_at=started_at, ready_at=ready_at, released_at=None)
            for ready_at, started_at in self._restoring
        ]
        return (*self._gone, *staying, *coming)


def pool_size(trial: Trial, environment: Environment) -> int:
    """Return how many replicas the standby nodes can hold."""
    pool = environment.standby
    return pool.nodes * (pool.gpus_per_node // trial.gpus_per_replica)


def ticks(trial: Trial, every_seconds: float) -> FloatArray:
    """Return the instants of a control loop from the start of the scored part to its end."""
    count = int(np.ceil((trial.end - trial.start) / every_seconds))
    return np.asarray(trial.start + np.arange(count) * every_seconds, dtype=np.float64)


def measured_rates(
    trial: Trial, environment: Environment, instants: FloatArray, window_seconds: float
) -> FloatArray:
    """Return the demand per second that is measured at each instant; NaN without a measurement.

    It is the mean over the window that ended one metrics delay ago, of what of it is known.
    """
    values = trial.demand_per_second
    known = ~np.isnan(values)
    edges = trial.origin + np.arange(len(values) + 1) * trial.bin_seconds
    arrived = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values) * trial.bin_seconds)])
    seconds = np.concatenate([[0.0], np.cumsum(known * trial.bin_seconds)])
    last = instants - environment.metrics.delay_seconds
    first = last - window_seconds
    count = np.interp(last, edges, arrived) - np.interp(first, edges, arrived)
    span = np.interp(last, edges, seconds) - np.interp(first, edges, seconds)
    rates = np.divide(count, span, out=np.full(len(instants), np.nan), where=span > 1e-6)
    for outage in environment.metrics.outages:
        begin, end = trial.origin + outage.from_seconds, trial.origin + outage.to_seconds
        rates[(last >= begin) & (last < end)] = np.nan
    return np.asarray(rates)


def rate_at_start(trial: Trial, environment: Environment) -> float:
    """Return the demand per second of the minute measured at the start, else of the first bin."""
    rate = measured_rates(trial, environment, np.array([trial.start]), 60.0)[0]
    first = trial.rate_at(np.array([trial.start]))[0]
    return float(first if np.isnan(rate) else rate)
