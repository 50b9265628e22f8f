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
