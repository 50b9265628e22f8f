"""A policy's limits bind the others as they bind Headstart, and are told where they did."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from controller.environment import Environment, Metrics, StandbyNodes, StartLatency
from controller.plan import Reason
from controller.policy import Limits, Standby, WorkloadPolicy
from headstart.baselines import (
    BaselineReplica,
    play_hpa,
    play_interval,
    play_knative,
    play_static,
)
from headstart.limit_words import limit_note
from headstart.plan_log import PlanLog
from headstart.trial import Capacity, Trial
from tests.builders import CHAT, a_plan

Play = Callable[[Trial, Environment], tuple[BaselineReplica, ...]]
ALL = (play_hpa, play_knative, play_interval, play_static)
STEADY = Environment(
    restore=StartLatency(median_seconds=30, sigma=0),
    metrics=Metrics(),
    standby=StandbyNodes(nodes=300),
)


def a_trial(*, least: int = 0, most: int | None = None) -> Trial:
    """Ten minutes of 7/s, ten of 70/s, ten of 0.1/s; a replica serves 1."""
    return Trial(
        demand_per_second=np.repeat(np.array([7.0, 70.0, 0.1]), 60),
        bin_seconds=10,
        start=300,
        end=1800,
        capacity_per_replica=1,
        min_replicas=least,
        max_replicas=most,
    )


def counts(replicas: tuple[BaselineReplica, ...]) -> set[float]:
    """Return how many replicas there were, over time."""
    return set(Capacity.from_records(replicas).paid.at(np.arange(300.0, 1800.0, 5.0)).tolist())


@pytest.mark.parametrize("play", ALL)
def test_nobody_has_more_replicas_than_the_policy_allows(play: Play) -> None:
    assert max(counts(play(a_trial(), STEADY))) >= 70
    assert max(counts(play(a_trial(most=5), STEADY))) == 5


@pytest.mark.parametrize("play", ALL)
def test_nobody_has_fewer_replicas_than_the_policy_asks_for(play: Play) -> None:
    assert min(counts(play(a_trial(least=25), STEADY))) >= 25
    assert counts(play(a_trial(least=200), STEADY)) == {200}


@pytest.mark.parametrize("play", ALL)
def test_what_the_policy_allows_at_most_goes_before_what_it_asks_for_at_least(play: Play) -> None:
    assert counts(play(a_trial(least=9, most=6), STEADY)) == {6}


def a_policy(limits: Limits, *, gpus: int = 1) -> WorkloadPolicy:
    return WorkloadPolicy(
        workload=CHAT,
        demand_per_replica=1.0,
        limits=limits,
        standby=Standby(gpus_per_replica=gpus),
    )


def plans(**shares: int) -> PlanLog:
    """Return a thousand plans, so many of them for each reason."""
    log = PlanLog.sized(1000)
    reasons = [Reason[name] for name, count in shares.items() for _ in range(count)]
    for number, reason in enumerate([*reasons, *[Reason.FORECAST] * (1000 - len(reasons))]):
        log.add(5.0 * number, a_plan(reason=reason))
    return log


@pytest.mark.parametrize(
    ("limits", "gpus", "told"),
    [
        (Limits(max_replicas=5), 1, "maxReplicas 5"),
        (Limits(max_replicas=5, gpu_budget=5), 1, "maxReplicas 5"),
        (Limits(max_replicas=5, gpu_budget=8), 2, "gpuBudget 8"),
        (Limits(gpu_budget=8), 2, "gpuBudget 8"),
    ],
)
def test_the_limit_that_held_headstart_down_is_named(limits: Limits, gpus: int, told: str) -> None:
    note = limit_note(a_policy(limits, gpus=gpus), plans(MAX_REPLICAS=961), has_bound=True)
    assert note == (
        f"Limits of the policy decided for Headstart: {told} for 96.1 % of the time; the others "
        "keep to the same, but the planner that knows the future knows no limits."
    )


def test_several_limits_are_one_sentence() -> None:
    policy = a_policy(Limits(min_replicas=2, max_replicas=5, max_step=3))
    note = limit_note(
        policy, plans(MIN_REPLICAS=200, MAX_REPLICAS=100, MAX_STEP=50), has_bound=False
    )
    assert note == (
        "Limits of the policy decided for Headstart: maxReplicas 5 for 10 % of the time, "
        "minReplicas 2 for 20 %, maxStep 3 for 5 %; the others keep to the same, but for maxStep."
    )


def test_where_only_steps_were_limited_nobody_else_was() -> None:
    note = limit_note(a_policy(Limits(max_step=3)), plans(MAX_STEP=50), has_bound=True)
    assert note == (
        "Limits of the policy decided for Headstart: maxStep 3 for 5 % of the time; "
        "the others know no such limit."
    )


def test_what_bound_for_a_small_part_of_the_time_is_not_told() -> None:
    policy = a_policy(Limits(min_replicas=2, max_replicas=5))
    assert limit_note(policy, plans(MAX_REPLICAS=10, MIN_REPLICAS=10), has_bound=True) == ""
    assert limit_note(policy, PlanLog.sized(3), has_bound=True) == ""
