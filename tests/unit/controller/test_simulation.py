import math

import pytest

from controller.actions import Cancel, Release
from controller.cluster_view import NodeName, NodeState, Phase, Replica, ReplicaName, StartKind
from controller.environment import Change, Environment, NodeLoss, StandbyNodes, StartLatency
from controller.errors import ActionRefusedError
from controller.simulation import SimulatedWorld
from controller.simulation_records import Outcome, RecordKind
from tests.builders import CHAT, a_start

ORIGIN = 1_000_000.0
EXACT = StartLatency(median_seconds=60.0, sigma=0.0)


def a_world(restore: StartLatency = EXACT, **others: object) -> SimulatedWorld:
    return SimulatedWorld(Environment(restore=restore, **others), ORIGIN)  # type: ignore[arg-type]


def the_replica(world: SimulatedWorld) -> Replica:
    (replica,) = world.fleet().replicas
    return replica


def release(name: str = "chat-1", drain_seconds: float = 30.0) -> Release:
    return Release(name=ReplicaName(name), drain_seconds=drain_seconds, reason="target 0")


def cancel(name: str = "chat-1") -> Cancel:
    return Cancel(name=ReplicaName(name), reason="not needed")


def test_a_restore_is_ready_once_its_latency_has_passed() -> None:
    world = a_world()
    world.apply(a_start(at=ORIGIN))
    world.advance(ORIGIN + 59.9)
    assert the_replica(world).phase is Phase.RESTORING
    world.advance(ORIGIN + 200.0)
    assert the_replica(world).phase is Phase.READY
    assert the_replica(world).ready_at == ORIGIN + 60.0


def test_a_cold_start_takes_its_own_latency() -> None:
    world = a_world(cold_start=StartLatency(median_seconds=180.0, sigma=0.0))
    world.apply(a_start(kind=StartKind.COLD, at=ORIGIN))
    world.advance(ORIGIN + 300.0)
    assert the_replica(world).ready_at == ORIGIN + 180.0
    assert world.records()[0].kind is RecordKind.COLD


def test_attempts_decided_after_a_change_take_the_new_latency() -> None:
    slower = StartLatency(median_seconds=180.0, sigma=0.0)
    world = a_world(changes=(Change(at_seconds=100.0, restore=slower),))
    world.apply(a_start("before", node="node-00", at=ORIGIN + 99.0))
    world.advance(ORIGIN + 100.0)
    world.apply(a_start("after", node="node-01", at=ORIGIN + 100.0))
    world.advance(ORIGIN + 1000.0)
    before, after = world.fleet().replicas
    assert before.ready_at == ORIGIN + 60.0
    assert after.ready_at == ORIGIN + 100.0 + 180.0


def test_the_median_and_the_spread_are_those_asked_for() -> None:
    world = a_world(StartLatency(median_seconds=60.0, sigma=0.35), standby=StandbyNodes(nodes=999))
    for number in range(999):
        world.apply(a_start(f"r{number}", node=f"node-{number:03d}", at=ORIGIN))
    world.advance(ORIGIN + 10_000.0)
    logs = sorted(math.log((r.ready_at or 0.0) - ORIGIN) for r in world.fleet().replicas)
    assert math.exp(logs[499]) == pytest.approx(60.0, rel=0.05)
    # 68 % of a normal distribution lie within one sigma of its middle.
    assert (logs[838] - logs[159]) / 2 == pytest.approx(0.35, rel=0.1)


def test_the_shares_of_failures_and_hangs_are_those_asked_for() -> None:
    latency = StartLatency(failure_share=0.2, hang_share=0.1)
    world = a_world(latency, standby=StandbyNodes(nodes=1000))
    for number in range(1000):
        world.apply(a_start(f"r{number}", node=f"node-{number:03d}", at=ORIGIN))
    world.advance(ORIGIN + 10_000.0)
    phases = [replica.phase for replica in world.fleet().replicas]
    assert phases.count(Phase.FAILED) == pytest.approx(200, abs=40)
    assert phases.count(Phase.RESTORING) == pytest.approx(100, abs=30)


def test_what_comes_later_does_not_change_a_draw() -> None:
    first = StartLatency(median_seconds=60.0)
    change = Change(at_seconds=500.0, restore=StartLatency(median_seconds=5.0))
    worlds = [a_world(first), a_world(first, changes=(change,))]
    for world in worlds:
        world.apply(a_start(at=ORIGIN))
    worlds[1].apply(a_start("another", node="node-01", at=ORIGIN))
    for world in worlds:
        world.advance(ORIGIN + 400.0)
    assert worlds[0].fleet().replicas[0] == worlds[1].fleet().replicas[0]


def test_another_seed_is_another_world() -> None:
    worlds = [SimulatedWorld(Environment(seed=seed), ORIGIN) for seed in (1, 2)]
    for world in worlds:
        world.apply(a_start(at=ORIGIN))
        world.advance(ORIGIN + 1000.0)
    assert the_replica(worlds[0]).ready_at != the_replica(worlds[1]).ready_at


def test_a_failed_restore_stays_in_view_until_it_is_cancelled() -> None:
    world = a_world(StartLatency(median_seconds=60.0, sigma=0.0, failure_share=1.0))
    world.apply(a_start(at=ORIGIN))
    world.advance(ORIGIN + 60.0)
    assert the_replica(world).phase is Phase.FAILED
    assert "node-00" in the_replica(world).failure
    assert world.fleet().free_gpus()[NodeName("node-00")] == 0
    world.apply(cancel())
    assert world.fleet().free_gpus()[NodeName("node-00")] == 1
    assert world.records()[0].outcome is Outcome.FAILED
    assert world.records()[0].released_at == ORIGIN + 60.0


def test_a_hung_restore_never_ends_by_itself() -> None:
    world = a_world(StartLatency(hang_share=1.0))
    world.apply(a_start(at=ORIGIN))
    world.advance(ORIGIN + 1e7)
    assert the_replica(world).phase is Phase.RESTORING
    world.apply(cancel())
    assert world.records()[0].outcome is Outcome.HUNG


def test_a_restore_cancelled_before_its_deadline_never_becomes_ready() -> None:
    world = a_world()
    world.apply(a_start(at=ORIGIN))
    world.advance(ORIGIN + 10.0)
    world.apply(cancel())
    world.advance(ORIGIN + 100.0)
    (record,) = world.records()
    assert world.fleet().replicas == ()
    assert (record.outcome, record.ready_at) == (Outcome.CANCELLED, None)
    assert record.released_at == ORIGIN + 10.0


def test_a_released_replica_drains_before_its_gpu_is_free() -> None:
    world = a_world()
    world.begin_ready(CHAT, 1, ORIGIN)
    world.apply(release("chat-initial-1", drain_seconds=30.0))
    world.advance(ORIGIN + 29.0)
    assert the_replica(world).phase is Phase.DRAINING
    assert world.fleet().nodes[0].state is NodeState.DRAINING
    world.advance(ORIGIN + 30.0)
    assert world.fleet().replicas == ()
    assert world.records()[0].released_at == ORIGIN + 30.0


def test_without_a_drain_a_released_replica_is_gone_at_once() -> None:
    world = a_world()
    world.begin_ready(CHAT, 1, ORIGIN)
    world.apply(release("chat-initial-1", drain_seconds=0.0))
    assert world.fleet().replicas == ()
    assert world.records()[0].outcome is Outcome.RELEASED


def test_initial_replicas_are_ready_at_once_and_spread_over_the_nodes() -> None:
    world = a_world(standby=StandbyNodes(nodes=3, gpus_per_node=2))
    names = world.begin_ready(CHAT, 3, ORIGIN)
    assert len({replica.node for replica in world.fleet().replicas}) == 3
    assert [r.phase for r in world.fleet().replicas] == [Phase.READY] * 3
    assert [(r.replica, r.kind) for r in world.records()] == [
        (name, RecordKind.INITIAL) for name in names
    ]


def test_as_many_initial_replicas_begin_as_there_are_gpus() -> None:
    world = a_world(standby=StandbyNodes(nodes=2))
    assert len(world.begin_ready(CHAT, 5, ORIGIN)) == 2


def test_a_lost_node_takes_its_replicas_with_it_and_may_come_back_empty() -> None:
    loss = NodeLoss(at_seconds=100.0, node=0, back_at_seconds=200.0)
    world = a_world(node_losses=(loss,), standby=StandbyNodes(nodes=1))
    world.apply(a_start(at=ORIGIN))
    world.advance(ORIGIN + 100.0)
    assert (world.fleet().nodes, world.fleet().replicas) == ((), ())
    assert world.records()[0].outcome is Outcome.LOST
    with pytest.raises(ActionRefusedError, match="node-00 is gone"):
        world.apply(a_start("chat-2", at=ORIGIN + 100.0))
    world.advance(ORIGIN + 200.0)
    world.apply(a_start("chat-2", at=ORIGIN + 200.0))
    assert the_replica(world).name == "chat-2"


def test_a_lost_node_that_is_not_in_the_pool_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match=r"node_losses.node: 3 is not in 0 … 1"):
        a_world(node_losses=(NodeLoss(at_seconds=0.0, node=3),), standby=StandbyNodes(nodes=2))


def test_starting_the_same_replica_twice_changes_nothing() -> None:
    world = a_world()
    world.apply(a_start(at=ORIGIN))
    world.apply(a_start(at=ORIGIN))
    assert len(world.records()) == 1


def test_ending_a_replica_twice_changes_nothing() -> None:
    world = a_world()
    world.begin_ready(CHAT, 1, ORIGIN)
    for _ in range(2):
        world.apply(release("chat-initial-1", drain_seconds=5.0))
    world.advance(ORIGIN + 60.0)
    world.apply(release("chat-initial-1", drain_seconds=5.0))
    world.apply(cancel("chat-initial-1"))
    assert world.records()[0].released_at == ORIGIN + 5.0


def test_a_start_without_a_free_gpu_is_refused() -> None:
    world = a_world(standby=StandbyNodes(nodes=1, gpus_per_node=2))
    world.apply(a_start("chat-1", at=ORIGIN))
    with pytest.raises(ActionRefusedError, match="node-00 has 1 free GPUs of 2"):
        world.apply(a_start("chat-2", at=ORIGIN, gpus=2))


def test_an_unfit_node_takes_nothing_until_it_is_fit_again() -> None:
    world = a_world()
    world.mark_unfit(NodeName("node-00"), "not Ready")
    assert world.fleet().nodes[0].state is NodeState.UNFIT
    with pytest.raises(ActionRefusedError, match="unfit: not Ready"):
        world.apply(a_start(at=ORIGIN))
    world.mark_unfit(NodeName("node-00"), "")
    world.apply(a_start(at=ORIGIN))
    assert world.fleet().nodes[0].state is NodeState.RESTORING


def test_actions_that_do_not_fit_the_phase_are_refused() -> None:
    world = a_world()
    world.apply(a_start(at=ORIGIN))
    with pytest.raises(ActionRefusedError, match="is restoring, not ready"):
        world.apply(release())
    world.advance(ORIGIN + 60.0)
    with pytest.raises(ActionRefusedError, match="is ready: release it instead"):
        world.apply(cancel())
    with pytest.raises(ActionRefusedError, match="stranger is not known"):
        world.apply(cancel("stranger"))


def test_a_name_is_not_used_for_a_second_replica() -> None:
    world = a_world()
    world.apply(a_start(at=ORIGIN))
    world.apply(cancel())
    with pytest.raises(ActionRefusedError, match="a new attempt needs a new name"):
        world.apply(a_start(at=ORIGIN))


def test_time_does_not_go_back() -> None:
    world = a_world()
    world.advance(ORIGIN + 10.0)
    with pytest.raises(ValueError, match="lies before the world's now"):
        world.advance(ORIGIN)


def test_the_view_is_the_same_value_while_nothing_happens() -> None:
    world = a_world()
    world.begin_ready(CHAT, 3, ORIGIN)
    before = world.fleet()
    world.advance(ORIGIN + 5.0)
    after = world.fleet()
    assert after.replicas is before.replicas
    assert after.nodes is before.nodes
    assert after.seen_at == ORIGIN + 5.0
