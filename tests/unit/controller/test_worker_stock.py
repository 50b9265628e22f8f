from dataclasses import replace

import pytest

from controller.cluster_view import NodeName, Worker, WorkerPhase
from controller.parking_feedback import HostTimes
from controller.parking_plan import Dropped, ParkingPlan
from controller.worker_stock import Stock, claimed_gpus, parks_missing, stock_of, surplus
from tests.builders import a_plan, a_worker

PARKING, FAILED = WorkerPhase.PARKING, WorkerPhase.FAILED
TIMES = HostTimes(seconds=12.0, overdue_seconds=15.0)
NOW = 100.0


def stock(*workers: Worker, **free: int) -> Stock:
    gpus = {NodeName(name.replace("_", "-")): count for name, count in free.items()}
    return stock_of(workers, gpus or {NodeName("node-00"): 8}, TIMES, now=NOW)


def names(workers: tuple[Worker, ...]) -> list[str]:
    return [worker.name for worker in workers]


def test_workers_are_told_apart_by_what_can_be_done_with_them() -> None:
    found = stock(
        a_worker("ready"),
        a_worker("coming", phase=PARKING, decided_at=90.0),
        a_worker("overdue", phase=PARKING, decided_at=80.0),
        a_worker("blocked", node="node-77"),
        a_worker("failed", phase=FAILED),
        a_worker("hung", phase=PARKING, decided_at=40.0, deadline_at=100.0),
    )
    assert (names(found.ready), names(found.coming)) == (["ready"], ["coming"])
    assert (names(found.overdue), names(found.blocked)) == (["overdue"], ["blocked"])
    assert (found.usable, found.alive) == (2, 4)
    assert [(one.name, one.node, one.reason) for one in found.over] == [
        ("failed", "node-00", "failed: no memory"),
        ("hung", "node-00", "not parked after 60 s"),
    ]


def test_who_is_where_nothing_can_start_is_blocked() -> None:
    workers = [a_worker("w"), a_worker("c", phase=PARKING, decided_at=90.0), a_worker("o")]
    workers[2] = replace(workers[2], node=NodeName("node-01"))
    free = {NodeName("node-00"): 8, NodeName("node-01"): 8}
    found = stock_of(workers, free, TIMES, {NodeName("node-00")}, now=NOW)
    assert (names(found.ready), names(found.blocked)) == (["o"], ["w", "c"])


def test_those_of_one_node_share_its_free_gpus_the_parked_first() -> None:
    found = stock(
        a_worker("coming", phase=PARKING, decided_at=90.0),
        a_worker("young", decided_at=20.0),
        a_worker("old", decided_at=10.0),
        a_worker("pair", decided_at=30.0, gpus=2),
        node_00=2,
    )
    assert names(found.ready) == ["old", "young"]
    assert names(found.blocked) == ["pair", "coming"]


@pytest.mark.parametrize(
    ("target", "starts", "cold", "expected"),
    [
        (6, 0, 0, 1),  # 3 on GPUs and 2 workers: one is missing
        (5, 0, 0, 0),
        (6, 1, 1, 0),  # a cold start needs no worker
        (4, 4, 0, 2),  # restores are overdue, and four start beside them
        (4, 4, 3, 0),
    ],
)
def test_what_is_missing_is_parked(target: int, starts: int, cold: int, expected: int) -> None:
    planned = a_plan()._replace(ready=2, restoring=1, starts=starts)
    wanted = ParkingPlan(target=target, lead_time_seconds=30.0, quantile_level=0.99)
    two = Stock(
        ready=(a_worker(),),
        coming=(a_worker("c"),),
        blocked=(a_worker("b"),),
        overdue=(a_worker("o"),),
    )
    assert parks_missing(planned, wanted, two, cold=cold) == expected


def test_of_a_surplus_those_go_first_that_help_least_and_then_the_youngest() -> None:
    found = Stock(
        ready=(a_worker("old"), a_worker("young", decided_at=5.0), a_worker("promoted")),
        coming=(a_worker("coming"),),
        blocked=(a_worker("blocked"),),
        overdue=(a_worker("overdue"),),
    )
    planned = a_plan()._replace(ready=2, restoring=0)

    def dropped(keep: int) -> list[str]:
        gone = surplus(planned, found, [a_worker("promoted").name], keep)
        return [one.name for one in gone]

    # Two replicas and five workers; who is overdue is left to be measured at the deadline.
    assert dropped(7) == []
    assert dropped(5) == ["blocked", "coming"]
    assert dropped(3) == ["blocked", "coming", "young", "old"]
    assert dropped(0) == ["blocked", "coming", "young", "old"]
    # A cold start may yet be beaten by who can be counted on.
    kept = surplus(planned, found, [], 0, keep_usable=True)
    assert [one.name for one in kept] == ["blocked"]
    (first, *_) = surplus(planned, found, [], 6)
    assert first == Dropped(
        name=a_worker("blocked").name, node=NodeName("node-00"), reason="not needed any more"
    )


def test_what_failed_claims_no_gpu() -> None:
    claimed = claimed_gpus([a_worker("a"), a_worker("b", gpus=2), a_worker("c", phase=FAILED)])
    assert claimed == {"node-00": 3}
