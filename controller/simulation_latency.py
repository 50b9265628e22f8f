"""How long one simulated start takes, and how it ends.

A draw depends on the seed, the start's ordinal and the latencies in force when it was decided,
and on nothing else: what comes later can't change it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from controller.cluster_view import StartKind
from controller.environment import Environment, Parking, StartLatency


class StartEnd(StrEnum):
    """How a start ends if it is left alone."""

    READY = "ready"
    FAILED = "failed"
    HUNG = "hung"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartDraw:
    """How one start will end, and after how many seconds; infinite if it hangs."""

    seconds: float
    end: StartEnd


def latency_in_force(
    environment: Environment, kind: StartKind, *, at_seconds: float
) -> StartLatency:
    """Return the latency for a start decided ``at_seconds`` after the world's origin.

    A change counts from its own instant on; of several, the latest wins.
    """
    is_cold = kind is StartKind.COLD
    latency = environment.cold_start if is_cold else environment.restore
    for change in sorted(environment.changes, key=lambda change: change.at_seconds):
        changed = change.cold_start if is_cold else change.restore
        if changed is not None and at_seconds >= change.at_seconds:
            latency = changed
    return latency


def host_latency_in_force(
    environment: Environment, parking: Parking, *, at_seconds: float
) -> StartLatency:
    """Return the latency of a host part: its own time, the failures and hangs of restores."""
    device = latency_in_force(environment, StartKind.RESTORE, at_seconds=at_seconds)
    for change in sorted(environment.changes, key=lambda change: change.at_seconds):
        if change.parking is not None and at_seconds >= change.at_seconds:
            parking = change.parking
    return replace(device, median_seconds=parking.median_seconds, sigma=parking.sigma)


def draw_start(latency: StartLatency, *, seed: int, ordinal: int) -> StartDraw:
    """Draw how the ``ordinal``-th start ends.

    Every start takes the same three draws whatever the shares are, so that two worlds with one
    seed differ only where their settings differ.
    """
    generator = np.random.default_rng((seed, ordinal))
    lot, fraction = generator.random(2)
    seconds = latency.median_seconds * math.exp(latency.sigma * generator.standard_normal())
    if lot < latency.hang_share:
        return StartDraw(seconds=math.inf, end=StartEnd.HUNG)
    if lot < latency.hang_share + latency.failure_share:
        return StartDraw(seconds=seconds * float(fraction), end=StartEnd.FAILED)
    return StartDraw(seconds=seconds, end=StartEnd.READY)
