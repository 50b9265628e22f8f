"""What would have happened: the live loop's own tick on a trace, in virtual time.

At no time does the loop see beyond now: readings are late by the metrics' delay, forecasts are
made of the steps known so far (demand inside one is even, so its first ten seconds tell it), and a
changed future leaves everything before it as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from controller.cluster_view import Fleet
from controller.environment import Environment
from controller.errors import ActionRefusedError
from controller.plan import Plan
from controller.policy import Mode, WorkloadPolicy
from controller.simulation import SimulatedWorld
from controller.simulation_records import ReplicaRecord
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState
from headstart.demand_track import DemandTrack
from headstart.forecast_feed import Forecasts
from headstart.plan_log import PlanLog
from headstart.scenario import TICK_SECONDS, Scenario, forecast_feed
from models.forecast import Forecast
from models.outlook import Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTick:
    """One tick as an observer sees it; ``now`` in seconds since the trace's start."""

    now: float
    plan: Plan
    events: tuple[str, ...]
    fleet: Fleet
    forecast: Forecast | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplayResult:
    """A finished replay; times in seconds since the trace's start."""

    records: tuple[ReplicaRecord, ...]
    plans: PlanLog
    start: float
    end: float
    state: TickState


Observer = Callable[[ReplayTick], None]


def replay(
    scenario: Scenario, observer: Observer | None = None, forecasts: Forecasts | None = None
) -> ReplayResult:
    """Play a scenario, with its own forecasts unless others are given; return what came of it."""
    acting = replace(scenario, policy=_acting(scenario.policy))
    if forecasts is not None:
        return _Run(acting, scenario.track(), forecasts).play(observer)
    with forecast_feed(scenario) as own:
        return _Run(acting, scenario.track(), own).play(observer)


def _acting(policy: WorkloadPolicy) -> WorkloadPolicy:
    """Return the policy as a replay carries it out.

    It asks what acting would have done, whatever the mode is today. And it drains in no time:
    demand here is a fluid, so a replica let go has nothing under way.
    """
    scale_down = replace(policy.scale_down, drain_seconds=0.0)
    return replace(policy, mode=Mode.ACT, scale_down=scale_down)


class _Run:
    """One replay under way."""

    def __init__(self, scenario: Scenario, track: DemandTrack, forecasts: Forecasts) -> None:
        self._scenario, self._track, self._forecasts = scenario, track, forecasts
        self._world = SimulatedWorld(scenario.environment, scenario.origin)
        self._settings = _settings(scenario.environment)
        self._state = TickState()
        self._start = scenario.origin + scenario.warmup_seconds

    def play(self, observer: Observer | None) -> ReplayResult:
        """Tick from the scored part's start to the trace's end."""
        self._begin(self._start)
        origin = self._scenario.origin
        count = int(np.ceil((self._track.end - self._start) / TICK_SECONDS - 1e-9))
        log = PlanLog.sized(count)
        for number in range(count):
            now = self._start + number * TICK_SECONDS
            result = self._step(now)
            log.add(now - origin, result.plans[0])
            if observer is not None:
                observer(self._seen(now, result))
        self._world.advance(self._track.end)
        return ReplayResult(
            records=tuple(_since(record, origin) for record in self._world.records()),
            plans=log,
            start=self._start - origin,
            end=self._track.end - origin,
            state=self._state,
        )

    def _begin(self, at: float) -> None:
        """Have the replicas that the first plan asks for ready, and its other workers parked."""
        policy = self._scenario.policy
        self._world.advance(at)
        state = self._state
        first = self._tick(at).plans[0]
        gpus = policy.standby.gpus_per_replica
        self._world.begin_ready(policy.workload, first.target, at, gpus)
        if first.parking is not None:
            spare = first.parking.target - first.target
            self._world.begin_parked(policy.workload, spare, at, gpus)
        self._state = state

    def _step(self, now: float) -> TickResult:
        self._world.advance(now)
        result = self._tick(now)
        self._state = result.state
        for action in result.actions:
            try:
                self._world.apply(action)
            except ActionRefusedError:
                continue  # the next tick plans anew
        return result

    def _tick(self, now: float) -> TickResult:
        name = self._scenario.policy.workload
        outlook = Outlook(
            workload=name,
            published_at=now,
            reading=self._track.reading(now, TICK_SECONDS),
            forecast=self._forecasts.at(now),
        )
        return tick(
            self._world.fleet(),
            {name: outlook},
            self._state,
            now,
            policies=(self._scenario.policy,),
            settings=self._settings,
        )

    def _seen(self, now: float, result: TickResult) -> ReplayTick:
        return ReplayTick(
            now=now - self._scenario.origin,
            plan=result.plans[0],
            events=result.events,
            fleet=self._world.fleet(),
            forecast=self._forecasts.at(now),
        )


def _settings(environment: Environment) -> TickSettings:
    """Return the settings of a replay; of a loop that does not learn with the times it believes.

    Those are what 95 % of the world's first restores take, or host and device parts.
    """
    if environment.learning:
        return TickSettings(tick_seconds=TICK_SECONDS)
    restore, parking = environment.restore, environment.parking
    return TickSettings(
        tick_seconds=TICK_SECONDS,
        fixed_lead_time_seconds=_believed(restore.median_seconds, restore.sigma),
        fixed_parking_seconds=(
            None if parking is None else _believed(parking.median_seconds, parking.sigma)
        ),
    )


def _believed(median_seconds: float, sigma: float) -> float:
    return float(median_seconds * np.exp(1.645 * sigma))


def _since(record: ReplicaRecord, origin: float) -> ReplicaRecord:
    """Return a record with times counted from the trace's start."""
    return replace(
        record,
        decided_at=record.decided_at - origin,
        started_at=_counted(record.started_at, origin),
        ready_at=_counted(record.ready_at, origin),
        released_at=_counted(record.released_at, origin),
        parked_at=_counted(record.parked_at, origin),
    )


def _counted(instant: float | None, origin: float) -> float | None:
    return None if instant is None else instant - origin
