"""A restore is a hit if it was needed while it served, and nobody had waited for it."""

from __future__ import annotations

import numpy as np
import pytest

from controller.cluster_view import NodeName, ReplicaName
from controller.simulation_records import RecordKind, ReplicaRecord
from headstart.restore_hits import count_hits
from headstart.trial import Trial
from models.forecast import WorkloadName


def a_trial(*rates: float) -> Trial:
    """Demand per second by bins of 10 s; a replica serves 1 a second."""
    return Trial(
        demand_per_second=np.array(rates),
        bin_seconds=10.0,
        start=0.0,
        end=10.0 * len(rates),
        capacity_per_replica=1.0,
    )


def a_replica(
    ready_at: float | None,
    released_at: float | None = None,
    *,
    kind: RecordKind = RecordKind.RESTORE,
) -> ReplicaRecord:
    return ReplicaRecord(
        replica=ReplicaName("chat-1"),
        workload=WorkloadName("chat"),
        node=NodeName("node-1"),
        kind=kind,
        decided_at=0.0,
        started_at=0.0,
        ready_at=ready_at,
        released_at=released_at,
    )


FIRST = a_replica(0.0, kind=RecordKind.INITIAL)


def test_a_restore_ready_before_the_demand_that_needs_it_is_a_hit() -> None:
    assert count_hits([FIRST, a_replica(15.0)], a_trial(1, 1, 2, 1)) == 1


@pytest.mark.parametrize(
    "useless",
    [
        a_replica(None),
        a_replica(None, 30.0),
        a_replica(30.0),  # after the rise
        a_replica(5.0, 20.0),  # gone before it
        a_replica(40.0),  # at the very end
    ],
    ids=["never ready", "cancelled", "too late", "too early", "at the end"],
)
def test_a_restore_that_served_no_demand_of_its_own_is_none(useless: ReplicaRecord) -> None:
    spare = a_replica(0.0, kind=RecordKind.INITIAL)
    assert count_hits([FIRST, spare, useless], a_trial(1, 1, 3, 1)) == 0


def test_replicas_ready_from_the_start_are_no_hits() -> None:
    assert count_hits([FIRST], a_trial(1, 1)) == 0


def test_a_restore_that_requests_had_waited_for_is_none() -> None:
    # Two a second for 15 s: the 15 that one replica leaves wait far longer than 2 s.
    assert count_hits([FIRST, a_replica(25.0)], a_trial(1, 2, 2, 2)) == 0


def test_requests_late_more_than_ten_seconds_before_do_not_count() -> None:
    late = a_trial(9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
    assert count_hits([FIRST, a_replica(105.0)], late) == 1


def test_one_of_two_that_each_could_have_done_alone_is_not_needed() -> None:
    both = [FIRST, a_replica(5.0), a_replica(5.0)]
    assert count_hits(both, a_trial(1, 1, 2, 1)) == 0
    assert count_hits(both, a_trial(1, 1, 3, 1)) == 2


def test_tens_of_thousands_of_restores_are_counted_in_one_go() -> None:
    rates = np.ones(20_000)
    rates[1::2] = 2
    restores = [a_replica(20.0 * number + 5.0, 20.0 * number + 20.0) for number in range(10_000)]
    assert count_hits([FIRST, *restores], a_trial(*rates)) == 10_000
