"""The plan in hindsight is feasible, and cheap where the best is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.clairvoyant import HindsightPlan, plan_in_hindsight
from headstart.scoring import score
from headstart.trial import Capacity, Trial
from tests.replay.independent import Row, judge


def a_trial(demand: np.ndarray, *, bin_seconds: float = 10, attainment: float = 0.99) -> Trial:
    return Trial(
        demand_per_second=demand.astype(np.float64),
        bin_seconds=bin_seconds,
        start=0,
        end=bin_seconds * len(demand),
        capacity_per_replica=1,
        attainment=attainment,
    )


def with_peaks(*peaks: tuple[int, int], bins: int = 360) -> np.ndarray:
    """Two a second, and eight between the given bins."""
    demand = np.full(bins, 2.0)
    for first, last in peaks:
        demand[first:last] = 8.0
    return demand


def noisy(bins: int = 360) -> np.ndarray:
    generator = np.random.default_rng(3)
    wave = 6 + 4 * np.sin(np.arange(bins) / 40)
    return np.asarray(generator.poisson(wave * 10) / 10)


def rows_of(plan: HindsightPlan, restore_seconds: float) -> list[Row]:
    """Make replicas of the counts: the newest goes first."""
    serving: list[tuple[float, float]] = []
    rows = []
    for step, count in enumerate(plan.counts):
        now = step * plan.step_seconds
        while len(serving) < count:
            serving.append((max(0.0, now - restore_seconds) if step else now, now))
        while len(serving) > count:
            rows.append(Row(*serving.pop(), now))
    return rows + [Row(*times, None) for times in serving]


@pytest.mark.parametrize("restore_seconds", [10, 60, 180])
def test_it_attains_the_objective_for_little_more_than_the_work(restore_seconds: float) -> None:
    trial = a_trial(noisy())

    plan = plan_in_hindsight(trial, restore_seconds=restore_seconds)

    work = plan.score.demand / trial.capacity_per_replica
    assert plan.score.attained_share >= 0.99
    assert 0.99 * work <= plan.score.gpu_seconds <= 1.2 * work


def test_a_second_opinion_agrees() -> None:
    demand = noisy(bins=90)
    plan = plan_in_hindsight(a_trial(demand), restore_seconds=30)

    other = judge(rows_of(plan, 30), list(demand * 10), 10, (0, 900), 1.0)

    assert other.gpu_seconds == pytest.approx(plan.score.gpu_seconds)
    assert other.attained_share == pytest.approx(plan.score.attained_share, abs=0.002)


def test_it_pays_one_restore_for_a_peak() -> None:
    plan = plan_in_hindsight(a_trial(with_peaks((100, 160)), attainment=0.9999), restore_seconds=60)

    # Two always, six more for 600 s and their restores; the wait may spare a little of them.
    exact = 2 * 3600 + 6 * (600 + 60)
    assert plan.score.gpu_seconds == pytest.approx(exact, rel=0.01)


def test_it_keeps_replicas_through_a_gap_shorter_than_a_restore() -> None:
    gap = with_peaks((100, 130), (134, 160))

    plan = plan_in_hindsight(a_trial(gap, attainment=0.9999), restore_seconds=60)

    assert plan.counts[131:133].min() == 8


def test_it_lets_go_in_a_gap_longer_than_a_restore() -> None:
    gap = with_peaks((100, 130), (150, 180))

    plan = plan_in_hindsight(a_trial(gap, attainment=0.9999), restore_seconds=60)

    assert plan.counts[135:145].max() == 2


def test_it_starts_nothing_for_a_spike_that_may_be_late() -> None:
    # Ten seconds of eight a second; two replicas clear the queue in two minutes: 0.6 % are late.
    demand = np.full(3000, 1.5)
    demand[1000] = 8.0

    plan = plan_in_hindsight(a_trial(demand), restore_seconds=180)
    strict = plan_in_hindsight(a_trial(demand, attainment=0.9999), restore_seconds=180)

    assert plan.counts.max() == 2
    assert strict.counts.max() > 5


def test_longer_restores_cost_more() -> None:
    costs = [
        plan_in_hindsight(a_trial(noisy()), restore_seconds=seconds).score.gpu_seconds
        for seconds in (10, 60, 180)
    ]

    assert costs == sorted(costs)


@pytest.mark.parametrize("bin_seconds", [1, 7, 45, 300])
def test_bins_of_any_length_are_served(bin_seconds: float) -> None:
    trial = a_trial(noisy(bins=60), bin_seconds=bin_seconds)

    assert plan_in_hindsight(trial, restore_seconds=60).score.attained_share >= 0.99


def test_missing_demand_needs_nothing() -> None:
    demand = np.full(120, 5.0)
    demand[40:80] = np.nan

    plan = plan_in_hindsight(a_trial(demand), restore_seconds=10)

    assert plan.counts[50:70].max() == 0


def test_no_demand_costs_nothing() -> None:
    assert plan_in_hindsight(a_trial(np.zeros(60)), restore_seconds=60).score.gpu_seconds == 0


def test_a_crowd_makes_the_plan_no_coarser_for_the_calm_around_it() -> None:
    demand = noisy(2000)
    demand[1000:1030] += 150.0
    trial = a_trial(demand, attainment=0.97)

    plan = plan_in_hindsight(trial, restore_seconds=60)

    calm = np.concatenate([plan.counts[:900], plan.counts[1200:]])
    assert plan.score.attained_share >= 0.97
    assert set(range(3, 11)) <= set(calm.astype(int))
    assert plan.score.gpu_seconds <= 1.2 * demand.sum() * 10


def test_large_fleets_are_planned_in_coarser_steps() -> None:
    plan = plan_in_hindsight(a_trial(noisy() * 100), restore_seconds=60)

    assert plan.score.attained_share >= 0.99
    assert plan.score.gpu_seconds <= 1.2 * plan.score.demand


def test_it_beats_every_fixed_fleet() -> None:
    trial = a_trial(noisy())
    best_fixed = min(
        verdict.gpu_seconds
        for count in range(1, 20)
        if (
            verdict := score(trial, Capacity.from_counts(np.zeros(1), np.full(1, float(count))))
        ).attained_share
        >= 0.99
    )

    assert plan_in_hindsight(trial, restore_seconds=180).score.gpu_seconds < best_fixed
