from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.demand_curve import held_seconds
from controller.hold import Hold, hold_seconds
from controller.policy import Mode, ScaleDown, WorkloadPolicy
from models.forecast import WorkloadName
from tests.unit.controller.builders import a_forecast, an_observation

HOLD_SECONDS = 60


def a_policy(scale_down: ScaleDown | None = None) -> WorkloadPolicy:
    return WorkloadPolicy(
        workload=WorkloadName("chat"),
        demand_per_replica=1.0,
        mode=Mode.ACT,
        scale_down=scale_down or ScaleDown(),
    )


POLICY = a_policy()

#: Whole seconds, so that the brute force meets the window's edge exactly as the hold does.
TARGETS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), min_size=1, max_size=60)


def test_where_demand_is_known_as_far_as_a_plan_looks_nothing_is_held() -> None:
    seen = an_observation(forecast=a_forecast(2.0), lead_time_seconds=95.0)
    assert seen.outlook is not None
    for known_steps, held in ((0, 71.25), (9, 71.25), (10, 0.0)):
        forecast = replace(a_forecast(2.0), known_steps=known_steps)
        now = seen._replace(outlook=replace(seen.outlook, forecast=forecast))
        assert held_seconds(now, POLICY, 5.0) == held
        assert held_seconds(now, a_policy(ScaleDown(hold_seconds=60.0)), 5.0) == 60.0


def test_what_works_off_a_queue_is_held_though_demand_is_known() -> None:
    seen = an_observation(
        forecast=replace(a_forecast(2.0), known_steps=30), lead_time_seconds=95.0, backlog=0.1
    )
    assert held_seconds(seen, POLICY, 5.0) == 71.25
    assert held_seconds(seen._replace(backlog=0.0), POLICY, 5.0) == 0.0


def test_before_the_first_target_nothing_is_held() -> None:
    assert Hold().highest == 0


def test_a_target_is_held_for_as_long_as_the_policy_says_and_no_longer() -> None:
    hold = Hold().with_target(5, now=0.0, hold_seconds=60.0)
    assert hold.with_target(1, now=60.0, hold_seconds=60.0).highest == 5
    assert hold.with_target(1, now=60.1, hold_seconds=60.0).highest == 1


def test_without_a_hold_only_the_newest_target_counts() -> None:
    hold = Hold().with_target(5, now=0.0, hold_seconds=0.0)
    assert hold.with_target(1, now=5.0, hold_seconds=0.0).highest == 1


@given(targets=TARGETS)
def test_the_highest_is_the_maximum_over_the_window(targets: list[tuple[int, int]]) -> None:
    hold, now = Hold(), 0
    seen: list[tuple[int, int]] = []
    for gap, target in targets:
        now += gap
        seen.append((now, target))
        hold = hold.with_target(target, now=now, hold_seconds=HOLD_SECONDS)
        assert hold.highest == max(t for at, t in seen if at >= now - HOLD_SECONDS)


@given(targets=TARGETS)
def test_only_targets_that_may_still_matter_are_kept(targets: list[tuple[int, int]]) -> None:
    hold, now = Hold(), 0
    for gap, target in targets:
        now += gap
        hold = hold.with_target(target, now=now, hold_seconds=HOLD_SECONDS)
    kept = [target for _, target in hold.entries]
    assert kept == sorted(set(kept), reverse=True)


def test_in_the_long_run_the_hold_follows_the_lead_time() -> None:
    assert hold_seconds(100.0, POLICY) == 75.0
    assert hold_seconds(10.0, POLICY) == 20.0


@pytest.mark.parametrize(
    ("seen_seconds", "expected"), [(0.0, 300.0), (1200.0, 150.0), (2400.0, 75.0), (86400.0, 75.0)]
)
def test_at_first_it_is_five_minutes(seen_seconds: float, expected: float) -> None:
    assert hold_seconds(100.0, POLICY, seen_seconds=seen_seconds) == expected


def test_a_hold_that_the_policy_sets_is_kept_from_the_first_moment() -> None:
    policy = a_policy(ScaleDown(hold_seconds=30.0))
    assert hold_seconds(100.0, policy, seen_seconds=0.0) == 30.0


def test_a_clock_that_is_set_back_moves_the_window_with_it() -> None:
    hold = Hold().with_target(128, now=10_000.0, hold_seconds=60.0)
    hold = hold.with_target(5, now=6_400.0, hold_seconds=60.0)
    assert hold.highest == 128
    assert hold.with_target(5, now=6_460.1, hold_seconds=60.0).highest == 5
