"""Workloads that share a pool too small for all: who is brought down, and what that means."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

from controller.cluster_view import Fleet, Phase, Replica
from controller.plan import Plan, Reason
from controller.policy import Actuator, Limits, Mode, WorkloadPolicy
from controller.pool_shares import within_pools
from models.forecast import WorkloadName
from models.outlook import Outlook
from tests.builders import a_fleet, a_node, a_plan, a_replica
from tests.unit.controller.builders import NOW, a_forecast, a_policy, a_reading, an_outlook

BIG, SMALL = WorkloadName("big"), WorkloadName("small")


def wanting(
    workload: str, target: int, *, ready: int = 0, restoring: int = 0, demand: float | None = None
) -> Plan:
    """Return a plan that starts what it lacks."""
    return a_plan(workload=workload, at=NOW, target=target)._replace(
        ready=ready,
        restoring=restoring,
        starts=max(0, target - ready - restoring),
        demand_per_second=demand,
    )


def foreseeing(**demands: float) -> dict[WorkloadName, Outlook]:
    return {
        WorkloadName(name): an_outlook(workload=name, forecast=a_forecast(demand, spread=0.01))
        for name, demand in demands.items()
    }


def replicas(workload: str, phase: Phase, *nodes: int) -> list[Replica]:
    return [
        a_replica(f"{workload}-{number}", workload=workload, node=f"node-{number:02d}", phase=phase)
        for number in nodes
    ]


def shared(
    *plans: Plan,
    fleet: Fleet,
    outlooks: dict[WorkloadName, Outlook] | None = None,
    policies: tuple[WorkloadPolicy, ...] | None = None,
) -> list[Plan]:
    rules = policies or tuple(a_policy(plan.workload) for plan in plans)
    return within_pools(plans, rules, fleet, (outlooks or {}).get)


def test_plans_that_the_pool_can_serve_stay_as_they_are() -> None:
    plans = [wanting(BIG, 3), wanting(SMALL, 1)]
    assert shared(*plans, fleet=a_fleet(nodes=4)) == plans


def test_too_small_a_pool_goes_to_whom_it_keeps_from_missing_more() -> None:
    outlooks = foreseeing(big=2.9, small=1.9)
    big, small = shared(
        wanting(BIG, 3), wanting(SMALL, 2), fleet=a_fleet(nodes=3), outlooks=outlooks
    )
    assert (big.target, big.starts, big.waiting, big.reason) == (3, 3, 0, Reason.FORECAST)
    assert (small.target, small.starts, small.waiting, small.reason) == (0, 0, 2, Reason.POOL)


def test_the_smallest_number_of_replicas_is_kept_whatever_others_would_miss() -> None:
    policies = (a_policy(BIG), a_policy(SMALL, limits=Limits(min_replicas=1)))
    outlooks = foreseeing(big=2.9, small=0.1)
    big, small = shared(
        wanting(BIG, 3),
        wanting(SMALL, 1),
        fleet=a_fleet(nodes=3),
        outlooks=outlooks,
        policies=policies,
    )
    assert (big.target, small.target) == (2, 1)


def test_what_another_needs_more_is_released_and_starts_are_given_up_first() -> None:
    fleet = a_fleet(
        *replicas(SMALL, Phase.READY, 0, 1),
        *replicas(SMALL, Phase.RESTORING, 2),
        nodes=3,
    )
    outlooks = foreseeing(big=2.9, small=0.4)
    big, small = shared(
        wanting(BIG, 2), wanting(SMALL, 3, ready=2, restoring=1), fleet=fleet, outlooks=outlooks
    )
    assert big.starts == 2
    assert small.target == 1
    assert [name for name, _ in small.cancels] == ["small-2"]
    assert small.releases == ("small-0",)


def test_a_start_that_is_given_up_already_is_given_up_once() -> None:
    fleet = a_fleet(*replicas(SMALL, Phase.RESTORING, 0, 1), nodes=2)
    hung = wanting(SMALL, 2, restoring=1)._replace(
        cancels=((fleet.replicas[0].name, "not ready after 600 s"),)
    )
    _, small = shared(wanting(BIG, 2), hung, fleet=fleet, outlooks=foreseeing(big=1.9, small=0.4))
    assert [name for name, _ in small.cancels] == ["small-0", "small-1"]


def test_what_drains_holds_its_gpu_and_what_serves_on_an_unfit_node_takes_none() -> None:
    nodes = (a_node("node-00"), a_node("node-01"), a_node("node-02", unfit_reason="not Ready"))
    fleet = a_fleet(
        *replicas(SMALL, Phase.DRAINING, 0), *replicas(BIG, Phase.READY, 2), nodes=nodes
    )
    plans = (wanting(BIG, 1, ready=1), wanting(SMALL, 1))
    assert [plan.target for plan in shared(*plans, fleet=fleet)] == [1, 1]
    short = shared(wanting(BIG, 2, ready=1), wanting(SMALL, 1), fleet=fleet)
    assert sum(plan.target for plan in short) == 2


def test_what_is_only_held_gives_way_to_demand_whatever_its_priority() -> None:
    idle = wanting(SMALL, 8, ready=8, demand=0.0)
    idle = idle._replace(reason=Reason.HOLD, floor=1, reactive=0)
    policies = (a_policy(BIG), a_policy(SMALL, limits=Limits(priority=9)))
    fleet = a_fleet(*replicas(SMALL, Phase.READY, *range(8)), nodes=10)
    outlooks = foreseeing(**{BIG: 10.0, SMALL: 0.1})
    busy, held = shared(
        wanting(BIG, 10, demand=10.0), idle, fleet=fleet, outlooks=outlooks, policies=policies
    )
    assert (busy.target, held.target) == (9, 1)


def test_silence_takes_away_nothing_that_serves() -> None:
    fleet = a_fleet(*replicas(SMALL, Phase.READY, 0, 1), nodes=2)
    big, small = shared(wanting(BIG, 2), wanting(SMALL, 2, ready=2), fleet=fleet)
    assert (big.target, small.target) == (0, 2)


def test_a_part_of_demand_takes_away_nothing_that_serves() -> None:
    fleet = a_fleet(*replicas(SMALL, Phase.READY, 0, 1), nodes=2)
    plans = wanting(BIG, 2, demand=1.5), wanting(SMALL, 2, ready=2, demand=0.2)
    measured = a_reading(0.2)
    for reading, kept in ((measured, 0), (replace(measured, is_at_least=True), 2)):
        outlooks = {SMALL: an_outlook(workload=SMALL, reading=reading)}
        big, small = shared(*plans, fleet=fleet, outlooks=outlooks)
        assert (big.target, small.target) == (2 - kept, kept)


def test_without_a_forecast_measured_demand_decides() -> None:
    fleet = a_fleet(nodes=1)
    big, small = shared(wanting(BIG, 1, demand=0.9), wanting(SMALL, 1, demand=0.2), fleet=fleet)
    assert (big.target, small.target) == (1, 0)


def test_who_is_alone_on_its_nodes_shares_with_nobody() -> None:
    nodes = (
        replace(a_node("node-00"), unfit_for=((SMALL, "another class"),)),
        replace(a_node("node-01"), unfit_for=((BIG, "another class"),)),
    )
    plans = [wanting(BIG, 5), wanting(SMALL, 5)]
    assert shared(*plans, fleet=a_fleet(nodes=nodes)) == plans


def test_workloads_compete_where_some_node_is_open_to_both() -> None:
    nodes = (a_node("node-00"), replace(a_node("node-01"), unfit_for=((SMALL, "another class"),)))
    plans = (wanting(BIG, 5), wanting(SMALL, 5))
    found = shared(*plans, fleet=a_fleet(nodes=nodes), outlooks=foreseeing(big=5, small=5))
    assert sum(plan.target for plan in found) == 2


def test_only_those_whose_pods_are_started_here_take_part() -> None:
    watching = a_policy(SMALL, mode=Mode.OBSERVE)
    scaled = replace(a_policy("scaled"), actuator=Actuator.KEDA)
    plans = [wanting(BIG, 5), wanting(SMALL, 5), wanting("scaled", 5)]
    policies = (a_policy(BIG), watching, scaled)
    assert shared(*plans, fleet=a_fleet(nodes=2), policies=policies) == plans


def test_nothing_is_let_go_of_where_nobody_else_may_start() -> None:
    # As at a controller's first sight of its pool: nothing is cordoned yet.
    nodes = tuple(
        a_node(f"node-{number:02d}", gpus=1, unfit_reason="not cordoned") for number in range(4)
    )
    serving = (*replicas(BIG, Phase.READY, 0, 1), *replicas(SMALL, Phase.READY, 2, 3))
    outlooks = foreseeing(big=2.9, small=1.9)
    big, small = shared(
        wanting(BIG, 3, ready=2),
        wanting(SMALL, 2, ready=2),
        fleet=replace(a_fleet(*serving), nodes=nodes),
        outlooks=outlooks,
    )
    assert (big.target, big.waiting, big.releases) == (2, 1, ())
    assert (small.target, small.releases) == (2, ())


def test_who_is_brought_down_makes_room_where_others_may_start() -> None:
    nodes = (
        a_node("node-00", gpus=1),
        a_node("node-01", gpus=1),
        a_node("node-02", gpus=1, unfit_reason="no restore agent"),
        a_node("node-03", gpus=1),
    )
    serving = (*replicas(BIG, Phase.READY, 0, 1), *replicas(SMALL, Phase.READY, 3, 2))
    outlooks = foreseeing(big=2.9, small=1.05)
    big, small = shared(
        wanting(BIG, 3, ready=2),
        wanting(SMALL, 2, ready=2),
        fleet=replace(a_fleet(*serving), nodes=nodes),
        outlooks=outlooks,
    )
    assert (big.target, big.starts) == (3, 1)
    assert (small.target, small.releases) == (1, ("small-3",))


def test_a_metric_that_is_out_of_its_mind_costs_no_more_than_the_pool_is_large() -> None:
    plans = [wanting(BIG, 1_000_000, demand=4e9), wanting(SMALL, 1, demand=1.0)]
    tracemalloc.start()
    big, small = shared(*plans, fleet=a_fleet(nodes=8))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (big.target, big.waiting, small.target) == (7, 999_993, 1)
    assert peak < 5e6


def test_a_share_starts_no_more_than_the_limits_left_room_for() -> None:
    plans = [wanting(BIG, 6)._replace(starts=1), wanting(SMALL, 1)]
    big, _ = shared(*plans, fleet=a_fleet(nodes=4))
    assert (big.reason, big.target > 1, big.starts, big.waiting) == (Reason.POOL, True, 1, 0)
