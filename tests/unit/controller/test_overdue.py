from dataclasses import replace

from controller.cluster_view import Phase, Replica, StartKind
from controller.overdue import overrun_seconds
from tests.builders import a_replica
from tests.unit.controller.builders import NOW


def under_way(*ages: float, phase: Phase = Phase.RESTORING) -> list[Replica]:
    """Return starts that were decided so many seconds ago, with ten minutes to become ready."""
    return [
        a_replica(f"{phase}-{age}", phase=phase, started_at=NOW - age, deadline_at=NOW - age + 600)
        for age in ages
    ]


def test_starts_that_nearly_all_overrun_say_how_long_starts_take_now() -> None:
    assert overrun_seconds([], under_way(10.0, 70.0, 90.0, 110.0), 60.0, now=NOW) == 90.0


def test_one_start_that_overruns_may_hang() -> None:
    assert overrun_seconds([], under_way(10.0, 110.0), 60.0, now=NOW) == 0.0
    given_up = [replace(one, deadline_at=NOW) for one in under_way(70.0, 90.0)]
    assert overrun_seconds([], given_up, 60.0, now=NOW) == 0.0


def test_a_few_that_overrun_among_many_that_came_say_nothing() -> None:
    came = under_way(65.0, 75.0, 85.0, phase=Phase.READY)
    assert overrun_seconds(came, under_way(70.0, 90.0), 60.0, now=NOW) == 0.0
    long_ago = under_way(300.0, 400.0, 500.0, phase=Phase.READY)
    assert overrun_seconds(long_ago, under_way(70.0, 90.0), 60.0, now=NOW) == 70.0


def test_cold_starts_which_take_longer_anyway_say_nothing_of_restores() -> None:
    cold = [replace(one, kind=StartKind.COLD) for one in under_way(70.0, 90.0, 110.0)]
    assert overrun_seconds([], cold, 60.0, now=NOW) == 0.0
    came = [replace(one, kind=StartKind.COLD) for one in under_way(65.0, 75.0, phase=Phase.READY)]
    assert overrun_seconds(came, under_way(70.0, 90.0), 60.0, now=NOW) == 70.0
