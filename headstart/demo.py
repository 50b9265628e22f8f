"""The demo: an hour of invented traffic through the live loop's own decisions, shown as it goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from controller.environment import Environment, StandbyNodes, StartLatency
from controller.policy import Limits, Mode, WorkloadPolicy
from headstart.demo_traffic import DATA_FILE, WARMUP_SECONDS
from headstart.display import Display, Moment, moment_lines
from headstart.fan_recorder import FanRecorder
from headstart.replay import ReplayTick
from headstart.report.content import Decision
from headstart.scenario import TICK_SECONDS, Scenario
from headstart.traces import read_trace
from models.forecast import WorkloadName

TITLE = "Headstart demo: an hour of chat traffic"
WARMUP_LINE = f"learning from the {WARMUP_SECONDS // 3600} hours of traffic before (about 10 s)"
#: As long as the played hour is made to last on a terminal.
PACED_SECONDS = 24.0
DEMAND_PER_REPLICA = 12.0


def demo_scenario() -> Scenario:
    """Return the bundled hour, with the history before it, and the world that it plays in.

    Restores take 45 s in the median, and one in twenty-five fails.
    """
    trace = read_trace(DATA_FILE)
    return Scenario(
        requests=trace.requests,
        bin_seconds=trace.bin_seconds,
        origin=trace.origin_epoch_seconds,
        policy=WorkloadPolicy(
            workload=WorkloadName("chat"),
            demand_per_replica=DEMAND_PER_REPLICA,
            mode=Mode.ACT,
            limits=Limits(min_replicas=2, max_replicas=30),
        ),
        environment=Environment(
            restore=StartLatency(median_seconds=45.0, failure_share=0.04),
            standby=StandbyNodes(nodes=30),
        ),
        warmup_seconds=float(WARMUP_SECONDS),
    )


@dataclass(slots=True, kw_only=True)
class RunningShare:
    """The share of requests served in time so far, followed tick by tick as a fluid queue.

    A sketch for the screen; the verdict at the end is exact.
    """

    capacity_per_replica: float
    wait_seconds: float
    queued: float = 0.0
    arrived: float = 0.0
    late: float = 0.0

    def add(self, *, demand_per_second: float, ready: int, seconds: float) -> float:
        """Take in one tick and return the share so far."""
        service = ready * self.capacity_per_replica
        arrived = demand_per_second * seconds
        self.queued = max(0.0, self.queued + arrived - service * seconds)
        self.arrived += arrived
        if self.queued >= service * self.wait_seconds and arrived > 0:
            self.late += arrived
        return 1.0 - self.late / self.arrived if self.arrived else 1.0


@dataclass(slots=True, kw_only=True)
class Player:
    """Observes a replay: shows each tick, paced if wanted, and keeps what the report needs.

    ``pause`` waits until a share of the run may be shown, and is all that knows a clock.
    """

    scenario: Scenario
    display: Display
    pause: Callable[[float], None]
    fan: FanRecorder = field(default_factory=FanRecorder)
    decisions: list[Decision] = field(default_factory=list)
    _share: RunningShare = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        policy = self.scenario.policy
        self._share = RunningShare(
            capacity_per_replica=policy.demand_per_replica,
            wait_seconds=policy.objective.wait_seconds,
        )

    def see(self, tick: ReplayTick) -> None:
        """Take in one tick."""
        self.fan.see(tick)
        moment = self._moment(tick)
        clock_width = len("00:00:00 ")
        self.decisions.extend(
            Decision(at=tick.now, text=line[clock_width:]) for line in moment_lines(moment)
        )
        self.pause(moment.progress or 0.0)
        self.display.show(moment)

    def _moment(self, tick: ReplayTick) -> Moment:
        scenario, plan = self.scenario, tick.plan
        length = len(scenario.requests) * scenario.bin_seconds
        place = min(int(tick.now / scenario.bin_seconds), len(scenario.requests) - 1)
        demand = float(np.nan_to_num(scenario.requests[place])) / scenario.bin_seconds
        peak, peak_in = _peak(tick)
        return Moment(
            at=scenario.origin + tick.now,
            plan=plan,
            capacity_per_replica=scenario.policy.demand_per_replica,
            progress=(tick.now - scenario.warmup_seconds) / (length - scenario.warmup_seconds),
            demand_per_second=demand,
            peak_per_second=peak,
            peak_in_seconds=peak_in,
            attained_share=self._share.add(
                demand_per_second=demand, ready=plan.ready, seconds=TICK_SECONDS
            ),
            objective=scenario.policy.objective.attainment,
            lines=tuple(_without_names(line, plan.workload) for line in tick.events),
        )


def _without_names(line: str, workload: str) -> str:
    """Return an event as somebody reads it who knows the only workload and no replica's name."""
    return re.sub(rf"{workload}-\d+-\d+", "a replica", line.removeprefix(f"{workload}: "))


def _peak(tick: ReplayTick) -> tuple[float | None, float | None]:
    """Return the highest demand ahead, at the quantile nearest to the plan's, and how far off."""
    forecast = tick.forecast
    if forecast is None:
        return None, None
    column = int(np.abs(np.array(forecast.quantiles) - tick.plan.quantile_level).argmin())
    step = int(forecast.values[:, column].argmax())
    ends_at = forecast.issued_at + (step + 1) * forecast.step_seconds
    return float(forecast.values[step, column]), max(0.0, ends_at - tick.plan.at)
