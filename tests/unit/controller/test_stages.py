"""What a tick decides where restores have two stages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.actions import Park, Promote, Release, Start, Unpark
from controller.cluster_view import (
    Fleet,
    Phase,
    Replica,
    ReplicaName,
    StartKind,
    Worker,
    WorkerPhase,
)
from controller.hold import Hold
from controller.pair_memory import PairMemory
from controller.parking_memory import ParkingMemory
from controller.parking_plan import ParkingPlan
from controller.policy import Limits, Mode, Restore, WorkloadPolicy
from controller.staged_starts import ColdStarts
from controller.staged_workloads import StagedWorkload, spare_workers
from controller.tick import TickResult, tick
from controller.tick_state import TickSettings, TickState
from controller.worker_stock import Stock
from models.forecast import Forecast
from models.lead_time import LeadTimeKey, LeadTimeMeasurement, LeadTimes, learn, measurements
from tests.builders import CHAT, a_fleet, a_node, a_plan, a_replica, a_worker, with_parking
from tests.unit.controller.builders import NOW, a_forecast, a_policy, a_reading, an_outlook

PARKING = WorkerPhase.PARKING
#: A host part takes 20 s and a device part 10 s: with ticks of 5 s, GPUs are planned for 15 s,
#: workers for 40 s.
FIXED = TickSettings(fixed_lead_time_seconds=10.0, fixed_parking_seconds=20.0)
#: 2/s, and 5/s from 30 s on.
RISING = a_forecast([2.0] * 3 + [5.0] * 27)


def ready(count: int) -> list[Replica]:
    """Return replicas that took no time to start, so that nothing is learned from them."""
    since = NOW - 900.0
    return [
        replace(
            a_replica(f"ready-{number}", node=f"node-{number:02d}"),
            decided_at=since,
            ready_at=since,
        )
        for number in range(count)
    ]


def waiting(name: str, node: int, **others: object) -> Worker:
    """Return a worker decided on 30 s ago that is not yet overdue."""
    given = {"decided_at": NOW - 30.0, "deadline_at": NOW + 600.0, **others}
    return a_worker(name, node=f"node-{node:02d}", **given)  # type: ignore[arg-type]


def a_tick(
    fleet: Fleet,
    forecast: Forecast = RISING,
    *policies: WorkloadPolicy,
    state: TickState | None = None,
    settings: TickSettings = FIXED,
    per_second: float = 2.0,
) -> TickResult:
    rules = policies or (a_policy(),)
    outlooks = {
        one.workload: an_outlook(
            workload=one.workload, reading=a_reading(per_second), forecast=forecast
        )
        for one in rules
    }
    seen = replace(fleet, seen_at=NOW)
    return tick(seen, outlooks, state or TickState(), NOW, policies=rules, settings=settings)


def the_parking(result: TickResult) -> ParkingPlan:
    parking = result.plans[0].parking
    assert parking is not None
    return parking


def held(count: int, *, ago: float = 590.0) -> TickState:
    """Return the state in which so many workers were wanted nearly ten minutes ago."""
    hold = Hold(((NOW - ago, count),))
    return TickState(parking={CHAT: ParkingMemory(hold=hold)})


def failed_often(count: int, *, attempt: int = 1, ago: float = 10.0) -> TickState:
    memory = PairMemory()
    for number in range(count):
        failed = a_replica(
            f"failed-{number}", node="node-09", attempt=attempt, started_at=NOW - ago
        )
        memory = memory.after_failure(failed, NOW - ago)
    return TickState(memory=memory)


def test_workers_are_parked_a_whole_lead_time_ahead_and_take_no_gpu() -> None:
    result = a_tick(with_parking(a_fleet(*ready(2), nodes=8)))
    (planned,) = result.plans
    assert (planned.target, planned.starts, planned.waiting) == (2, 0, 0)
    assert planned.lead_time_seconds == 10.0
    assert the_parking(result) == ParkingPlan(
        target=5, lead_time_seconds=30.0, quantile_level=0.99, parks=3
    )
    parks = [action for action in result.actions if isinstance(action, Park)]
    assert len(parks) == len(result.actions) == 3
    assert [park.node for park in parks] == ["node-02", "node-03", "node-04"]
    assert [park.name for park in parks] == [f"chat-{round(NOW * 1000)}-{n}" for n in range(3)]
    assert {(park.decided_at, park.reason) for park in parks} == {(NOW, "target 5 workers")}


def test_workers_are_promoted_a_device_part_ahead() -> None:
    soon = a_forecast([2.0] + [5.0] * 29)
    workers = [waiting(f"w{number}", number) for number in (2, 3, 4)]
    result = a_tick(with_parking(a_fleet(*ready(2), nodes=8), *workers), soon)
    (planned,) = result.plans
    assert (planned.target, planned.starts, planned.waiting) == (5, 3, 0)
    parking = the_parking(result)
    assert [(one.name, one.node) for one in parking.promotions] == [
        ("w2", "node-02"),
        ("w3", "node-03"),
        ("w4", "node-04"),
    ]
    assert (parking.parked, parking.parks, parking.unparks) == (3, 0, ())
    promotes = [action for action in result.actions if isinstance(action, Promote)]
    assert [(one.name, one.node, one.decided_at) for one in promotes] == [
        ("w2", "node-02", NOW),
        ("w3", "node-03", NOW),
        ("w4", "node-04", NOW),
    ]
    assert {one.reason for one in promotes} == {"forecast: target 5"}


def test_what_finds_no_worker_waits_and_is_parked_for() -> None:
    soon = a_forecast([2.0] + [5.0] * 29)
    fleet = with_parking(
        a_fleet(*ready(2), nodes=8), waiting("w", 2), waiting("c", 3, phase=PARKING)
    )
    result = a_tick(fleet, soon)
    (planned,) = result.plans
    assert (planned.starts, planned.waiting) == (1, 2)
    parking = the_parking(result)
    assert (parking.parked, parking.parking, parking.parks) == (1, 1, 1)


def test_a_surplus_worker_is_dropped_after_the_hold_the_youngest_first() -> None:
    calm = a_forecast(2.0)
    workers = [
        waiting("old", 2),
        waiting("young", 3, decided_at=NOW - 15.0),
        waiting("youngest", 4, decided_at=NOW - 12.0),
    ]
    fleet = with_parking(a_fleet(*ready(2), nodes=8), *workers)
    assert the_parking(a_tick(fleet, calm, state=held(5))).unparks == ()
    gone = the_parking(a_tick(fleet, calm, state=held(5, ago=610.0))).unparks
    assert [one.name for one in gone] == ["youngest", "young", "old"]
    result = a_tick(fleet, calm, state=held(3))
    unparks = [action for action in result.actions if isinstance(action, Unpark)]
    assert [(one.name, one.node, one.reason) for one in unparks] == [
        ("youngest", "node-04", "not needed any more"),
        ("young", "node-03", "not needed any more"),
    ]
    assert [one.name for one in the_parking(result).unparks] == ["youngest", "young"]


def test_what_failed_or_hangs_is_dropped_at_once_and_parked_anew_elsewhere() -> None:
    failed = waiting("failed", 2, phase=WorkerPhase.FAILED)
    hung = waiting("hung", 3, phase=PARKING, deadline_at=NOW - 1.0)
    result = a_tick(with_parking(a_fleet(*ready(2), nodes=8), failed, hung))
    assert [one.name for one in the_parking(result).unparks] == ["failed", "hung"]
    parks = [action for action in result.actions if isinstance(action, Park)]
    assert [(park.node, park.attempt) for park in parks] == [
        ("node-04", 2),
        ("node-05", 2),
        ("node-06", 1),
    ]
    assert isinstance(result.actions[0], Unpark)
    assert result.state.park_failures.owed_attempts(CHAT) == ()
    assert {one.ready for one in measurements(result.state.lead_times)} == {False}


def test_a_blocked_worker_is_replaced_where_a_gpu_is_free() -> None:
    # Of node-00 the only GPU serves: who is parked there can't be promoted.
    fleet = with_parking(a_fleet(*ready(2), nodes=8), waiting("blocked", 0), waiting("w", 2))
    parking = the_parking(a_tick(fleet))
    assert (parking.target, parking.parked, parking.parks) == (5, 2, 2)


def test_who_is_parked_on_a_node_that_is_barred_is_replaced_elsewhere() -> None:
    barred = replace(a_node("node-02"), unfit_for=((CHAT, "no such GPU"),))
    nodes = (a_node("node-00"), a_node("node-01"), barred, a_node("node-03"))
    soon = a_forecast([2.0] + [3.0] * 29)
    result = a_tick(with_parking(a_fleet(*ready(2), nodes=nodes), waiting("barred", 2)), soon)
    assert (result.plans[0].waiting, the_parking(result).parks) == (1, 1)
    (park,) = [action for action in result.actions if isinstance(action, Park)]
    assert park.node == "node-03"


@pytest.mark.parametrize(("taken", "parks"), [(40.0, 2), (10.0, 0)])
def test_who_is_parked_behind_a_device_part_that_may_hang_is_replaced_elsewhere(
    taken: float, parks: int
) -> None:
    """Device parts and host parts of 10 s have been learned; one start at once runs on a node."""
    lead_times = LeadTimes()
    for kind in ("restore", "park"):
        for number in range(40):
            key = LeadTimeKey(snapshot=CHAT, kind=kind)
            one = LeadTimeMeasurement(key=key, at=NOW - 900 + number, seconds=10.0, ready=True)
            lead_times = learn(lead_times, one)
    begun = a_replica("begun", node="node-00", phase=Phase.RESTORING, started_at=NOW - taken)
    fleet = with_parking(
        a_fleet(
            replace(begun, deadline_at=NOW + 600.0),
            nodes=(a_node(gpus=4), a_node("node-01", gpus=4), a_node("node-02", gpus=4)),
        ),
        waiting("a", 0),
        waiting("b", 0),
    )
    calm = a_forecast(2.0)
    limits = a_policy(limits=Limits(max_replicas=3))
    state = TickState(lead_times=lead_times)
    result = a_tick(fleet, calm, limits, state=state, settings=TickSettings())
    begins = [action.node for action in result.actions if isinstance(action, Park)]
    assert begins == ["node-01", "node-02"][:parks]


def test_limits_bound_workers_and_the_pool_bounds_what_is_parked() -> None:
    fleet = with_parking(a_fleet(*ready(2), nodes=4))
    assert the_parking(a_tick(fleet, RISING, a_policy(limits=Limits(max_replicas=3)))).parks == 1
    parking = the_parking(a_tick(fleet))
    assert (parking.target, parking.parks, parking.waiting) == (5, 2, 1)


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.RECOMMEND])
def test_who_may_not_act_says_what_it_would_park_and_parks_nothing(mode: Mode) -> None:
    failed = waiting("failed", 2, phase=WorkerPhase.FAILED)
    fleet = with_parking(a_fleet(*ready(2), nodes=8), failed)
    result = a_tick(fleet, RISING, a_policy(mode=mode))
    parking = the_parking(result)
    assert (parking.target, parking.parks, parking.waiting) == (5, 3, 0)
    assert (parking.promotions, parking.unparks, result.actions) == ((), (), ())


def test_a_promotion_needs_no_gpu_that_is_let_go_only_later() -> None:
    drained = a_replica("d", node="node-02", phase=Phase.DRAINING, started_at=NOW - 900.0)
    soon = a_forecast([2.0] + [3.0] * 29)
    result = a_tick(with_parking(a_fleet(*ready(2), drained, nodes=3), waiting("w", 2)), soon)
    assert (result.plans[0].starts, result.plans[0].waiting) == (0, 1)


def test_a_restore_that_failed_gives_its_gpu_to_a_promotion_at_once() -> None:
    failed = a_replica("f", node="node-02", phase=Phase.FAILED, started_at=NOW - 60.0)
    soon = a_forecast([2.0] + [3.0] * 29)
    result = a_tick(with_parking(a_fleet(*ready(2), failed, nodes=3), waiting("w", 2)), soon)
    assert [one.name for one in the_parking(result).promotions] == ["w"]


def test_a_replica_restored_too_often_in_vain_is_started_cold() -> None:
    soon = a_forecast([2.0] + [3.0] * 29)
    fleet = with_parking(a_fleet(*ready(2), nodes=8), waiting("w", 4))
    result = a_tick(fleet, soon, state=failed_often(1, attempt=3))
    (start,) = [action for action in result.actions if isinstance(action, Start)]
    assert the_parking(result).unparks == ()
    assert (start.kind, start.node, start.attempt) == (StartKind.COLD, "node-02", 4)
    assert (the_parking(result).promotions, the_parking(result).cold) == ((), 1)
    assert result.plans[0].starts == 1
    assert result.state.memory.owed_attempts(CHAT) == ()


def test_a_cold_start_that_finds_no_room_is_owed_on() -> None:
    soon = a_forecast([2.0] + [3.0] * 29)
    state = failed_often(1, attempt=3)
    result = a_tick(with_parking(a_fleet(*ready(2), nodes=2)), soon, state=state)
    assert result.plans[0].waiting == 1
    assert result.state.memory.owed_attempts(CHAT) == (4,)


def test_while_the_snapshot_is_broken_nothing_is_parked() -> None:
    fleet = with_parking(a_fleet(*ready(2), nodes=8))
    assert the_parking(a_tick(fleet, state=failed_often(6))).parks == 0
    # But for one at a time, a minute after restores failed last.
    assert the_parking(a_tick(fleet, state=failed_often(6, ago=60.0))).parks == 1
    there = with_parking(a_fleet(*ready(2), nodes=8), waiting("c", 3, phase=PARKING))
    assert the_parking(a_tick(there, state=failed_often(6, ago=60.0))).parks == 0
    warm = a_policy(restore=Restore(cold_fallback=False))
    assert the_parking(a_tick(fleet, RISING, warm, state=failed_often(6))).parks == 3
    # After two dozen in a row one at a time tries.
    assert the_parking(a_tick(fleet, RISING, warm, state=failed_often(24))).parks == 1
    trying = with_parking(a_fleet(*ready(2), nodes=8), waiting("c", 3, phase=PARKING))
    assert the_parking(a_tick(trying, RISING, warm, state=failed_often(24))).parks == 0


def test_while_host_parts_fail_who_is_parked_is_promoted_and_the_rest_starts_cold() -> None:
    soon = a_forecast([2.0] + [5.0] * 29)
    workers = [waiting("a", 4), waiting("b", 5)]
    known = ParkingMemory(judged=frozenset(one.name for one in workers))
    failures = failed_often(6, attempt=2).memory
    state = TickState(park_failures=failures, parking={CHAT: known})
    result = a_tick(with_parking(a_fleet(*ready(2), nodes=8), *workers), soon, state=state)
    promotes = [action for action in result.actions if isinstance(action, Promote)]
    starts = [action for action in result.actions if isinstance(action, Start)]
    assert [one.name for one in promotes] == ["a", "b"]
    assert [(one.kind, one.node, one.attempt) for one in starts] == [
        (StartKind.COLD, "node-02", 3),
    ]
    assert (the_parking(result).parks, the_parking(result).unparks) == (0, ())
    # One of six retries has been made.
    assert result.state.park_failures.owed_attempts(CHAT) == (3,) * 5


def test_while_a_cold_start_is_under_way_workers_ready_are_kept() -> None:
    cold = a_replica(
        "cold", node="node-02", phase=Phase.RESTORING, kind=StartKind.COLD, started_at=NOW - 20.0
    )
    cold = replace(cold, deadline_at=NOW + 600.0)
    fleet = with_parking(a_fleet(*ready(2), cold, nodes=8), waiting("w", 4))
    calm = a_forecast(3.0)
    assert the_parking(a_tick(fleet, calm, state=held(3), per_second=3.0)).unparks == ()
    warm = with_parking(
        a_fleet(*ready(2), replace(cold, kind=StartKind.RESTORE), nodes=8), waiting("w", 4)
    )
    gone = the_parking(a_tick(warm, calm, state=held(3), per_second=3.0)).unparks
    assert [one.name for one in gone] == ["w"]


def test_a_device_part_that_failed_is_tried_again_with_the_next_worker() -> None:
    soon = a_forecast([2.0] + [3.0] * 29)
    fleet = with_parking(a_fleet(*ready(2), nodes=8), waiting("w", 4))
    result = a_tick(fleet, soon, state=failed_often(1, attempt=2))
    (promote,) = [action for action in result.actions if isinstance(action, Promote)]
    assert (promote.name, promote.attempt) == ("w", 3)
    assert result.state.memory.owed_attempts(CHAT) == ()


def test_in_full_memory_a_spare_worker_makes_room_for_what_a_start_lacks() -> None:
    low = a_policy("low")
    high = a_policy("high", limits=Limits(min_replicas=1, priority=1))
    fleet = with_parking(
        a_fleet(
            a_replica("low-1", workload="low", node="node-01", started_at=NOW - 900.0),
            nodes=(a_node(gpus=8), a_node("node-01")),
        ),
        waiting("old", 0, workload="low"),
        waiting("young", 0, workload="low", decided_at=NOW - 25.0),
        per_node=2,
    )
    outlooks = {
        one.workload: an_outlook(
            workload=one.workload,
            reading=a_reading(1.0),
            forecast=a_forecast(1.0, workload=one.workload),
        )
        for one in (low, high)
    }
    seen = replace(fleet, seen_at=NOW)
    result = tick(seen, outlooks, TickState(), NOW, policies=(low, high), settings=FIXED)
    unpark, park = result.actions
    assert isinstance(unpark, Unpark)
    assert isinstance(park, Park)
    assert (unpark.name, unpark.reason) == ("young", "another worker is needed more")
    assert (park.workload, park.node) == ("high", "node-00")
    assert [one.name for one in the_parking(result).unparks] == ["young"]


def test_who_is_spare_is_what_no_start_of_now_needs() -> None:
    stock = Stock(
        ready=(waiting("old", 2), waiting("young", 3, decided_at=NOW), waiting("gone", 4)),
        blocked=(waiting("blocked", 5), waiting("coming", 6, phase=PARKING)),
    )
    one = StagedWorkload(
        planned=a_plan(starts=2),
        policy=a_policy(),
        wanted=ParkingPlan(target=4, lead_time_seconds=30.0, quantile_level=0.99),
        stock=stock,
        closed=frozenset(),
        memory=ParkingMemory(),
        cold=ColdStarts(),
        has_cold=False,
        is_acting=True,
    )

    def spare(placed: int) -> list[str]:
        return [worker.name for worker in spare_workers(one, placed, [ReplicaName("gone")])]

    assert spare(0) == ["blocked"]
    assert spare(1) == ["blocked", "young"]
    assert spare(2) == ["blocked", "young", "old"]


def test_a_host_part_measured_well_is_told() -> None:
    settings = TickSettings()
    fleet = with_parking(a_fleet(*ready(2), nodes=8), waiting("w", 2))
    result = a_tick(fleet, settings=settings)
    assert "chat: w parked after 10.0 s" in result.events
    assert result.state.parking[CHAT].judged == {"w"}
    again = a_tick(fleet, settings=settings, state=result.state)
    assert again.events == ()


def test_what_goes_makes_room_before_others_come() -> None:
    """A surplus replica, a surplus worker, a promotion and a park in one tick, in this order."""
    calm, busy = a_policy(), a_policy("search")
    fleet = with_parking(
        a_fleet(
            *ready(3),
            a_replica("s", workload="search", node="node-03", started_at=NOW - 900.0),
            nodes=8,
        ),
        waiting("surplus", 4),
        waiting("s2", 5, workload="search"),
    )

    def at(now: float, state: TickState) -> TickResult:
        outlooks = {
            policy.workload: an_outlook(
                workload=policy.workload,
                reading=a_reading(2.0, at=now),
                forecast=a_forecast(rate, workload=policy.workload, issued_at=now),
            )
            for policy, rate in ((calm, 2.0), (busy, 3.0))
        }
        seen = replace(fleet, seen_at=now)
        return tick(seen, outlooks, state, now, policies=(calm, busy), settings=FIXED)

    first = at(NOW, TickState())
    # The loop has come up: what it finds it holds, until the hold is over.
    assert {type(action) for action in first.actions} == {Promote, Park}
    second = at(NOW + 690.0, first.state)
    kinds = [type(action) for action in second.actions]
    assert kinds == [Release, Unpark, Promote, Park]


def test_in_one_stage_nothing_is_said_of_workers() -> None:
    result = a_tick(a_fleet(*ready(2), nodes=8))
    assert result.plans[0].parking is None
    assert result.state.parking == {}
