import dataclasses

import pytest

from controller.actions import Cancel
from controller.cluster_view import Phase, Replica, ReplicaName
from controller.start_endings import Ending, ended_starts
from tests.builders import a_fleet, a_replica

UNDER_WAY = a_replica(phase=Phase.RESTORING, started_at=40.0, deadline_at=150.0)
CANCEL = Cancel(name=ReplicaName("chat-1"), reason="over its deadline")


@pytest.mark.parametrize(
    ("after", "ending"),
    [
        ((a_replica(phase=Phase.READY, started_at=40.0),), Ending.READY),
        ((a_replica(phase=Phase.DRAINING, started_at=40.0),), Ending.READY),
        ((a_replica(phase=Phase.FAILED),), Ending.FAILED),
        ((), Ending.LOST),
    ],
)
def test_a_start_ends_as_the_next_view_shows(after: tuple[Replica, ...], ending: Ending) -> None:
    (ended,) = ended_starts(a_fleet(UNDER_WAY), a_fleet(*after, seen_at=105.0))
    assert ended.ending is ending
    assert ended.seconds == (60.0 if ending is Ending.READY else None)


@pytest.mark.parametrize(("seen_at", "ending"), [(149.0, Ending.CANCELLED), (150.0, Ending.HUNG)])
def test_a_cancelled_start_was_hung_if_its_deadline_had_passed(
    seen_at: float, ending: Ending
) -> None:
    before = a_fleet(UNDER_WAY, seen_at=seen_at)
    (ended,) = ended_starts(before, a_fleet(seen_at=155.0), [CANCEL])
    assert ended.ending is ending


def test_what_is_still_under_way_or_was_never_is_no_ending() -> None:
    before = a_fleet(UNDER_WAY, a_replica("served"))
    assert ended_starts(before, a_fleet(UNDER_WAY)) == ()


@pytest.mark.parametrize(
    ("phase", "ending"), [(Phase.READY, Ending.READY), (Phase.FAILED, Ending.FAILED)]
)
def test_a_start_that_came_and_ended_between_two_views_is_seen(
    phase: Phase, ending: Ending
) -> None:
    quick = a_replica(phase=phase, started_at=101.0)
    (ended,) = ended_starts(a_fleet(seen_at=100.0), a_fleet(quick, seen_at=200.0))
    assert ended.ending is ending


def test_of_those_not_seen_under_way_the_measured_have_ended_too() -> None:
    unseen = a_fleet(seen_at=float("inf"))
    after = a_fleet(a_replica("a"), a_replica("b"), a_replica("late", phase=Phase.RESTORING))
    measured = frozenset({ReplicaName("a"), ReplicaName("late")})
    (ended,) = ended_starts(unseen, after, (), measured)
    assert (ended.ending, ended.seconds) == (Ending.READY, 60.0)
    assert ended_starts(after, after, (), measured) == ()


def test_a_replica_that_was_there_before_the_loop_looked_is_no_ending() -> None:
    old = a_replica(started_at=99.0)
    assert ended_starts(a_fleet(seen_at=100.0), a_fleet(old, seen_at=200.0)) == ()


def test_the_parts_of_a_start_add_up_to_its_whole() -> None:
    ready = dataclasses.replace(
        a_replica(started_at=40.0),
        decided_at=38.0,
        phases=(("created", 39.0), ("started", 45.0), ("restored", 90.0)),
    )
    (ended,) = ended_starts(a_fleet(UNDER_WAY), a_fleet(ready))
    assert ended.seconds == 62.0
    assert ended.phases == (("created", 1.0), ("started", 6.0), ("restored", 45.0), ("ready", 10.0))
    assert sum(seconds for _, seconds in ended.phases) == ended.seconds


def test_without_phases_the_start_itself_is_one() -> None:
    (ended,) = ended_starts(a_fleet(UNDER_WAY), a_fleet(a_replica(started_at=40.0)))
    assert ended.phases == (("started", 0.0), ("ready", 60.0))
