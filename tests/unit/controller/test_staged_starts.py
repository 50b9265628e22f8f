import pytest

from controller.cluster_view import Fleet, NodeName, StartKind
from controller.pair_memory import PairMemory
from controller.parking_feedback import HostTimes
from controller.placement import PlacementRequest
from controller.staged_starts import ColdStarts, cold_starts_due, of_host_parts, staged_starts
from controller.worker_stock import stock_of
from models.forecast import WorkloadName
from tests.builders import CHAT, a_fleet, a_node, a_replica, a_worker, with_parking

SEARCH = "search"
NO_MEMORY = PairMemory()
TIMES = HostTimes(seconds=10.0)


def asks(
    count: int,
    workload: str = CHAT,
    *,
    priority: int = 0,
    max_concurrent: int | None = None,
    cold_fallback: bool = True,
) -> PlacementRequest:
    return PlacementRequest(
        workload=WorkloadName(workload),
        count=count,
        priority=priority,
        max_concurrent=max_concurrent,
        cold_fallback=cold_fallback,
    )


def starts(
    fleet: Fleet,
    *requests: PlacementRequest,
    memory: PairMemory = NO_MEMORY,
    parks: PairMemory = NO_MEMORY,
) -> list[tuple[str, str]]:
    """Return which worker, or which workload cold, takes a GPU of which node."""
    assert fleet.parking is not None
    stocks = {
        request.workload: stock_of(
            [one for one in fleet.parking.workers if one.workload == request.workload],
            fleet.free_gpus(),
            TIMES,
            now=fleet.seen_at,
        )
        for request in requests
    }
    due = {
        request.workload: cold_starts_due(
            request, len(stocks[request.workload].ready), memory, parks
        )
        for request in requests
    }
    found = staged_starts(requests, fleet, stocks, due, memory, parks)
    assert all((one.worker is None) == (one.kind is StartKind.COLD) for one in found)
    return [(one.worker or f"{one.workload} cold", one.node) for one in found]


def failures(count: int, *, attempt: int = 1) -> PairMemory:
    """Return the memory of so many restores of chat that failed in a row, on node-09."""
    memory = NO_MEMORY
    for number in range(count):
        failed = a_replica(f"failed-{number}", node="node-09", attempt=attempt)
        memory = memory.after_failure(failed, 100.0)
    return memory


def test_a_worker_takes_the_gpu_of_its_own_node() -> None:
    fleet = with_parking(a_fleet(), a_worker("w", node="node-02"))
    assert starts(fleet, asks(2)) == [("w", "node-02")]


def test_where_fewest_others_wait_is_promoted_first_and_then_the_oldest() -> None:
    fleet = with_parking(
        a_fleet(),
        a_worker("shared", node="node-00", decided_at=1.0),
        a_worker("other", workload=SEARCH, node="node-00"),
        a_worker("young", node="node-01", decided_at=3.0),
        a_worker("old", node="node-02", decided_at=2.0),
    )
    assert starts(fleet, asks(3)) == [
        ("old", "node-02"),
        ("young", "node-01"),
        ("shared", "node-00"),
    ]


def test_where_a_start_has_failed_is_promoted_last() -> None:
    memory = NO_MEMORY.after_failure(a_replica("failed", node="node-00"), 100.0)
    fleet = with_parking(a_fleet(), a_worker("a"), a_worker("b", node="node-01", decided_at=9.0))
    assert starts(fleet, asks(1), memory=memory) == [("b", "node-01")]


def test_workloads_compete_for_a_gpu_by_priority_as_restores_do() -> None:
    fleet = with_parking(
        a_fleet(nodes=1), a_worker("c"), a_worker("s", workload=SEARCH, decided_at=50.0)
    )
    assert starts(fleet, asks(1), asks(1, SEARCH)) == [("c", "node-00")]
    assert starts(fleet, asks(1), asks(1, SEARCH, priority=1)) == [("s", "node-00")]


def test_limits_of_starts_under_way_hold_for_promotions() -> None:
    workers = (a_worker("a"), a_worker("b"), a_worker("c", node="node-01"))
    fleet = with_parking(a_fleet(nodes=(a_node(gpus=4), a_node("node-01", gpus=4))), *workers)
    # One start at once on each node.
    assert sorted(starts(fleet, asks(3))) == [("a", "node-00"), ("c", "node-01")]
    assert len(starts(fleet, asks(3, max_concurrent=1))) == 1


def test_a_start_that_failed_too_often_is_cold_and_on_any_node() -> None:
    memory = failures(1, attempt=3)
    fleet = with_parking(a_fleet(), a_worker("w", node="node-02"))
    assert starts(fleet, asks(2), memory=memory) == [("chat cold", "node-00"), ("w", "node-02")]
    assert cold_starts_due(asks(2), 1, memory, NO_MEMORY) == ColdStarts(device=1)
    assert cold_starts_due(asks(2, cold_fallback=False), 1, memory, NO_MEMORY) == ColdStarts()


def test_a_broken_snapshot_is_not_promoted_any_more() -> None:
    fleet = with_parking(a_fleet(), a_worker("w", node="node-02"))
    found = starts(fleet, asks(2), memory=failures(6))
    assert [name for name, _ in found] == ["chat cold", "chat cold"]


def test_host_parts_that_fail_make_cold_only_what_no_worker_stands_ready_for() -> None:
    two = (a_worker("a", node="node-01"), a_worker("b", node="node-02", decided_at=9.0))
    fleet = with_parking(a_fleet(nodes=5), *two)
    assert starts(fleet, asks(4), parks=failures(6)) == [
        ("a", "node-01"),
        ("b", "node-02"),
        ("chat cold", "node-00"),
        ("chat cold", "node-03"),
    ]
    # One host part was tried three times: of the two that lack a worker one is cold.
    assert len(starts(fleet, asks(4), parks=failures(1, attempt=3))) == 3
    assert len(starts(fleet, asks(2), parks=failures(6))) == 2


@pytest.mark.parametrize(
    ("device", "host", "expected"),
    [
        (failures(6), failures(6), ColdStarts(device=5)),
        (failures(1, attempt=3), failures(6), ColdStarts(device=1, host=2)),
        (failures(2, attempt=2), failures(6), ColdStarts(host=3)),
        (NO_MEMORY, failures(4, attempt=3), ColdStarts(host=3)),
        (NO_MEMORY, failures(2, attempt=3), ColdStarts(host=2)),
        (NO_MEMORY, failures(5, attempt=2), ColdStarts()),
    ],
)
def test_of_five_starts_and_two_workers_so_many_are_cold(
    device: PairMemory, host: PairMemory, expected: ColdStarts
) -> None:
    assert cold_starts_due(asks(5), 2, device, host) == expected


@pytest.mark.parametrize(
    ("device", "ready", "expected"),
    [
        (failures(6), 2, ColdStarts(device=4)),
        (failures(6), 0, ColdStarts(device=5)),
        (failures(1, attempt=3), 2, ColdStarts(device=1)),
    ],
)
def test_a_trial_takes_a_worker_that_stands_ready(
    device: PairMemory, ready: int, expected: ColdStarts
) -> None:
    assert cold_starts_due(asks(5), ready, device, NO_MEMORY, is_trial_due=True) == expected


def test_each_part_goes_on_with_its_own_attempts() -> None:
    fleet = with_parking(a_fleet(nodes=5), a_worker("w", node="node-01", attempt=3))
    assert fleet.parking is not None
    stocks = {CHAT: stock_of(fleet.parking.workers, fleet.free_gpus(), TIMES, now=100.0)}
    device = NO_MEMORY
    for number, attempt in enumerate((3, 1)):
        failed = a_replica(f"d{number}", node="node-09", attempt=attempt)
        device = device.after_failure(failed, 100.0)
    host = failures(6, attempt=3)
    due = {CHAT: cold_starts_due(asks(3), 1, device, host)}
    found = staged_starts([asks(3)], fleet, stocks, due, device, host)
    # Cold for a device part tried three times, a promotion for one tried once, cold for a host's.
    assert [(one.worker, one.kind.value, one.attempt) for one in found] == [
        (None, "cold", 4),
        ("w", "restore", 2),
        (None, "cold", 4),
    ]
    assert due == {CHAT: ColdStarts(device=1, host=1)}
    assert of_host_parts(found, due) == found[2:]


def test_without_room_for_a_cold_start_there_is_none() -> None:
    fleet = with_parking(a_fleet(a_replica("r", node="node-00"), nodes=1))
    assert starts(fleet, asks(1), memory=failures(6)) == []
    assert starts(fleet, asks(1), parks=failures(6)) == []


def test_a_worker_on_a_node_that_may_not_be_used_stays() -> None:
    node = a_node("node-00", unfit_reason="not Ready")
    fleet = with_parking(a_fleet(nodes=(node, a_node("node-01"))), a_worker("w"))
    assert starts(fleet, asks(1)) == []
    assert fleet.free_gpus() == {NodeName("node-01"): 1}
