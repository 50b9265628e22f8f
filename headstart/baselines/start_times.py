"""How long starts of baselines take in the simulated world: each attempt drawn anew."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from controller.environment import Environment, StartLatency
from controller.simulation_latency import host_latency_in_force

#: A start that has failed so often in a row fails always.
_MOST_ATTEMPTS = 1000
#: How many random numbers are drawn at once; a draw of one costs far more than its share.
DRAWN_AT_ONCE = 256
#: The latency in force at an instant.
_Latencies = Callable[[float], StartLatency]


def _host_latencies(environment: Environment, origin: float) -> _Latencies | None:
    """Return the latencies of host parts, None where restores have one stage."""
    parking = environment.parking
    if parking is None:
        return None
    return lambda now: host_latency_in_force(environment, parking, at_seconds=now - origin)


class StartTimes:
    """Seeded start latencies: lognormal, each failed or hung attempt followed by another."""

    def __init__(self, environment: Environment, *, origin: float) -> None:
        """Take latencies and seed; the environment's times count from ``origin``."""
        self._generator = np.random.default_rng(environment.seed)
        self._drawn: list[tuple[float, float, float]] = []
        changes = [c for c in environment.changes if c.restore is not None]
        self._changes = sorted((origin + c.at_seconds, c.restore) for c in changes if c.restore)
        self._first, self._host = environment.restore, _host_latencies(environment, origin)

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
        """Return when a replica started now will serve; infinite if no start seems to succeed."""
        if self._host is not None:
            # Nobody else parks: the GPU is taken from the beginning.
            started_at = self._over_at(started_at, self._host)
        return self._over_at(started_at, self._latency_at)

    def _over_at(self, began_at: float, latency_at: _Latencies) -> float:
        """Return when a start has succeeded, or a stage of one."""
        now = began_at
        for _ in range(_MOST_ATTEMPTS):
            latency = latency_at(now)
            normal, fate, fraction = self._draw()
            seconds = latency.median_seconds * float(np.exp(latency.sigma * normal))
            if fate < latency.failure_share:
                now += seconds * fraction
            elif fate < latency.failure_share + latency.hang_share:
                now += latency.timeout_seconds
            else:
                return now + seconds
        return math.inf
