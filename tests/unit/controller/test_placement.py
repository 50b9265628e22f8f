from dataclasses import replace

from controller.cluster_view import Phase, StartKind
from controller.pair_memory import PairMemory
from controller.placement import Placement, PlacementRequest, after_placement, assign
from models.forecast import WorkloadName
from tests.builders import CHAT, a_fleet, a_node, a_replica

SEARCH = WorkloadName("search")
NOTHING = PairMemory()


def a_request(workload: str = CHAT, count: int = 1, **others: object) -> PlacementRequest:
    return PlacementRequest(workload=WorkloadName(workload), count=count, **others)  # type: ignore[arg-type]


def a_memory(*failures: tuple[str, str], attempt: int = 1) -> PairMemory:
    memory = NOTHING
    for number, (workload, node) in enumerate(failures):
        failed = a_replica(
            f"failed-{number}", workload=workload, node=node, phase=Phase.FAILED, attempt=attempt
        )
        memory = memory.after_failure(failed, 0.0)
    return memory


def nodes_of(placements: tuple[Placement, ...]) -> list[str]:
    return [placement.node for placement in placements]


def test_nothing_asked_is_nothing_placed() -> None:
    assert assign((), a_fleet(), NOTHING) == ()
    assert assign((a_request(count=0),), a_fleet(), NOTHING) == ()


def test_starts_are_spread_over_nodes() -> None:
    fleet = a_fleet(nodes=(a_node("a", gpus=4), a_node("b", gpus=4), a_node("c", gpus=4)))
    placements = assign((a_request(count=3, max_concurrent_per_node=4),), fleet, NOTHING)
    assert nodes_of(placements) == ["a", "b", "c"]


def test_a_workload_is_not_placed_where_it_must_not_be_and_others_are() -> None:
    barred = replace(a_node("a", gpus=4), unfit_for=((CHAT, "another GPU"),))
    fleet = a_fleet(nodes=(barred, a_node("b", gpus=1)))
    assert nodes_of(assign((a_request(count=2),), fleet, NOTHING)) == ["b"]
    assert nodes_of(assign((a_request(SEARCH),), fleet, NOTHING)) == ["b"]
    assert nodes_of(assign((a_request(SEARCH),), a_fleet(nodes=(barred,)), NOTHING)) == ["a"]


def test_a_node_restores_no_more_at_a_time_than_it_may() -> None:
    restoring = a_replica(node="a", phase=Phase.RESTORING)
    fleet = a_fleet(restoring, nodes=(a_node("a", gpus=8), a_node("b", gpus=8)))
    assert nodes_of(assign((a_request(count=9),), fleet, NOTHING)) == ["b"]
    placements = assign((a_request(count=9, max_concurrent_per_node=2),), fleet, NOTHING)
    assert sorted(nodes_of(placements)) == ["a", "b", "b"]


def test_a_workload_starts_no_more_at_a_time_than_it_may() -> None:
    fleet = a_fleet(a_replica(phase=Phase.RESTORING), nodes=9)
    assert len(assign((a_request(count=9, max_concurrent=3),), fleet, NOTHING)) == 2


def test_only_fit_nodes_with_enough_free_gpus_are_used() -> None:
    nodes = (
        a_node("a", gpus=1),
        a_node("b", gpus=8, unfit_reason="not Ready"),
        a_node("c", gpus=2),
    )
    assert nodes_of(assign((a_request(count=3, gpus=2),), a_fleet(nodes=nodes), NOTHING)) == ["c"]


def test_a_small_replica_leaves_the_whole_node_to_who_needs_it() -> None:
    fleet = a_fleet(nodes=(a_node("a", gpus=8), a_node("b", gpus=1)))
    assert nodes_of(assign((a_request(),), fleet, NOTHING)) == ["b"]


def test_one_node_loss_shall_not_take_all_replicas_of_a_workload() -> None:
    fleet = a_fleet(a_replica(node="a"), nodes=(a_node("a", gpus=2), a_node("b", gpus=8)))
    assert nodes_of(assign((a_request(),), fleet, NOTHING)) == ["b"]


def test_the_higher_priority_goes_first() -> None:
    requests = (a_request("chat", 2), a_request("search", 2, priority=1))
    placements = assign(requests, a_fleet(nodes=3), NOTHING)
    assert [placement.workload for placement in placements] == ["search", "search", "chat"]


def test_a_gpu_goes_where_it_avoids_the_most_missed_demand() -> None:
    one_gpu = a_request("chat", 1, worth=3.0, gpus=1)
    four_gpus = a_request("search", 1, worth=8.0, gpus=4)
    fleet = a_fleet(nodes=(a_node("a", gpus=4),))
    assert [p.workload for p in assign((four_gpus, one_gpu), fleet, NOTHING)] == ["chat"]


def test_nobody_is_starved_below_the_smallest_number_of_replicas() -> None:
    greedy = a_request("search", 9, priority=10, worth=1000.0)
    needy = a_request("chat", 3, guaranteed=2)
    placements = assign((greedy, needy), a_fleet(nodes=3), NOTHING)
    assert sorted(placement.workload for placement in placements) == ["chat", "chat", "search"]


def test_equal_claims_are_granted_in_turn() -> None:
    placements = assign((a_request("b", 3), a_request("a", 3)), a_fleet(nodes=4), NOTHING)
    assert [placement.workload for placement in placements] == ["a", "b", "a", "b"]


def test_what_does_not_fit_does_not_keep_others_waiting() -> None:
    huge = a_request("search", 1, gpus=8, priority=5)
    assert len(assign((huge, a_request("chat", 2)), a_fleet(nodes=2), NOTHING)) == 2


def test_a_node_where_the_workload_failed_is_avoided_while_there_is_another() -> None:
    memory = a_memory(("chat", "node-00"))
    fleet = a_fleet(nodes=2, seen_at=1.0)
    assert nodes_of(assign((a_request(),), fleet, memory)) == ["node-01"]
    assert nodes_of(assign((a_request("search"),), fleet, memory)) == ["node-00"]


def test_after_failures_on_every_node_the_least_failed_is_tried_again() -> None:
    memory = a_memory(("chat", "node-00"), ("chat", "node-00"), ("chat", "node-01"))
    assert nodes_of(assign((a_request(),), a_fleet(nodes=2, seen_at=1.0), memory)) == ["node-01"]


def test_of_nodes_that_failed_as_often_the_last_to_fail_is_tried_last() -> None:
    first = a_replica("first", node="node-01", phase=Phase.FAILED)
    last = a_replica("last", node="node-00", phase=Phase.FAILED)
    memory = NOTHING.after_failure(first, 0.0).after_failure(last, 50.0)
    assert nodes_of(assign((a_request(),), a_fleet(nodes=2), memory)) == ["node-01"]


def test_a_failed_pair_is_forgotten_in_time() -> None:
    memory = a_memory(("chat", "node-00"))
    assert nodes_of(assign((a_request(),), a_fleet(nodes=2, seen_at=1e6), memory)) == ["node-00"]


def test_a_retry_is_the_next_attempt_and_further_starts_are_first_ones() -> None:
    memory = a_memory(("chat", "node-00"), attempt=2)
    fleet = a_fleet(nodes=3, seen_at=1.0)
    placements = assign((a_request(count=2),), fleet, memory)
    assert [placement.attempt for placement in placements] == [3, 1]
    memory = after_placement(memory, placements)
    assert [p.attempt for p in assign((a_request(),), fleet, memory)] == [1]


def test_after_enough_failed_restores_the_start_is_cold() -> None:
    memory = a_memory(("chat", "node-00"), attempt=3)
    fleet = a_fleet(nodes=2, seen_at=1.0)
    kinds = [p.kind for p in assign((a_request(count=2),), fleet, memory)]
    assert kinds == [StartKind.COLD, StartKind.RESTORE]
    (kind,) = [p.kind for p in assign((a_request(cold_fallback=False),), fleet, memory)]
    assert kind is StartKind.RESTORE


def test_when_restores_fail_in_a_row_all_starts_are_cold_until_one_succeeds() -> None:
    memory = a_memory(*[("chat", f"node-{number:02d}") for number in range(6)])
    memory = memory.after_retries(CHAT, 6)
    fleet = a_fleet(nodes=2, seen_at=1.0)
    assert [p.kind for p in assign((a_request(),), fleet, memory)] == [StartKind.COLD]
    memory = memory.after_success(a_replica())
    assert [p.kind for p in assign((a_request(),), fleet, memory)] == [StartKind.RESTORE]


def test_while_restores_fail_one_at_a_time_is_tried() -> None:
    memory = a_memory(*[("chat", f"node-{number:02d}") for number in range(6)], attempt=3)
    asked, later = (a_request(count=3),), a_fleet(nodes=4, seen_at=60.0)
    kinds = [p.kind for p in assign(asked, later, memory)]
    assert kinds == [StartKind.RESTORE, StartKind.COLD, StartKind.COLD]
    trying = a_replica(node="node-03", phase=Phase.RESTORING)
    kinds = [p.kind for p in assign(asked, replace(later, replicas=(trying,)), memory)]
    assert kinds == [StartKind.COLD] * 3
    cold = replace(trying, kind=StartKind.COLD)
    kinds = [p.kind for p in assign(asked, replace(later, replicas=(cold,)), memory)]
    assert kinds[0] is StartKind.RESTORE
