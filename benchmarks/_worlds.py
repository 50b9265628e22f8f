"""Worlds in which something is wrong, each made of a trace and the environment it is played in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from controller.environment import Change, Environment, Metrics, Outage, StandbyNodes
from headstart.demand_track import SHORTEST_STEP_SECONDS
from headstart.forecast_feed import Forecasts
from headstart.scenario import Scenario, forecast_feed
from headstart.traces import Trace, default_warmup
from models.forecast import QUANTILES, FloatArray, Forecast

_HOUR, _DAY = 3600.0, 86400.0
_DELAY_SECONDS = 20.0
_FAILURE_SHARE, _HANG_SHARE = 0.1, 0.05
_TIMES_SLOWER, _TIMES_MORE = 3.0, 10.0
_RAMP_SECONDS = 60.0
#: Room for ten times the demand of a trace whose peak takes twenty replicas.
_MANY_NODES = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """What is played: ``is_same_demand`` if the trace is as it was, ``is_noise`` without forecast.

    Demand that was measured differs too where metrics are lost: forecasts are then made anew.
    """

    name: str
    trace: Trace
    environment: Environment
    is_same_demand: bool = True
    is_noise: bool = False


def worlds(trace: Trace, environment: Environment) -> Iterator[World]:
    """Yield the sound world and each faulty one.

    What lasts begins when a third of the scored part is over, and takes no more than a third.
    """
    warmup = default_warmup(trace)
    third = (trace.duration_seconds - warmup) / 3.0
    begin = warmup + third
    two_hours = begin + min(2.0 * _HOUR, third)
    restore = environment.restore

    def world(name: str, **changed: object) -> World:
        return World(name=name, trace=trace, environment=replace(environment, **changed))  # type: ignore[arg-type]

    slower = replace(restore, median_seconds=_TIMES_SLOWER * restore.median_seconds)
    late = Metrics(delay_seconds=_DELAY_SECONDS)
    lost = Metrics(outages=(Outage(from_seconds=begin, to_seconds=two_hours),))
    yield world("sound")
    yield world("metrics 20 s late", metrics=late)
    yield world("10 % of restores fail", restore=replace(restore, failure_share=_FAILURE_SHARE))
    yield world("5 % of restores hang", restore=replace(restore, hang_share=_HANG_SHARE))
    yield world(
        "restores 3 x slower for 2 h",
        changes=(
            Change(at_seconds=begin, restore=slower),
            Change(at_seconds=two_hours, restore=restore),
        ),
    )
    yield replace(world("noise for a forecast"), is_noise=True)
    yield replace(world("no metrics for 2 h", metrics=lost), is_same_demand=False)
    more = world("demand x 10 in a minute", standby=StandbyNodes(nodes=_MANY_NODES))
    until = begin + min(_HOUR / 2, third)
    yield _with_demand(more, lambda at: _surge(at, begin, until))
    stopped = begin + min(_DAY, third)
    yield _with_demand(
        world("no demand for a day"), lambda at: np.where((at < begin) | (at >= stopped), 1.0, 0.0)
    )


def _surge(at: FloatArray, begin: float, until: float) -> FloatArray:
    """Return by how much demand is multiplied: up within a minute, and down as quickly."""
    up = np.clip((at - begin) / _RAMP_SECONDS, 0.0, 1.0)
    down = np.clip((at - until) / _RAMP_SECONDS, 0.0, 1.0)
    return np.asarray(1.0 + (_TIMES_MORE - 1.0) * (up - down))


def _with_demand(world: World, times: Callable[[FloatArray], FloatArray]) -> World:
    """Return the world with demand multiplied by what ``times`` says of each bin's middle."""
    trace = world.trace
    middles = (np.arange(len(trace.requests)) + 0.5) * trace.bin_seconds
    changed = replace(trace, requests=trace.requests * times(np.asarray(middles)))
    return replace(world, trace=changed, is_same_demand=False)


def every_forecast(scenario: Scenario) -> tuple[Forecast, ...]:
    """Return every forecast of the scored part."""
    kept: list[Forecast] = []
    delay = scenario.environment.metrics.delay_seconds
    start = scenario.origin + scenario.warmup_seconds
    end = scenario.origin + len(scenario.requests) * scenario.bin_seconds
    with forecast_feed(scenario) as feed:
        for now in np.arange(start - 60.0, end + delay, 5.0).tolist():
            newest = feed.at(now)
            if newest is not None and (not kept or kept[-1] is not newest):
                kept.append(newest)
    return tuple(kept)


class NoiseForecasts:
    """Forecasts that know the usual demand, and nothing else: each value a lognormal draw."""

    def __init__(self, forecasts: Forecasts, *, usual_per_second: float, seed: int) -> None:
        """Take the place of ``forecasts``: issued as often, with as many steps."""
        self._forecasts, self._usual = forecasts, usual_per_second
        self._generator = np.random.default_rng(seed)
        self._newest: Forecast | None = None

    def at(self, now: float) -> Forecast | None:
        """Return noise in place of the forecast in force."""
        real = self._forecasts.at(now)
        if real is None:
            return None
        if self._newest is None or self._newest.issued_at != real.issued_at:
            draws = self._generator.standard_normal((len(real.values), len(QUANTILES)))
            values = np.sort(self._usual * np.exp(draws), axis=1)
            self._newest = replace(real, values=values, known_steps=0)
        return self._newest


class KeptForecasts:
    """Forecasts made once, for several worlds that differ in how late they are."""

    def __init__(self, kept: tuple[Forecast, ...], *, delay_seconds: float) -> None:
        """Take them in the order in which they were issued."""
        self._kept, self._delay = kept, delay_seconds
        # Of a step that is known to its end the beginning was measured.
        self._measured = [
            forecast.issued_at + (SHORTEST_STEP_SECONDS if forecast.known_steps else 0.0)
            for forecast in kept
        ]

    def at(self, now: float) -> Forecast | None:
        """Return the newest that is made of what was measured a delay ago."""
        count = int(np.searchsorted(self._measured, now - self._delay + 1e-6, side="right"))
        return self._kept[count - 1] if count else None
