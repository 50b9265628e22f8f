"""What who knows the future pays falls as requests may wait longer, and peaks are foreseen."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from headstart.clairvoyant import HindsightPlan, capacity_of_counts, plan_in_hindsight
from headstart.scoring import Score, score
from headstart.trial import Trial
from models.forecast import FloatArray

MINUTE = 6
HOUR = 360


def a_trial(demand: FloatArray, *, wait_seconds: float = 2.0) -> Trial:
    return Trial(
        demand_per_second=demand,
        bin_seconds=10,
        start=0,
        end=10.0 * len(demand),
        capacity_per_replica=1.3,
        wait_seconds=wait_seconds,
    )


def a_wave(hours: int = 3) -> FloatArray:
    rates = 14 + 8 * np.sin(np.arange(hours * HOUR) / 150)
    return np.random.default_rng(5).poisson(rates * 10) / 10


def batches(hours: int = 4) -> FloatArray:
    """Twenty a second in the first minute of each hour, else nothing."""
    demand = np.zeros(hours * HOUR)
    demand.reshape(hours, HOUR)[:, :MINUTE] = 20.0
    return demand


def rare(hours: int = 6) -> FloatArray:
    """One request in a minute, about once an hour."""
    minutes = np.random.default_rng(7).random(hours * 60) < 1 / 60
    return np.repeat(minutes / 60, MINUTE)


def with_a_spike(hours: int = 3) -> FloatArray:
    """Twenty a second, and a minute of a thousand times as many."""
    demand = np.full(hours * HOUR, 20.0)
    demand[500 : 500 + MINUTE] *= 1000
    return demand


def by_hand(trial: Trial) -> Score:
    """Judge what anybody could do: replicas for what comes, and for one step more."""
    need = np.ceil(trial.demand_per_second / trial.capacity_per_replica)
    counts = np.maximum(need, np.concatenate([need[:1], need[:-1]]))
    return score(trial, capacity_of_counts(trial, counts, 10.0, restore_seconds=60.0))


def planned(trial: Trial) -> HindsightPlan:
    return plan_in_hindsight(trial, restore_seconds=60.0)


@pytest.mark.parametrize("wait_seconds", [2.0, 60.0])
@pytest.mark.parametrize("demand", [a_wave(), batches(), rare(), with_a_spike()])
def test_it_attains_for_less_than_a_plan_made_by_hand(
    demand: FloatArray, wait_seconds: float
) -> None:
    trial = a_trial(demand, wait_seconds=wait_seconds)
    hand = by_hand(trial)
    assert hand.attained_share == 1.0

    plan = planned(trial)

    assert plan.score == score(trial, plan.capacity)
    assert plan.score.attained_share >= 0.99
    assert plan.score.gpu_seconds <= hand.gpu_seconds


@pytest.mark.parametrize("demand", [a_wave(), batches(), rare()])
def test_a_longer_wait_costs_no_more(demand: FloatArray) -> None:
    waits = (2.0, 20.0, 60.0, 120.0)
    costs = [planned(a_trial(demand, wait_seconds=wait)).score.gpu_seconds for wait in waits]

    # The search ends within a few thousandths of the best.
    assert all(later <= 1.005 * earlier for earlier, later in pairwise(costs))


def test_who_may_wait_for_minutes_is_served_by_fewer_for_longer() -> None:
    demand = batches()
    # Sixteen replicas serve a batch while it comes; as few as serve it within three minutes have
    # its work, and restores of their own. The first restore is not paid.
    prompt, patient = (planned(a_trial(demand, wait_seconds=wait)).score for wait in (2.0, 120.0))

    work = 20 * 60 / 1.3
    assert prompt.gpu_seconds == pytest.approx(16 * (4 * 120 - 60), rel=0.05)
    assert patient.gpu_seconds == pytest.approx(4 * work + 3 * 60 * work / 180, rel=0.05)


def test_an_overfull_end_is_served_too() -> None:
    demand = np.full(HOUR, 2.0)
    demand[-12:] = 40.0

    plan = planned(a_trial(demand, wait_seconds=60.0))

    assert plan.score.attained_share >= 0.99
    assert plan.score.gpu_seconds < by_hand(a_trial(demand)).gpu_seconds


def test_where_nothing_can_attain_the_score_says_so() -> None:
    trial = replace(a_trial(a_wave(hours=1)), wait_seconds=0.0)

    assert planned(trial).score.attained_share < 0.99
