import math

import pytest

from controller.actions import Cancel, Park, Promote, Release, Unpark
from controller.cluster_view import (
    NodeName,
    ParkingLot,
    Phase,
    ReplicaName,
    StartKind,
    Worker,
    WorkerPhase,
)
from controller.environment import Change, Environment, Parking, StandbyNodes, StartLatency
from controller.errors import ActionRefusedError
from controller.simulation import SimulatedWorld
from controller.simulation_records import Outcome, RecordKind, ReplicaRecord
from tests.builders import CHAT, a_start

ORIGIN = 1_000_000.0
DEVICE = StartLatency(median_seconds=4.0, sigma=0.0)
HOST = Parking(median_seconds=10.0, sigma=0.0, per_node=2)


def a_world(
    restore: StartLatency = DEVICE, *, parking: Parking | None = HOST, **others: object
) -> SimulatedWorld:
    return SimulatedWorld(
        Environment(restore=restore, parking=parking, **others),  # type: ignore[arg-type]
        ORIGIN,
    )


def park(name: str = "chat-1", *, node: str = "node-00", at: float = ORIGIN, gpus: int = 1) -> Park:
    return Park(
        name=ReplicaName(name),
        workload=CHAT,
        node=NodeName(node),
        decided_at=at,
        deadline_at=at + 60.0,
        reason="target 1 workers",
        gpus=gpus,
    )


def promote(name: str = "chat-1", *, at: float, attempt: int = 1) -> Promote:
    return Promote(
        name=ReplicaName(name),
        workload=CHAT,
        node=NodeName("node-00"),
        decided_at=at,
        deadline_at=at + 60.0,
        reason="forecast: target 1",
        attempt=attempt,
    )


def unpark(name: str = "chat-1") -> Unpark:
    return Unpark(
        name=ReplicaName(name), workload=CHAT, node=NodeName("node-00"), reason="not needed"
    )


def the_lot(world: SimulatedWorld) -> ParkingLot:
    lot = world.fleet().parking
    assert lot is not None
    return lot


def the_worker(world: SimulatedWorld) -> Worker:
    (worker,) = the_lot(world).workers
    return worker


def the_record(world: SimulatedWorld) -> ReplicaRecord:
    (record,) = world.records()
    return record


def a_parked_world() -> SimulatedWorld:
    """Return a world in which chat-1 was parked at 10 s, 30 s after the origin."""
    world = a_world()
    world.apply(park())
    world.advance(ORIGIN + 30.0)
    return world


def test_a_worker_is_parked_once_its_host_part_is_over_and_takes_no_gpu() -> None:
    world = a_world()
    world.apply(park())
    world.advance(ORIGIN + 9.9)
    assert the_worker(world).phase is WorkerPhase.PARKING
    world.advance(ORIGIN + 30.0)
    worker = the_worker(world)
    assert (worker.phase, worker.parked_at) == (WorkerPhase.PARKED, ORIGIN + 10.0)
    assert world.fleet().replicas == ()
    assert world.fleet().free_gpus()[NodeName("node-00")] == 1


def test_a_promoted_worker_is_a_replica_whose_start_is_the_device_part() -> None:
    world = a_parked_world()
    world.apply(promote(at=ORIGIN + 30.0, attempt=2))
    assert the_lot(world).workers == ()
    (replica,) = world.fleet().replicas
    assert replica.attempt == 2
    assert (replica.phase, replica.kind) == (Phase.RESTORING, StartKind.RESTORE)
    assert (replica.decided_at, replica.started_at) == (ORIGIN + 30.0, ORIGIN + 30.0)
    assert world.fleet().free_gpus()[NodeName("node-00")] == 0
    world.advance(ORIGIN + 100.0)
    (replica,) = world.fleet().replicas
    assert (replica.phase, replica.ready_at) == (Phase.READY, ORIGIN + 34.0)


def test_a_life_is_one_row_decided_with_the_host_part_and_paid_from_the_device_part() -> None:
    world = a_parked_world()
    world.apply(promote(at=ORIGIN + 30.0))
    world.advance(ORIGIN + 100.0)
    world.apply(Release(name=ReplicaName("chat-1"), drain_seconds=0.0, reason="target 0"))
    record = the_record(world)
    assert (record.kind, record.outcome) == (RecordKind.RESTORE, Outcome.RELEASED)
    assert (record.decided_at, record.parked_at) == (ORIGIN, ORIGIN + 10.0)
    assert (record.started_at, record.ready_at) == (ORIGIN + 30.0, ORIGIN + 34.0)
    assert record.released_at == ORIGIN + 100.0


def test_a_worker_that_is_dropped_never_held_a_gpu() -> None:
    world = a_parked_world()
    assert the_record(world).outcome is Outcome.PARKED
    world.apply(unpark())
    record = the_record(world)
    assert (record.outcome, record.started_at) == (Outcome.UNPARKED, None)
    assert (record.parked_at, record.released_at) == (ORIGIN + 10.0, ORIGIN + 30.0)


def test_a_host_part_that_is_not_wanted_any_more_is_cancelled() -> None:
    world = a_world()
    world.apply(park())
    assert the_record(world).outcome is Outcome.PARKING
    world.apply(unpark())
    world.advance(ORIGIN + 30.0)
    assert the_lot(world).workers == ()
    assert (the_record(world).outcome, the_record(world).parked_at) == (Outcome.CANCELLED, None)


def test_host_parts_fail_as_often_as_restores_and_keep_their_place_until_unparked() -> None:
    world = a_world(StartLatency(median_seconds=4.0, failure_share=1.0))
    world.apply(park())
    world.advance(ORIGIN + 30.0)
    worker = the_worker(world)
    assert worker.phase is WorkerPhase.FAILED
    assert worker.failure.startswith("parking on node-00 failed after ")
    assert the_record(world).outcome is Outcome.FAILED
    with pytest.raises(ActionRefusedError, match="is failed, not parked"):
        world.apply(promote(at=ORIGIN + 30.0))
    world.apply(unpark())
    record = the_record(world)
    assert (record.outcome, record.started_at) == (Outcome.FAILED, None)
    assert record.released_at == ORIGIN + 30.0


def test_a_host_part_that_hangs_counts_as_hung_past_its_deadline() -> None:
    world = a_world(StartLatency(median_seconds=4.0, hang_share=1.0))
    world.apply(park())
    world.advance(ORIGIN + 60.0)
    assert the_worker(world).phase is WorkerPhase.PARKING
    world.apply(unpark())
    assert the_record(world).outcome is Outcome.HUNG


def test_a_change_of_shares_holds_for_host_parts_too() -> None:
    broken = StartLatency(median_seconds=4.0, failure_share=1.0)
    world = a_world(changes=(Change(at_seconds=50.0, restore=broken),))
    world.apply(park("before"))
    world.advance(ORIGIN + 50.0)
    world.apply(park("after", at=ORIGIN + 50.0))
    world.advance(ORIGIN + 100.0)
    phases = {worker.name: worker.phase for worker in the_lot(world).workers}
    assert phases == {"before": WorkerPhase.PARKED, "after": WorkerPhase.FAILED}


def test_a_slowdown_of_host_parts_leaves_device_parts_as_they_are() -> None:
    slower = Parking(median_seconds=40.0, sigma=0.0)
    world = a_world(changes=(Change(at_seconds=50.0, parking=slower),))
    world.apply(park("before", at=ORIGIN + 49.0))
    world.advance(ORIGIN + 50.0)
    world.apply(park("after", at=ORIGIN + 50.0))
    world.advance(ORIGIN + 100.0)
    parked_at = {worker.name: worker.parked_at for worker in the_lot(world).workers}
    assert parked_at == {"before": ORIGIN + 10.0, "after": ORIGIN + 90.0}
    world.apply(promote("after", at=ORIGIN + 100.0))
    world.advance(ORIGIN + 200.0)
    assert world.fleet().replicas[0].ready_at == ORIGIN + 104.0


def test_a_node_holds_so_many_workers_and_no_more() -> None:
    world = a_world()
    world.apply(park("a"))
    world.apply(park("b"))
    world.apply(park("b"))  # again: nothing changes
    with pytest.raises(ActionRefusedError, match="node-00 has room for no more than 2 workers"):
        world.apply(park("c"))
    world.apply(park("c", node="node-01"))
    assert [worker.name for worker in the_lot(world).workers] == ["a", "b", "c"]


def test_a_worker_waits_while_its_node_has_no_gpu_for_it() -> None:
    world = a_world()
    world.apply(park("a"))
    world.apply(park("b"))
    world.advance(ORIGIN + 30.0)
    world.apply(promote("a", at=ORIGIN + 30.0))
    with pytest.raises(ActionRefusedError, match="node-00 has 0 free GPUs of 1"):
        world.apply(promote("b", at=ORIGIN + 30.0))
    world.apply(promote("a", at=ORIGIN + 30.0))  # again: nothing changes
    assert [replica.name for replica in world.fleet().replicas] == ["a"]
    assert the_worker(world).name == "b"


def test_what_does_not_fit_a_worker_is_refused() -> None:
    world = a_world()
    with pytest.raises(ActionRefusedError, match="chat-1 is not there to be promoted"):
        world.apply(promote(at=ORIGIN))
    with pytest.raises(ActionRefusedError, match="chat-1 is not known"):
        world.apply(unpark())
    with pytest.raises(ActionRefusedError, match="node-99 is gone"):
        world.apply(park(node="node-99"))
    world.mark_unfit(NodeName("node-01"), "no restore agent")
    with pytest.raises(ActionRefusedError, match="node-01 is unfit: no restore agent"):
        world.apply(park(node="node-01"))
    with pytest.raises(ActionRefusedError, match="park it first"):
        world.apply(a_start("chat-2", at=ORIGIN))
    world.apply(park())
    with pytest.raises(ActionRefusedError, match="chat-1 is parking, not parked"):
        world.apply(promote(at=ORIGIN))
    world.advance(ORIGIN + 30.0)
    world.apply(promote(at=ORIGIN + 30.0))
    with pytest.raises(ActionRefusedError, match="chat-1 has a GPU: cancel or release it instead"):
        world.apply(unpark())
    world.apply(Cancel(name=ReplicaName("chat-1"), reason="not needed"))
    world.apply(unpark())  # it has gone: dropping it changes nothing
    with pytest.raises(ActionRefusedError, match="chat-1 has been used"):
        world.apply(park(at=ORIGIN + 30.0))


def test_in_a_world_of_one_stage_nothing_is_parked() -> None:
    world = a_world(parking=None)
    with pytest.raises(ActionRefusedError, match="chat-1: restores have one stage in this world"):
        world.apply(park())
    world.begin_parked(CHAT, 2, ORIGIN)
    assert world.fleet().parking is None
    assert world.records() == ()


def test_workers_are_lost_with_their_node() -> None:
    world = a_world(StartLatency(median_seconds=4.0, failure_share=1.0))
    world.apply(park("failed"))
    world.advance(ORIGIN + 30.0)
    world.apply(park("parking", at=ORIGIN + 30.0))
    world.lose_node(NodeName("node-00"))
    assert the_lot(world).workers == ()
    outcomes = {record.replica: record.outcome for record in world.records()}
    assert outcomes == {"failed": Outcome.FAILED, "parking": Outcome.LOST}
    world.advance(ORIGIN + 100.0)
    assert [record.parked_at for record in world.records()] == [None, None]


def test_a_cold_start_has_one_stage_and_takes_a_gpu_from_the_beginning() -> None:
    world = a_world(cold_start=StartLatency(median_seconds=90.0, sigma=0.0))
    world.apply(a_start(kind=StartKind.COLD, at=ORIGIN))
    world.advance(ORIGIN + 200.0)
    record = the_record(world)
    assert (record.started_at, record.parked_at) == (ORIGIN, None)
    assert record.ready_at == ORIGIN + 90.0


def test_workers_are_parked_from_the_start_where_gpus_are_free_for_them() -> None:
    world = a_world(standby=StandbyNodes(nodes=2, gpus_per_node=2))
    world.begin_ready(CHAT, 1, ORIGIN)
    world.begin_parked(CHAT, 9, ORIGIN)
    workers = the_lot(world).workers
    # node-00 serves one: one GPU is left there, and two on node-01.
    assert [worker.node for worker in workers] == ["node-01", "node-00", "node-01"]
    assert {worker.phase for worker in workers} == {WorkerPhase.PARKED}
    assert {record.started_at for record in world.records()} == {ORIGIN, None}
    roomy = a_world()
    roomy.begin_parked(CHAT, 2, ORIGIN)
    assert [worker.name for worker in the_lot(roomy).workers] == ["chat-parked-1", "chat-parked-2"]


def test_the_same_seed_and_actions_give_the_same_world() -> None:
    def lives() -> tuple[ReplicaRecord, ...]:
        world = a_world(StartLatency(median_seconds=4.0, failure_share=0.3, hang_share=0.2))
        for number in range(20):
            world.apply(park(f"chat-{number}", node=f"node-{number:02d}"))
        world.advance(ORIGIN + 60.0)
        for worker in the_lot(world).workers:
            if worker.phase is WorkerPhase.PARKED:
                world.apply(promote(worker.name, at=ORIGIN + 60.0))
        world.advance(ORIGIN + 120.0)
        return world.records()

    assert lives() == lives()
    assert {record.outcome for record in lives()} >= {
        Outcome.SERVING,
        Outcome.FAILED,
        Outcome.PARKING,
    }
    assert not math.isnan(lives()[0].decided_at)
