from controller.cluster_view import Phase, Replica, StartKind
from controller.failure_streak import FORGET_AFTER_SECONDS
from controller.pair_memory import PairMemory
from tests.builders import CHAT, a_replica


def failed(name: str = "r1", *, node: str = "node-00", **others: object) -> Replica:
    return a_replica(name, node=node, phase=Phase.FAILED, **others)  # type: ignore[arg-type]


def test_a_failure_counts_once_however_often_it_is_seen() -> None:
    once = PairMemory().after_failure(failed(), 0.0)
    assert once.after_failure(failed(), 5.0) is once
    assert once.streak(CHAT) == 1
    assert once.failed_nodes(CHAT) == {"node-00": (1, FORGET_AFTER_SECONDS)}


def test_an_expired_failure_takes_its_streak_with_it() -> None:
    memory = PairMemory().after_failure(failed(), 0.0)
    assert memory.at(FORGET_AFTER_SECONDS - 1.0) is memory
    assert memory.at(FORGET_AFTER_SECONDS) == PairMemory()


def test_a_success_clears_its_own_pair_and_the_streak_only() -> None:
    memory = PairMemory().after_failure(failed("r1", node="node-00"), 0.0)
    memory = memory.after_failure(failed("r2", node="node-01"), 0.0)
    after = memory.after_success(a_replica(node="node-00"))
    assert after.failed_nodes(CHAT).keys() == {"node-01"}
    assert after.streak(CHAT) == 0
    assert after.after_success(a_replica(node="node-00")) is after


def test_cold_starts_say_nothing_about_the_snapshot() -> None:
    memory = PairMemory().after_failure(failed("r1"), 0.0)
    memory = memory.after_failure(failed("r2", node="node-01", kind=StartKind.COLD), 0.0)
    assert memory.streak(CHAT) == 1
    assert memory.after_success(a_replica(node="node-02", kind=StartKind.COLD)).streak(CHAT) == 1
    assert memory.after_success(a_replica(node="node-01", kind=StartKind.COLD)).streak(CHAT) == 1


def test_a_replica_whose_cold_start_failed_begins_anew() -> None:
    memory = PairMemory().after_failure(failed("r1", attempt=4, kind=StartKind.COLD), 0.0)
    assert memory.owed_attempts(CHAT) == ()
    assert memory.failed_nodes(CHAT).keys() == {"node-00"}


def test_a_hang_that_others_overtook_is_in_no_streak() -> None:
    memory = PairMemory().after_failure(failed(), 0.0, is_overtaken=True)
    assert (memory.streak(CHAT), memory.owed_attempts(CHAT)) == (0, (2,))


def test_each_kind_of_start_has_its_own_time_outs() -> None:
    hung = a_replica(phase=Phase.RESTORING, kind=StartKind.COLD)
    memory = PairMemory().after_failure(hung, 0.0)
    assert (memory.hang_streak(CHAT), memory.hang_streak(CHAT, StartKind.COLD)) == (0, 1)


def test_the_most_tried_failure_is_owed_first() -> None:
    memory = PairMemory().after_failure(failed("r1", attempt=1), 0.0)
    memory = memory.after_failure(failed("r2", attempt=2), 0.0)
    assert memory.owed_attempts(CHAT) == (3, 2)
    assert memory.after_retries(CHAT, 1).owed_attempts(CHAT) == (2,)
    assert memory.after_retries(CHAT, 0) is memory


def test_the_memory_is_bounded() -> None:
    memory = PairMemory()
    for number in range(1100):
        memory = memory.after_failure(failed(f"r{number}"), 0.0)
    assert len(memory.failures) == 1024
