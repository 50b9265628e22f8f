"""The loop in worlds where starts fail: it comes back once they don't, and floods nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from controller.actions import Cancel
from controller.environment import Change, Environment, Parking, StandbyNodes, StartLatency
from controller.plan import Plan
from controller.policy import Limits, Mode, Restore, WorkloadPolicy
from controller.simulation import SimulatedWorld
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from tests.builders import CHAT

ORIGIN, TICK_SECONDS = 1e6, 5.0
WELL = StartLatency(median_seconds=10.0, sigma=0.1)
FAILING = StartLatency(median_seconds=2.0, sigma=0.1, failure_share=1.0)
HANGING = StartLatency(median_seconds=10.0, sigma=0.1, hang_share=1.0)
COLD = StartLatency(median_seconds=300.0, sigma=0.1)


def a_world(
    *,
    restore: StartLatency = FAILING,
    cold: StartLatency = COLD,
    mended_at: float | None = None,
    cold_too: bool = False,
    parking: Parking | None = None,
) -> SimulatedWorld:
    """Return a world whose restores, and cold starts too if said, are mended at a time."""
    changes = (
        ()
        if mended_at is None
        else (Change(at_seconds=mended_at, restore=WELL, cold_start=WELL if cold_too else None),)
    )
    nodes = StandbyNodes(nodes=12)
    environment = Environment(
        restore=restore, cold_start=cold, changes=changes, standby=nodes, parking=parking
    )
    return SimulatedWorld(environment, ORIGIN)


def a_policy(replicas: int, *, cold_fallback: bool = True) -> WorkloadPolicy:
    return WorkloadPolicy(
        workload=CHAT,
        mode=Mode.ACT,
        demand_per_replica=1.0,
        limits=Limits(min_replicas=replicas, max_replicas=replicas),
        restore=Restore(timeout_seconds=90.0, cold_fallback=cold_fallback),
    )


def played(world: SimulatedWorld, policy: WorkloadPolicy) -> Iterator[tuple[float, Plan]]:
    """Yield the time and the plan of each tick, for ever."""
    state, settings = TickState(), TickSettings(tick_seconds=TICK_SECONDS)
    while True:
        world.advance(world.now + TICK_SECONDS)
        done = tick(world.fleet(), {}, state, world.now, policies=[policy], settings=settings)
        state = done.state
        for action in done.actions:
            world.apply(action)
        yield world.now - ORIGIN, done.plans[0]


def play(world: SimulatedWorld, policy: WorkloadPolicy, *, seconds: float) -> Plan:
    return next(plan for at, plan in played(world, policy) if at >= seconds)


def all_ready_at(world: SimulatedWorld, policy: WorkloadPolicy, *, seconds: float) -> float:
    for at, plan in played(world, policy):
        if plan.ready == policy.limits.min_replicas or at > seconds:
            return at
    raise AssertionError


def started_at(world: SimulatedWorld, kind: str) -> list[float]:
    return [one.decided_at - ORIGIN for one in world.records() if one.kind.value == kind]


def test_cold_starts_have_a_deadline_of_their_own_after_restores_failed() -> None:
    world = a_world(mended_at=60.0)
    assert all_ready_at(world, a_policy(3), seconds=3600.0) < 500.0
    ended = Counter((one.kind.value, one.outcome.value) for one in world.records())
    assert ended[("cold", "hung")] == 0


def test_where_cold_starts_hang_restores_are_tried_again_within_half_an_hour() -> None:
    world = a_world(cold=HANGING, mended_at=60.0)
    assert play(world, a_policy(3), seconds=1900.0).ready > 0


@pytest.mark.parametrize("replicas", [1, 3])
def test_where_cold_starts_fail_restores_are_tried_in_turn(replicas: int) -> None:
    world = a_world(cold=FAILING, mended_at=1800.0)
    assert all_ready_at(world, a_policy(replicas), seconds=3600.0) < 2000.0


def test_while_restores_fail_one_at_a_time_is_tried_with_growing_gaps() -> None:
    """Nodes vanish, so that starts are needed all the time; cold ones come."""
    world = a_world(cold=WELL)
    policy = a_policy(3)
    losses = (node.name for node in world.fleet().nodes for _ in range(60))
    for number, (at, _) in enumerate(played(world, policy)):
        if number % 6 == 5:
            lost = next((one.node for one in world.fleet().replicas), None) or next(losses)
            world.lose_node(lost)
            world.bring_back_node(lost)
        if at > 3600.0:
            break
    tried = [at for at in started_at(world, "restore") if at > 30.0]
    gaps = [after - before for before, after in pairwise(tried)]
    assert 3 <= len(tried) <= 8
    assert all(gap >= 60.0 for gap in gaps)
    assert gaps[-1] > 4 * gaps[0]
    assert len(started_at(world, "cold")) > 100


@pytest.mark.parametrize("cold_fallback", [True, False])
def test_what_fails_at_once_is_tried_no_more_than_once_a_minute(cold_fallback: bool) -> None:
    world = a_world(cold=FAILING)
    play(world, a_policy(5, cold_fallback=cold_fallback), seconds=3600.0)
    assert 70 < len(world.records()) < 100


def test_one_start_that_comes_ends_the_pauses() -> None:
    world = a_world(cold=FAILING, mended_at=3000.0, cold_too=True)
    assert all_ready_at(world, a_policy(5), seconds=4000.0) < 3150.0


@pytest.mark.parametrize("cold", [FAILING, HANGING])
def test_restores_of_two_stages_come_back_too(cold: StartLatency) -> None:
    world = a_world(cold=cold, mended_at=300.0, parking=Parking(median_seconds=10.0))
    assert play(world, a_policy(3), seconds=2200.0).ready > 0


def test_a_gpu_budget_holds_though_what_was_given_up_is_slow_to_go() -> None:
    world, state, going_until = a_world(restore=FAILING, cold=FAILING), TickState(), list[float]()
    limits = Limits(min_replicas=1, max_replicas=1, gpu_budget=1)
    policy, most = replace(a_policy(1), limits=limits), 0
    for _ in range(120):
        world.advance(world.now + TICK_SECONDS)
        going_until = [until for until in going_until if until > world.now]
        fleet = replace(world.fleet(), ending_gpus=((CHAT, len(going_until)),))
        most = max(most, len(going_until) + len(fleet.replicas))
        done = tick(fleet, {}, state, world.now, policies=[policy], settings=TickSettings())
        state = done.state
        for action in done.actions:
            world.apply(action)
            going_until += [world.now + 30.0] if isinstance(action, Cancel) else []
    assert most == 1
    assert len(world.records()) > 10
