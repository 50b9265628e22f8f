"""Replicas that follow demand: never too few, and kept only where that is cheaper."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.clairvoyant import capacity_of_counts
from headstart.demand_follower import counts_that_follow
from headstart.scoring import score
from headstart.trial import Trial


def a_trial(demand: list[float], *, bin_seconds: float = 10, start: float = 0) -> Trial:
    return Trial(
        demand_per_second=np.array(demand),
        bin_seconds=bin_seconds,
        start=start,
        end=bin_seconds * len(demand),
        capacity_per_replica=2,
    )


def followed(trial: Trial, *, step_seconds: float = 10, restore_seconds: float = 20) -> list[float]:
    counts = counts_that_follow(trial, step_seconds, restore_seconds=restore_seconds)
    return list(counts)


def test_replicas_are_those_that_demand_needs() -> None:
    assert followed(a_trial([0, 2, 3, 4, 5, 0])) == [0, 1, 2, 2, 3, 0]


def test_a_gap_no_longer_than_a_restore_is_bridged() -> None:
    assert followed(a_trial([4, 2, 0, 4, 0, 0, 0, 4])) == [2, 2, 2, 2, 0, 0, 0, 2]


def test_shorter_restores_bridge_nothing() -> None:
    assert followed(a_trial([4, 0, 4, 0]), restore_seconds=5) == [2, 0, 2, 0]


def test_a_step_over_two_bins_has_what_the_busier_needs() -> None:
    trial = a_trial([2, 8, 2], start=5)
    assert followed(trial) == [4, 4, 1]
    assert followed(a_trial([2, 8, 2, 2]), step_seconds=20) == [4, 1]


def test_rounding_needs_no_replica_more() -> None:
    assert followed(a_trial([0.1 * 60, 0.3 * 20])) == [3, 3]


@pytest.mark.parametrize("bin_seconds", [1, 7, 45, 300])
def test_nothing_is_late_whatever_the_bins(bin_seconds: float) -> None:
    demand = np.random.default_rng(2).poisson(5.0, 80).astype(np.float64)
    demand[30:40] = np.nan
    trial = a_trial(list(demand), bin_seconds=bin_seconds, start=3.3)

    counts = counts_that_follow(trial, 8.0, restore_seconds=60.0)

    capacity = capacity_of_counts(trial, counts, 8.0, restore_seconds=60.0)
    assert score(trial, capacity).missed == 0
