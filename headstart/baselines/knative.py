"""Knative's pod autoscaler as its documentation describes it.

Source: knative.dev, "Autoscaling" (stable and panic windows, scale rates). The metric is
requests per second, averaged over both windows. Its default, concurrency, counts queued requests
too and so asks for more replicas after each delay. It never goes to zero here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from controller.environment import Environment
from headstart.baselines.world import (
    BaselineFleet,
    BaselineReplica,
    measured_rates,
    rate_at_start,
    ticks,
)
from headstart.trial import Trial

#: From this length on the loop ticks more slowly, so that two weeks take seconds.
LONG_TRIAL_SECONDS = 2 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnativeSettings:
    """The documented defaults."""

    target_utilization: float = 0.7
    tick_seconds: float = 2.0
    long_tick_seconds: float = 10.0
    stable_window_seconds: float = 60.0
    panic_window_seconds: float = 6.0
    panic_threshold: float = 2.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    min_replicas: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Panic:
    """Since when demand was last over the threshold, and the most replicas asked for since."""

    last_over_at: float
    most: int


def recommend(
    *,
    now: float,
    stable: int,
    burst: int,
    ready: int,
    panic: Panic | None,
    settings: KnativeSettings,
) -> tuple[int, Panic | None]:
    """Return the desired replicas, and whether and how the autoscaler panics afterwards.

    ``stable`` and ``burst`` are the replicas that the means of the two windows need.
    """
    base = max(ready, 1)
    ceiling = math.ceil(settings.max_scale_up_rate * base)
    bottom = math.floor(base / settings.max_scale_down_rate)
    stable = min(max(stable, bottom), ceiling)
    limited = min(max(burst, bottom), ceiling)
    if burst / base >= settings.panic_threshold:
        panic = Panic(last_over_at=now, most=panic.most if panic else 0)
    elif panic and panic.last_over_at + settings.stable_window_seconds < now:
        panic = None
    if panic is None:
        return stable, None
    # In panic it never scales down.
    most = max(stable, limited, panic.most)
    return most, Panic(last_over_at=panic.last_over_at, most=most)


def play_knative(
    trial: Trial, environment: Environment, settings: KnativeSettings | None = None
) -> tuple[BaselineReplica, ...]:
    """Return the replicas that the autoscaler starts, from steady ones at the start."""
    settings = settings or KnativeSettings()
    is_long = trial.end - trial.start >= LONG_TRIAL_SECONDS
    every = settings.long_tick_seconds if is_long else settings.tick_seconds
    instants = ticks(trial, every)
    stable = measured_rates(trial, environment, instants, settings.stable_window_seconds)
    burst = measured_rates(trial, environment, instants, settings.panic_window_seconds)
    per_replica = settings.target_utilization * trial.capacity_per_replica

    def needed(rate: float) -> int:
        return math.ceil(rate / per_replica - 1e-9)

    fleet = BaselineFleet(trial, environment)
    steady = needed(rate_at_start(trial, environment))
    fleet.begin(max(settings.min_replicas, steady), trial.start)
    panic: Panic | None = None
    for now, slow, fast in zip(instants.tolist(), stable.tolist(), burst.tolist(), strict=True):
        fleet.advance(now)
        if slow != slow or fast != fast:
            # Metrics that are missing change nothing.
            continue
        wanted, panic = recommend(
            now=now,
            stable=needed(slow),
            burst=needed(fast),
            ready=fleet.ready,
            panic=panic,
            settings=settings,
        )
        fleet.scale_to(max(settings.min_replicas, wanted), now)
    return fleet.replicas()
