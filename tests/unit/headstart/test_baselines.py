"""The baselines do what their documentation says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from controller.environment import (
    Change,
    Environment,
    Metrics,
    NodeLoss,
    Outage,
    StandbyNodes,
    StartLatency,
)
from headstart.baselines import (
    BaselineReplica,
    play_hpa,
    play_interval,
    play_knative,
    play_static,
    score_baselines,
)
from headstart.baselines import hpa as hpa_rules
from headstart.baselines import knative as knative_rules
from headstart.baselines.start_times import StartTimes
from headstart.baselines.world import BaselineFleet, measured_rates
from headstart.trial import Capacity, Trial

Play = Callable[[Trial, Environment], tuple[BaselineReplica, ...]]
HPA = hpa_rules.HpaSettings()
KNATIVE = knative_rules.KnativeSettings()
STEADY = Environment(restore=StartLatency(median_seconds=30, sigma=0), metrics=Metrics())


def a_trial(*rates: float, before: float = 7.0) -> Trial:
    """Demand per second by minute after ten minutes of ``before``; a replica serves 1."""
    demand = np.repeat(np.array([before] * 10 + list(rates), dtype=np.float64), 6)
    return Trial(
        demand_per_second=demand,
        bin_seconds=10,
        start=600,
        end=600 + 60 * len(rates),
        capacity_per_replica=1,
    )


def paid_at(replicas: tuple[BaselineReplica, ...], *minutes: float) -> list[float]:
    """Count the replicas there are, this many minutes after the start."""
    paid = Capacity.from_records(replicas).paid
    return [float(count) for count in paid.at(600 + 60 * np.array(minutes))]


@pytest.mark.parametrize(
    ("load", "ready", "current", "desired"),
    [
        (7.0, 10, 10, 10),  # exactly at 70 %
        (7.6, 10, 10, 10),  # within the tolerance
        (8.4, 10, 10, 12),
        (5.6, 10, 10, 8),
        (21.0, 10, 10, 30),
        (21.0, 10, 30, 30),  # those that start are counted as using nothing
        (21.0, 10, 28, 28),  # within the tolerance of 30
        (14.0, 10, 30, 30),  # counting them turns the direction
        (42.0, 10, 30, 60),
        (3.5, 10, 15, 5),  # and left out when scaling down
        (99.0, 0, 5, 5),  # nobody reports
    ],
)
def test_hpa_recommends_as_documented(load: float, ready: int, current: int, desired: int) -> None:
    assert hpa_rules.recommend(load=load, ready=ready, current=current, settings=HPA) == desired


def test_hpa_keeps_steady_demand_at_its_target() -> None:
    assert paid_at(play_hpa(a_trial(*[7.0] * 10), STEADY), 0, 5, 9.9) == [10, 10, 10]


def test_hpa_adds_at_most_as_many_as_there_are_in_a_sync() -> None:
    replicas = play_hpa(a_trial(*[70.0] * 10), STEADY)

    # The first measurement after the step is 10 s of it in a minute; then it doubles.
    counts = paid_at(replicas, *(np.arange(1, 8) * 15 / 60 + 0.01))
    assert max(later / earlier for earlier, later in pairwise(counts)) <= 2
    assert paid_at(replicas, 9.9) == [60]


def test_hpa_scales_down_only_after_five_minutes() -> None:
    replicas = play_hpa(a_trial(*[1.4] * 10), STEADY)

    assert paid_at(replicas, 4.9, 7) == [10, 2]


def test_hpa_never_goes_to_zero() -> None:
    assert paid_at(play_hpa(a_trial(*[0.0] * 10), STEADY), 9.9) == [1]


@pytest.mark.parametrize("play", [play_hpa, play_knative, play_interval])
def test_without_metrics_nothing_changes(play: Play) -> None:
    blind = Environment(
        restore=STEADY.restore,
        metrics=Metrics(outages=(Outage(from_seconds=600, to_seconds=5000),)),
    )

    assert paid_at(play(a_trial(*[70.0] * 10), blind), 9.9) == [10]


@pytest.mark.parametrize("play", [play_hpa, play_knative, play_interval])
def test_the_future_changes_nothing_of_the_past(play: Play) -> None:
    past = [7.0, 9.0, 20.0, 15.0, 5.0]
    noisy = Environment()

    one = play(a_trial(*past, 50.0, 50.0, 50.0), noisy)
    other = play(a_trial(*past, 0.0, 0.0, 0.0), noisy)

    minutes = np.arange(0, 5, 0.1)
    assert paid_at(one, *minutes) == paid_at(other, *minutes)


@pytest.mark.parametrize("play", [play_hpa, play_knative, play_interval])
def test_nobody_has_more_replicas_than_the_pool_holds(play: Play) -> None:
    small = Environment(standby=StandbyNodes(nodes=12))

    assert max(paid_at(play(a_trial(*[70.0] * 10), small), *np.arange(0, 10, 0.1))) == 12


def losing(*losses: NodeLoss, nodes: int = 12) -> Environment:
    return replace(STEADY, standby=StandbyNodes(nodes=nodes), node_losses=losses)


@pytest.mark.parametrize("play", [play_hpa, play_knative, play_interval, play_static])
def test_a_lost_node_takes_its_replica_and_shrinks_the_pool_until_it_is_back(play: Play) -> None:
    lost = losing(NodeLoss(at_seconds=661, node=0, back_at_seconds=781), nodes=10)

    replicas = play(a_trial(*[10.0] * 6), lost)

    # Each of the ten nodes holds one; what starts when the tenth is back serves 30 s later.
    assert paid_at(replicas, 1, 1.02, 3, 3.02, 5.9) == [10, 9, 9, 10, 10]
    ready = Capacity.from_records(replicas).ready
    assert ready.at(np.array([660.0, 661.0, 810.9, 811.0])).tolist() == [10, 9, 9, 10]


@pytest.mark.parametrize("play", [play_hpa, play_knative, play_interval, play_static])
def test_what_a_node_took_with_it_is_started_elsewhere_at_once(play: Play) -> None:
    replicas = play(a_trial(*[7.0] * 6), losing(NodeLoss(at_seconds=661, node=0), nodes=12))

    (gone,) = [replica for replica in replicas if replica.released_at == 661]
    assert gone.ready_at == 600
    (fresh,) = [replica for replica in replicas if replica.started_at == 661]
    assert fresh.ready_at == 691


def test_a_restore_under_way_on_a_lost_node_never_serves() -> None:
    lost = losing(NodeLoss(at_seconds=650, node=1), NodeLoss(at_seconds=660, node=0), nodes=3)
    fleet = BaselineFleet(a_trial(*[1.0] * 4), lost)
    fleet.begin(1, 600.0)
    fleet.scale_to(3, 640.0)

    lives = [(one.started_at, one.ready_at, one.released_at) for one in fleet.replicas()]

    # The pool has room for one in the end: the restore that went with node 1 is not made up for.
    assert sorted(lives, key=str) == [(600, 600, 660), (640, 670, None), (640, None, 650)]


def test_nodes_are_lost_between_ticks_and_after_the_last_one() -> None:
    early, late = NodeLoss(at_seconds=610, node=0), NodeLoss(at_seconds=839, node=1)

    replicas = play_interval(a_trial(*[7.0] * 4), losing(early, late, nodes=10))

    assert {one.released_at for one in replicas} == {610, 839, None}


def test_a_burst_makes_knative_panic_and_hold_for_a_stable_window() -> None:
    replicas = play_knative(a_trial(30.0, 2.0, 2.0, 2.0, 2.0), STEADY)

    # The panic window sees 30 a second within 5 + 6 s; 2 a second only after a minute's calm.
    assert paid_at(replicas, 0.3, 1.5, 4.9) == [43, 43, 3]


def test_knative_in_panic_never_asks_for_fewer() -> None:
    panic = knative_rules.Panic(last_over_at=0, most=40)

    wanted, after = knative_rules.recommend(
        now=30, stable=10, burst=12, ready=10, panic=panic, settings=KNATIVE
    )

    assert wanted == 40
    assert after == panic


def test_knative_ends_its_panic_after_a_stable_window_without_overload() -> None:
    panic = knative_rules.Panic(last_over_at=0, most=40)

    assert knative_rules.recommend(
        now=61, stable=30, burst=12, ready=40, panic=panic, settings=KNATIVE
    ) == (30, None)


def test_knative_halves_at_most() -> None:
    assert knative_rules.recommend(
        now=0, stable=1, burst=1, ready=10, panic=None, settings=KNATIVE
    ) == (5, None)


def test_the_interval_planner_expects_what_it_just_saw() -> None:
    replicas = play_interval(a_trial(*[14.0] * 9), STEADY)

    assert paid_at(replicas, 2.9, 3.1, 6.1) == [10, 20, 20]


def test_a_static_fleet_holds_the_objective_at_the_peak() -> None:
    replicas = play_static(a_trial(1.0, 1.0, 12.4, 1.0), STEADY)

    assert len(replicas) == 13
    assert {replica.ready_at for replica in replicas} == {600}


def test_a_static_fleet_grows_until_the_objective_holds() -> None:
    # Two bins of 30 a second in a minute that needs 10 on average.
    demand = np.array([0.0, 0, 30, 30, 0, 0])
    trial = Trial(demand_per_second=demand, bin_seconds=10, start=0, end=60, capacity_per_replica=1)

    # 20 s of demand may take 22 s, but for the share that may be late.
    assert len(play_static(trial, STEADY)) == 28


def test_starts_that_fail_or_hang_are_tried_again() -> None:
    hanging = StartLatency(median_seconds=10, sigma=0, hang_share=0.5, timeout_seconds=100)
    times = StartTimes(Environment(restore=hanging), origin=0)

    taken = {round(times.ready_at(0.0)) for _ in range(200)}

    assert {10, 110, 210} <= taken
    assert all(seconds % 100 == 10 for seconds in taken)


def test_failed_starts_cost_a_part_of_their_time() -> None:
    failing = StartLatency(median_seconds=10, sigma=0, failure_share=0.5)
    times = StartTimes(Environment(restore=failing), origin=0)

    taken = [times.ready_at(0.0) for _ in range(500)]

    # One failure on average, which took half as long on average.
    assert np.mean(taken) == pytest.approx(15, rel=0.1)


def test_latencies_change_when_the_environment_says() -> None:
    slower = Change(at_seconds=50, restore=StartLatency(median_seconds=90, sigma=0))
    environment = Environment(restore=StartLatency(median_seconds=10, sigma=0), changes=(slower,))
    times = StartTimes(environment, origin=1000)

    assert (times.ready_at(1049.0), times.ready_at(1050.0)) == (1059, 1140)


def test_metrics_come_late_and_leave_out_what_is_missing() -> None:
    trial = Trial(
        demand_per_second=np.array([2.0, np.nan, 4.0, 8.0]),
        bin_seconds=10,
        start=0,
        end=40,
        capacity_per_replica=1,
    )

    rates = measured_rates(trial, STEADY, np.array([4.0, 15.0, 20.0, 35.0]), 30.0)

    assert rates == pytest.approx([np.nan, 2, 2, 3], nan_ok=True)


def test_every_baseline_is_scored_by_name() -> None:
    scores = score_baselines(a_trial(*[7.0] * 4), STEADY)

    assert {name: score.attained_share for name, score in scores.items()} == {
        "hpa": 1,
        "knative": 1,
        "interval": 1,
        "static": 1,
    }
