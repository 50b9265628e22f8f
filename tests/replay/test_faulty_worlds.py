"""What is promised of decisions where something is wrong, held in a short replay of each world."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks._worlds import NoiseForecasts
from controller.environment import Change, Environment, Metrics, Outage, StandbyNodes, StartLatency
from controller.policy import Mode, ScaleDown, WorkloadPolicy
from headstart.assessment import trial_of
from headstart.baselines import play_hpa
from headstart.replay import ReplayResult, ReplayTick, replay
from headstart.scenario import Scenario, forecast_feed
from headstart.scoring import Score, score
from headstart.trial import Capacity, Trial
from models.forecast import FloatArray, WorkloadName

BIN_SECONDS = 10.0
HOUR = 3600.0
CAPACITY = 5.0
SECONDS = 1.9 * HOUR
WARMUP_SECONDS = 0.5 * HOUR
#: What goes wrong, and until when where it lasts.
FROM, UNTIL = 1.0 * HOUR, 1.5 * HOUR
RESTORE = StartLatency(median_seconds=40.0, sigma=0.3)
SOUND = Environment(restore=RESTORE, standby=StandbyNodes(nodes=200))


def waves() -> FloatArray:
    """Return the requests of each bin: demand that swings between 20/s and 60/s in half an hour."""
    at = np.arange(int(SECONDS / BIN_SECONDS)) * BIN_SECONDS
    rate = 40.0 - 20.0 * np.cos(2 * np.pi * at / (0.5 * HOUR))
    return np.asarray(np.random.default_rng(1).poisson(rate * BIN_SECONDS), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Played:
    """A finished replay and every tick of it; ``reactive`` is the HPA in the same world."""

    ticks: list[ReplayTick]
    result: ReplayResult
    trial: Trial
    reactive: Score

    def attained(self, start: float = WARMUP_SECONDS, end: float = SECONDS) -> float:
        """Return the share attained, in percent."""
        part = replace(self.trial, start=start, end=end)
        return 100.0 * score(part, Capacity.from_records(self.result.records)).attained_share

    def gpu_seconds(self) -> float:
        return score(self.trial, Capacity.from_records(self.result.records)).gpu_seconds

    def between(self, start: float, end: float) -> list[ReplayTick]:
        return [one for one in self.ticks if start <= one.now < end]


def played(
    environment: Environment,
    requests: FloatArray | None = None,
    *,
    is_noise: bool = False,
    hold_seconds: float | None = None,
) -> Played:
    scenario = Scenario(
        requests=waves() if requests is None else requests,
        bin_seconds=BIN_SECONDS,
        origin=1_000_000.0,
        policy=WorkloadPolicy(
            workload=WorkloadName("chat"),
            demand_per_replica=CAPACITY,
            mode=Mode.ACT,
            scale_down=ScaleDown(hold_seconds=hold_seconds),
        ),
        environment=environment,
        warmup_seconds=WARMUP_SECONDS,
    )
    ticks: list[ReplayTick] = []
    if is_noise:
        with forecast_feed(scenario) as feed:
            noise = NoiseForecasts(feed, usual_per_second=40.0, seed=7)
            result = replay(scenario, ticks.append, noise)
    else:
        result = replay(scenario, ticks.append)
    trial = trial_of(scenario, result)
    reactive = score(trial, Capacity.from_records(play_hpa(trial, environment)))
    return Played(ticks=ticks, result=result, trial=trial, reactive=reactive)


def test_metrics_that_are_late_bring_no_flapping() -> None:
    late = played(replace(SOUND, metrics=Metrics(delay_seconds=20.0)))
    targets = np.array([one.plan.target for one in late.ticks])
    # Demand needs at most a dozen; readings of five seconds swing by a replica or two.
    assert targets.max() <= 20
    assert np.abs(np.diff(targets)).max() <= 6
    assert late.attained() >= 98.5


def test_restores_that_fail_are_made_up_for() -> None:
    broken = played(replace(SOUND, restore=replace(RESTORE, failure_share=0.1)))
    assert any(one.outcome == "failed" for one in broken.result.records)
    assert broken.attained() >= 98.5


def test_restores_that_hang_are_made_up_for_before_their_deadline() -> None:
    hanging = played(replace(SOUND, restore=replace(RESTORE, hang_share=0.1)))
    assert any(one.outcome == "hung" for one in hanging.result.records)
    assert hanging.attained() >= 98.5


def test_the_lead_time_follows_a_slowdown_and_comes_back() -> None:
    slow = replace(RESTORE, median_seconds=120.0)
    changes = (Change(at_seconds=FROM, restore=slow), Change(at_seconds=UNTIL, restore=RESTORE))
    # Let go soon, for what is kept teaches nothing of starts.
    drifting = played(replace(SOUND, changes=changes), hold_seconds=30.0)
    leads = [one.plan.lead_time_seconds for one in drifting.between(FROM + 600.0, UNTIL)]
    assert min(leads) > 100.0
    after = [one.plan.lead_time_seconds for one in drifting.between(SECONDS - 300.0, SECONDS)]
    assert max(after) < 0.75 * min(leads)


def test_while_metrics_are_out_nothing_is_let_go_that_demand_may_need() -> None:
    lost = Metrics(outages=(Outage(from_seconds=FROM, to_seconds=UNTIL),))
    blind = played(replace(SOUND, metrics=lost))
    # The forecast ends a quarter of an hour after the last reading; then what serves is kept.
    kept = [one.plan.ready for one in blind.between(FROM + 900.0, UNTIL)]
    assert min(kept) == kept[0] >= 8
    assert blind.attained(FROM, UNTIL) >= 99.0
    assert blind.attained(UNTIL, SECONDS) >= 97.0


def test_ten_times_the_demand_is_answered_no_later_than_by_the_hpa() -> None:
    bins = np.arange(int(SECONDS / BIN_SECONDS)) * BIN_SECONDS
    times = 1.0 + 9.0 * np.clip((bins - FROM) / 60.0, 0.0, 1.0) * (bins < FROM + 600.0)
    surge = played(SOUND, waves() * times)
    needed = 10 * 20.0 / CAPACITY
    first = next(one for one in surge.ticks if one.now > FROM and one.plan.target >= needed)
    assert first.now <= FROM + 90.0
    assert surge.attained() / 100.0 >= surge.reactive.attained_share


def test_demand_that_stops_is_let_go_and_comes_back_as_it_was() -> None:
    requests = waves()
    bins = np.arange(len(requests)) * BIN_SECONDS
    # From an idle minute on: out of a busy series zeros are an outage until shown otherwise.
    requests[(bins >= FROM) & (bins < FROM + 60.0)] = 1.0
    requests[(bins >= FROM + 60.0) & (bins < UNTIL)] = 0.0
    stopped = played(SOUND, requests)
    assert max(one.plan.ready for one in stopped.between(FROM + 600.0, UNTIL)) <= 2
    back = stopped.between(UNTIL + 300.0, SECONDS)
    assert max(one.plan.target for one in back) <= 20


def test_noise_for_a_forecast_is_planned_without_within_minutes() -> None:
    noisy = played(SOUND, is_noise=True)
    after = noisy.between(WARMUP_SECONDS + 600.0, SECONDS)
    assert {one.plan.floor for one in after} == {0}
    assert noisy.attained() / 100.0 >= noisy.reactive.attained_share - 0.005
    assert noisy.gpu_seconds() <= 1.3 * noisy.reactive.gpu_seconds
