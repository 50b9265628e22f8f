"""What comes of plans goes into the next ones: the loop keeps up with a world that changes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from controller.actions import Start
from controller.cluster_view import Phase, Replica, StartKind
from controller.environment import Change, Environment, NodeLoss, StandbyNodes, StartLatency
from controller.policy import Limits, Mode, Restore, WorkloadPolicy
from controller.simulation import SimulatedWorld
from controller.simulation_records import Outcome
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from headstart.replay import Observer, ReplayResult, ReplayTick, replay
from headstart.scenario import TICK_SECONDS, Scenario
from headstart.scoring import score
from headstart.trial import Capacity, Trial
from models.forecast import QUANTILES, FloatArray, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook

ORIGIN = 1_000_000.0
BIN_SECONDS = 10.0
HOUR = 3600.0
CAPACITY = 5.0
POLICY = WorkloadPolicy(
    workload=WorkloadName("chat"),
    demand_per_replica=CAPACITY,
    mode=Mode.ACT,
    restore=Restore(size_gib=13.0),
)
QUICK = StartLatency(median_seconds=10.0, sigma=0.2)
SLOW = StartLatency(median_seconds=30.0, sigma=0.2)
#: The middle of the scored part: four hours, of which the first warms the forecast up.
DRIFT_AT = 2.5 * HOUR


def arrivals(per_second: FloatArray) -> FloatArray:
    """Return the requests of each bin, by chance."""
    return np.random.default_rng(1).poisson(per_second * BIN_SECONDS).astype(np.float64)


def waves(seconds: float) -> FloatArray:
    """Return demand that rises from 10/s to 60/s within a minute, every ten minutes, and falls."""
    into = (np.arange(int(seconds / BIN_SECONDS)) + 0.5) * BIN_SECONDS % 600.0
    up, down = np.clip(into / 60.0, 0.0, 1.0), np.clip((into - 300.0) / 60.0, 0.0, 1.0)
    return np.asarray(10.0 + 50.0 * (up - down))


def steady(per_second: float, seconds: float) -> FloatArray:
    return np.full(int(seconds / BIN_SECONDS), per_second)


def played(
    requests: FloatArray,
    environment: Environment,
    *,
    warmup_seconds: float = 1800.0,
    observer: Observer | None = None,
) -> ReplayResult:
    scenario = Scenario(
        requests=requests,
        bin_seconds=BIN_SECONDS,
        origin=ORIGIN,
        policy=POLICY,
        environment=environment,
        warmup_seconds=warmup_seconds,
    )
    return replay(scenario, observer)


def attained_share(result: ReplayResult, requests: FloatArray, start: float, end: float) -> float:
    trial = Trial(
        demand_per_second=requests / BIN_SECONDS,
        bin_seconds=BIN_SECONDS,
        start=start,
        end=end,
        capacity_per_replica=CAPACITY,
    )
    return score(trial, Capacity.from_records(result.records)).attained_share


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A replay in which restores become three times as slow halfway."""

    result: ReplayResult
    requests: FloatArray

    def quarters(self) -> list[float]:
        """Return the share attained in each quarter of the scored part, in percent."""
        edges = np.linspace(self.result.start, self.result.end, 5)
        return [
            100.0 * attained_share(self.result, self.requests, start, end)
            for start, end in itertools.pairwise(edges)
        ]

    def lead_time_at(self, instant: float) -> float:
        """Return the lead time that the first plan after an instant was made with."""
        plans = self.result.plans
        after = int(np.searchsorted(plans.column("time"), instant, side="right"))
        # A replica may become ready after the last plan.
        place = min(after, plans.count - 1)
        return float(plans.column("lead_time_seconds")[place])


def a_drift(*, learning: bool) -> Drift:
    requests = arrivals(waves(4 * HOUR))
    environment = Environment(
        restore=QUICK,
        changes=(Change(at_seconds=DRIFT_AT, restore=SLOW),),
        learning=learning,
    )
    result = played(requests, environment, warmup_seconds=HOUR)
    return Drift(result=result, requests=requests)


@pytest.fixture(scope="module")
def learned_drift() -> Drift:
    return a_drift(learning=True)


def test_the_lead_time_follows_a_slowdown_within_five_restores(learned_drift: Drift) -> None:
    ready = sorted(
        record.ready_at
        for record in learned_drift.result.records
        if record.decided_at >= DRIFT_AT and record.ready_at is not None
    )
    before = learned_drift.lead_time_at(DRIFT_AT)
    after_each = [learned_drift.lead_time_at(at) for at in ready[:5]]
    last = learned_drift.lead_time_at(ready[-1])
    # Of restores with a median of 10 s nine in ten take 13 s; with a median of 30 s, 39 s.
    assert 11.0 < before < 16.0
    # The first to be ready are the quick ones.
    assert 27.0 < after_each[-1] < 55.0, f"lead time after each restore: {after_each}"
    assert 33.0 < last < 50.0


def test_what_is_attained_comes_back_after_a_slowdown(learned_drift: Drift) -> None:
    quarters = learned_drift.quarters()
    assert quarters[3] >= quarters[0] - 0.5, f"attained by quarter, learning: {quarters} %"
    assert quarters[0] > 98.0


def test_without_learning_a_slowdown_is_never_made_up_for() -> None:
    quarters = a_drift(learning=False).quarters()
    assert quarters[3] < quarters[0] - 0.5, f"attained by quarter, not learning: {quarters} %"


class Watcher:
    """Keeps what a replay showed: each tick, and every replica as it was last seen."""

    def __init__(self) -> None:
        self.ticks: list[ReplayTick] = []
        self.replicas: dict[str, Replica] = {}

    def __call__(self, tick: ReplayTick) -> None:
        self.ticks.append(tick)
        self.replicas.update({replica.name: replica for replica in tick.fleet.replicas})

    def started_at(self, instant: float) -> list[Replica]:
        return [r for r in self.replicas.values() if r.decided_at == ORIGIN + instant]


@pytest.fixture(scope="module")
def unreliable() -> tuple[ReplayResult, Watcher, FloatArray]:
    """Demand comes in waves, and in the end stays, while two in five restores fail or hang."""
    requests = arrivals(np.concatenate([waves(4800.0), steady(60.0, 1200.0)]))
    latency = StartLatency(median_seconds=10.0, sigma=0.2, failure_share=0.2, hang_share=0.2)
    watcher = Watcher()
    # Nodes enough that a fresh one is left, however many starts have failed.
    environment = Environment(restore=latency, standby=StandbyNodes(nodes=200))
    result = played(requests, environment, observer=watcher)
    return result, watcher, requests


def test_a_failed_or_hung_restore_is_retried_on_another_node_at_once(
    unreliable: tuple[ReplayResult, Watcher, FloatArray],
) -> None:
    _, watcher, _ = unreliable
    retried = 0
    for tick_seen in watcher.ticks:
        lost = [
            watcher.replicas[name]
            for name, why in tick_seen.plan.cancels
            if why != "not needed any more"
        ]
        fresh = watcher.started_at(tick_seen.now)
        retries = [replica for replica in fresh if replica.attempt > 1]
        assert len(retries) >= min(len(lost), tick_seen.plan.starts)
        assert {r.node for r in retries}.isdisjoint(r.node for r in lost)
        retried += len(retries)
    assert retried >= 3


def test_a_hang_is_noticed_by_the_starts_own_deadline(
    unreliable: tuple[ReplayResult, Watcher, FloatArray],
) -> None:
    result, watcher, _ = unreliable
    hung = [record for record in result.records if record.outcome is Outcome.HUNG]
    assert hung
    for record in hung:
        deadline = watcher.replicas[record.replica].deadline_at - ORIGIN
        assert record.released_at is not None
        assert deadline <= record.released_at < deadline + TICK_SECONDS
    # What was learned of ten-second restores shortens the wait for one that may hang. (After six
    # in a row that failed by chance the newest start may be a cold one, which is given longer.)
    restores = [one for one in watcher.replicas.values() if one.kind is StartKind.RESTORE]
    newest = max(restores, key=lambda one: one.decided_at)
    assert newest.deadline_at - newest.decided_at < 300.0


def test_demand_is_served_in_the_end_however_unreliable_restores_are(
    unreliable: tuple[ReplayResult, Watcher, FloatArray],
) -> None:
    result, _, requests = unreliable
    assert attained_share(result, requests, result.end - 600.0, result.end) > 0.995


def test_a_node_loss_drops_the_count_at_once_and_is_made_up_for() -> None:
    watcher = Watcher()
    environment = Environment(restore=QUICK, node_losses=(NodeLoss(at_seconds=2402.0, node=0),))
    result = played(steady(20.0, HOUR) * BIN_SECONDS, environment, observer=watcher)
    plans = {tick_seen.now: tick_seen.plan for tick_seen in watcher.ticks}
    before, after = plans[2400.0], plans[2405.0]
    (lost,) = [record for record in result.records if record.outcome is Outcome.LOST]
    assert (lost.node, lost.released_at) == ("node-00", 2402.0)
    assert after.ready == before.ready - 1
    assert after.starts == after.target - after.ready >= 1
    assert plans[2500.0].ready >= before.ready


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.RECOMMEND])
def test_a_policy_that_may_not_act_takes_no_gpu_from_one_that_may(mode: Mode) -> None:
    watched = WorkloadPolicy(
        workload=WorkloadName("search"),
        demand_per_replica=1.0,
        mode=mode,
        limits=Limits(min_replicas=3, priority=9),
    )
    environment = Environment(restore=QUICK, standby=StandbyNodes(nodes=3))
    world, state = SimulatedWorld(environment, ORIGIN), TickState()
    for number in range(60):
        now = ORIGIN + number * TICK_SECONDS
        world.advance(now)
        result = tick(
            world.fleet(),
            {name: an_outlook(name, now) for name in (POLICY.workload, watched.workload)},
            state,
            now,
            policies=(watched, POLICY),
            settings=TickSettings(),
        )
        state = result.state
        assert result.plans[0].target >= 15
        for action in result.actions:
            assert isinstance(action, Start)
            world.apply(action)
    phases = [(replica.workload, replica.phase) for replica in world.fleet().replicas]
    assert phases == [(POLICY.workload, Phase.READY)] * 3


def an_outlook(workload: WorkloadName, now: float) -> Outlook:
    """Return demand of 15/s, now and to come."""
    return Outlook(
        workload=workload,
        published_at=now,
        reading=DemandReading(measured_at=now, window_seconds=TICK_SECONDS, per_second=15.0),
        forecast=Forecast(
            workload=workload,
            issued_at=now,
            step_seconds=BIN_SECONDS,
            quantiles=QUANTILES,
            values=np.full((60, len(QUANTILES)), 15.0),
            basis="test",
        ),
    )
