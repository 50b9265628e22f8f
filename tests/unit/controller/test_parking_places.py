from dataclasses import replace

from controller.cluster_view import (
    Fleet,
    Node,
    NodeName,
    ReplicaName,
    StartKind,
    Worker,
    WorkerPhase,
)
from controller.pair_memory import PairMemory
from controller.parking_places import ParkRequest, places_for
from controller.placement import Placement
from controller.policy import Limits, Restore
from tests.builders import CHAT, a_fleet, a_node, a_replica, a_worker, with_parking
from tests.unit.controller.builders import a_policy

PARKING = WorkerPhase.PARKING
NO_MEMORY = PairMemory()


def asks(
    count: int, workload: str = CHAT, *, priority: int = 0, attempts: tuple[int, ...] = ()
) -> ParkRequest:
    policy = a_policy(workload, limits=Limits(priority=priority))
    return ParkRequest(policy=policy, count=count, attempts=attempts)


def places(
    fleet: Fleet,
    *requests: ParkRequest,
    gone: tuple[str, ...] = (),
    starts: tuple[Placement, ...] = (),
    memory: PairMemory = NO_MEMORY,
) -> list[tuple[str, str]]:
    """Return which workload parks a worker on which node."""
    left = frozenset(ReplicaName(name) for name in gone)
    found, _ = places_for(requests, fleet, left, starts, (NO_MEMORY, memory))
    return [(one.workload, one.node) for one in found]


def asks_at_once(count: int, workload: str = CHAT) -> ParkRequest:
    """Return a request of a workload that may park many at once on one node."""
    policy = a_policy(workload, restore=Restore(max_concurrent_per_node=8))
    return ParkRequest(policy=policy, count=count)


def test_workers_are_parked_where_a_gpu_is_free_that_nobody_waits_for() -> None:
    fleet = with_parking(a_fleet(a_replica()), a_worker("w", node="node-01"))
    # node-00 serves, and for the GPU of node-01 one waits already: only node-02 is left.
    assert places(fleet, asks(3)) == [(CHAT, "node-02")]


def test_others_may_wait_for_the_same_gpu_once_every_gpu_is_waited_for() -> None:
    fleet = with_parking(a_fleet(nodes=2))
    # In turn, as long as both lack as many; each has one worker a GPU at the most.
    assert places(fleet, asks_at_once(9), asks_at_once(9, "search")) == [
        (CHAT, "node-00"),
        ("search", "node-01"),
        (CHAT, "node-01"),
        ("search", "node-00"),
    ]


def test_where_no_gpu_is_free_a_worker_waits_beside_another_workload_s_replica() -> None:
    others = a_replica("s", workload="search", node="node-00")
    own = a_replica("c", node="node-01")
    # Of node-01 the GPU is chat's own: what goes there makes no room for more of chat.
    fleet = with_parking(a_fleet(others, own, nodes=2))
    assert places(fleet, asks(2)) == [(CHAT, "node-00")]
    assert places(with_parking(a_fleet(others, own)), asks(2)) == [
        (CHAT, "node-02"),
        (CHAT, "node-00"),
    ]


def test_no_more_wait_for_gpus_in_use_than_are_missing() -> None:
    others = [a_replica(f"s{n}", workload="search", node=f"node-{n:02d}") for n in range(3)]
    fleet = with_parking(a_fleet(*others), a_worker("w", node="node-01"))
    blocked = ParkRequest(policy=a_policy(), count=2, blocked=1)
    assert places(fleet, blocked) == [(CHAT, "node-00")]
    assert places(fleet, ParkRequest(policy=a_policy(), count=1, blocked=1)) == []
    # One that finds a free GPU is parked all the same, and takes the other's place.
    roomy = with_parking(a_fleet(*others, nodes=4), a_worker("w", node="node-01"))
    assert places(roomy, ParkRequest(policy=a_policy(), count=1, blocked=1)) == [(CHAT, "node-03")]


def test_a_node_s_memory_holds_no_more_than_it_holds() -> None:
    fleet = with_parking(a_fleet(nodes=(a_node(gpus=8),)), a_worker("w"), per_node=2)
    assert places(fleet, asks_at_once(3)) == [(CHAT, "node-00")]
    assert places(fleet, asks_at_once(3), gone=("w",)) == [(CHAT, "node-00"), (CHAT, "node-00")]


def test_priority_comes_first_and_then_who_lacks_most() -> None:
    fleet = with_parking(a_fleet(nodes=4), per_node=1)
    urgent, few, many = asks(1, "urgent", priority=1), asks(2, "few"), asks(4, "many")
    taken = [name for name, _ in places(fleet, few, many, urgent)]
    # After its second turn "many" lacks two as "few" does, which comes first by name.
    assert taken == ["urgent", "many", "many", "few"]


def test_disks_are_spared_as_restores_spare_them() -> None:
    fleet = with_parking(
        a_fleet(nodes=(a_node(gpus=4), a_node("node-01", gpus=4))),
        a_worker("w", node="node-01", phase=PARKING),
    )
    # One host part at once on a node, whosever it is.
    assert places(fleet, asks(3)) == [(CHAT, "node-00")]
    one_at_once = ParkRequest(policy=a_policy(restore=Restore(max_concurrent=1)), count=1)
    assert places(fleet, one_at_once) == []


def test_where_it_failed_comes_last_and_where_it_may_not_be_never() -> None:
    failed = a_replica(node="node-00")
    memory = NO_MEMORY.after_failure(failed, 100.0)
    fleet = with_parking(a_fleet(nodes=2))
    assert places(fleet, asks(2), memory=memory) == [(CHAT, "node-01"), (CHAT, "node-00")]
    # Failures of both parts add up: two on node-00, one on node-01.
    again = NO_MEMORY.after_failure(replace(failed, name=ReplicaName("again")), 100.0)
    other = again.after_failure(a_replica("other", node="node-01"), 100.0)
    found, _ = places_for([asks(2)], fleet, frozenset(), (), (memory, other))
    assert [one.node for one in found] == ["node-01", "node-00"]
    barred = Node(name=NodeName("node-01"), gpus=1, unfit_for=((CHAT, "no such GPU"),))
    unfit = a_node("node-02", unfit_reason="not Ready")
    fleet = with_parking(a_fleet(nodes=(a_node(), barred, unfit)))
    assert places(fleet, asks(3)) == [(CHAT, "node-00")]


def test_the_gpus_of_this_tick_s_starts_are_taken() -> None:
    start = Placement(workload=CHAT, node=NodeName("node-00"), kind=StartKind.RESTORE)
    fleet = with_parking(a_fleet(nodes=2))
    assert places(fleet, asks(2), starts=(start,)) == [(CHAT, "node-01")]


def test_where_nothing_can_start_for_long_comes_after_all_others() -> None:
    fleet = with_parking(a_fleet(nodes=2))
    closed = ParkRequest(policy=a_policy(), count=2, closed={NodeName("node-00")})
    assert places(fleet, closed) == [(CHAT, "node-01"), (CHAT, "node-00")]
    assert places(fleet, replace(closed, count=1, blocked=1)) == [(CHAT, "node-01")]
    assert places(fleet, replace(closed, blocked=2)) == [(CHAT, "node-01")]
    low = a_worker("low", workload="low")
    full = with_parking(a_fleet(nodes=1), low, per_node=1)
    assert evictions(full, spares(low), replace(closed, count=1, needed=1)) == ([], [])


def test_retries_go_on_with_their_attempts() -> None:
    fleet = with_parking(a_fleet(nodes=3))
    found, _ = places_for([asks(3, attempts=(3, 2))], fleet, frozenset(), (), ())
    assert [one.attempt for one in found] == [3, 2, 1]
    assert {one.kind for one in found} == {StartKind.RESTORE}


def wants(
    workload: str, *, count: int = 1, needed: int = 1, guaranteed: int = 0, priority: int = 0
) -> ParkRequest:
    """Return a request of which starts of now lack so many."""
    policy = a_policy(workload, limits=Limits(priority=priority))
    return ParkRequest(policy=policy, count=count, needed=needed, guaranteed=guaranteed)


def spares(*workers: Worker, priority: int = 0, lacking: int = 0) -> ParkRequest:
    """Return the request of the workload of these workers, which may go."""
    policy = a_policy(workers[0].workload, limits=Limits(priority=priority))
    return ParkRequest(policy=policy, count=lacking, spare=workers)


def evictions(fleet: Fleet, *requests: ParkRequest) -> tuple[list[str], list[str]]:
    """Return who is parked, and who makes room for it."""
    parks, evicted = places_for(requests, fleet, frozenset(), (), ())
    return [f"{one.workload} {one.node}" for one in parks], [one.name for one in evicted]


def test_what_starts_of_now_lack_is_parked_first_and_what_is_below_the_smallest_above_all() -> None:
    fleet = with_parking(a_fleet(nodes=4), per_node=1)
    found, _ = places_for(
        [
            asks(2, "spare", priority=9),
            wants("start", count=2, needed=1, priority=1),
            wants("least", guaranteed=1),
        ],
        fleet,
        frozenset(),
        (),
        (),
    )
    assert [one.workload for one in found] == ["least", "start", "spare", "spare"]


def test_where_memory_is_full_a_spare_worker_of_the_lowest_claim_makes_room() -> None:
    low = a_worker("low", workload="low", node="node-00")
    high = a_worker("high", workload="high", node="node-01")
    poor = a_worker("poor", workload="poor", node="node-02")
    fleet = with_parking(a_fleet(), high, poor, low, per_node=1)
    others = (spares(high, priority=1), spares(poor, lacking=1), spares(low))
    assert evictions(fleet, *others, wants(CHAT)) == (["chat node-00"], ["low"])
    # Of one priority, who lacks workers keeps those it has the longest.
    assert evictions(fleet, *others, wants(CHAT, count=3, needed=2)) == (
        ["chat node-00", "chat node-02"],
        ["low", "poor"],
    )
    assert evictions(fleet, *others, wants(CHAT, count=3, needed=3))[1] == ["low", "poor", "high"]


def test_nobody_makes_room_for_what_is_not_needed_now_or_could_not_be_promoted() -> None:
    low = a_worker("low", workload="low", node="node-00")
    fleet = with_parking(a_fleet(nodes=1), low, per_node=1)
    assert evictions(fleet, spares(low), wants(CHAT, needed=0)) == ([], [])
    served = with_parking(a_fleet(a_replica("r", workload="low"), nodes=1), low, per_node=1)
    assert evictions(served, spares(low), wants(CHAT)) == ([], [])
    own = a_worker("own")
    mine = ParkRequest(policy=a_policy(), count=1, needed=1, spare=(own,))
    assert evictions(with_parking(a_fleet(nodes=1), own, per_node=1), mine) == ([], [])
    # While there is a place, it is taken.
    roomy = with_parking(a_fleet(nodes=2), low, per_node=1)
    assert evictions(roomy, spares(low), wants(CHAT)) == (["chat node-01"], [])
