"""Workers of a finished replay, counted; and how the files and the others cope with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from controller.cluster_view import NodeName, ReplicaName
from controller.environment import Environment, Parking, StandbyNodes, StartLatency
from controller.simulation_records import Outcome, RecordKind, ReplicaRecord
from headstart.baselines import play_hpa
from headstart.parking_tally import ParkingTally, tally_parking
from headstart.restore_hits import count_hits
from headstart.results import write_replicas
from headstart.results_reading import read_replicas
from headstart.scoring import score
from headstart.trial import Capacity, Trial
from tests.builders import CHAT

PARKED = ReplicaRecord(
    replica=ReplicaName("w"),
    workload=CHAT,
    node=NodeName("node-00"),
    kind=RecordKind.RESTORE,
    decided_at=0.0,
    started_at=None,
    parked_at=10.0,
    outcome=Outcome.PARKED,
)
SERVED = replace(PARKED, started_at=30.0, ready_at=34.0, outcome=Outcome.SERVING)
DROPPED = replace(PARKED, released_at=25.0, outcome=Outcome.UNPARKED)
FAILED = replace(PARKED, parked_at=None, released_at=8.0, outcome=Outcome.FAILED)
INITIAL = replace(PARKED, kind=RecordKind.INITIAL, started_at=0.0, parked_at=None, ready_at=0.0)
#: A hundred seconds of 1/s, and a replica serves 1/s.
TRIAL = Trial(
    demand_per_second=np.ones(10), bin_seconds=10.0, start=0.0, end=100.0, capacity_per_replica=1.0
)


def test_workers_are_counted_with_the_seconds_they_waited() -> None:
    lost = replace(PARKED, released_at=40.0, outcome=Outcome.LOST)
    records = [INITIAL, SERVED, DROPPED, FAILED, PARKED, lost]
    # Parked at 10 s: promoted at 30 s, dropped at 25 s, there to the end, lost at 40 s.
    assert tally_parking(records, end=100.0) == ParkingTally(
        parked=4, promotions=1, unparked=1, failures=2, parked_seconds=20.0 + 15.0 + 90.0 + 30.0
    )


def test_a_gpu_is_paid_from_promotion_and_never_for_a_worker_that_had_none() -> None:
    capacity = Capacity.from_records([INITIAL, SERVED, DROPPED, FAILED, PARKED])
    assert score(TRIAL, capacity).gpu_seconds == 100.0 + 70.0
    assert capacity.ready.area(0.0, 100.0) == 100.0 + 66.0
    assert count_hits([INITIAL, SERVED, DROPPED, FAILED, PARKED], TRIAL) == 0


def test_a_worker_that_had_no_gpu_has_an_empty_start_and_stands_where_it_was_decided(
    tmp_path: Path,
) -> None:
    path = tmp_path / "replicas.csv"
    late = replace(DROPPED, replica=ReplicaName("d"), decided_at=32.0, parked_at=42.0)
    write_replicas(path, [late, SERVED, INITIAL], origin=0.0)
    assert path.read_text().splitlines()[1:] == [
        "w,node-00,initial,0,0,0,,parked",
        "w,node-00,restore,0,30,34,,serving",
        "d,node-00,restore,32,,,25,unparked",
    ]
    assert [row.started_at for row in read_replicas(path)] == [0.0, 30.0, None]


def test_others_hold_their_gpus_through_both_stages() -> None:
    exact = StartLatency(median_seconds=4.0, sigma=0.0)
    rising = replace(TRIAL, demand_per_second=np.repeat([1.0, 5.0], 30), end=600.0)

    def takes(environment: Environment) -> set[float]:
        started = [one for one in play_hpa(rising, environment) if one.started_at > 0.0]
        return {one.ready_at - one.started_at for one in started if one.ready_at is not None}

    nodes = StandbyNodes(nodes=60)
    assert takes(Environment(restore=exact, standby=nodes)) == {4.0}
    two = Environment(restore=exact, standby=nodes, parking=Parking(median_seconds=10.0, sigma=0.0))
    assert takes(two) == {14.0}
