from __future__ import annotations

import pytest

from controller.cluster_view import Phase, StartKind
from controller.outcomes import Outcomes
from controller.policy import Standby, WorkloadPolicy
from controller.tallies import WAITED_SECONDS, Tally, restores_ready, tallied
from tests.builders import CHAT, a_fleet, a_replica

POLICY = WorkloadPolicy(workload=CHAT, demand_per_replica=1.0, standby=Standby(gpus_per_replica=2))
BEGUN = tallied(Tally(), POLICY, Outcomes(late=5.0, idle_gpu_seconds=7.0), now=100.0, ready=1)


def test_the_first_tick_only_sets_the_marks() -> None:
    assert (BEGUN.misses, BEGUN.waste_gpu_seconds) == (0.0, 0.0)


def test_a_restore_that_is_ready_before_anybody_waited_is_a_hit() -> None:
    served = Outcomes(late=5.0, idle_gpu_seconds=10.0)
    in_time = tallied(BEGUN, POLICY, served, now=105.0, ready=1)
    assert (in_time.hits - BEGUN.hits, in_time.misses) == (1, 0.0)
    assert in_time.waste_gpu_seconds == 6.0


def test_a_restore_that_somebody_waited_for_is_none() -> None:
    late = tallied(BEGUN, POLICY, Outcomes(late=8.0, idle_gpu_seconds=7.0), now=105.0, ready=1)
    assert (late.hits, late.misses) == (BEGUN.hits, 3.0)
    soon = tallied(late, POLICY, Outcomes(late=8.0), now=105.0 + WAITED_SECONDS, ready=1)
    assert soon.hits == BEGUN.hits
    later = tallied(late, POLICY, Outcomes(late=8.0), now=105.1 + WAITED_SECONDS, ready=1)
    assert later.hits == BEGUN.hits + 1


def test_totals_of_a_loop_that_began_again_are_added() -> None:
    again = tallied(BEGUN, POLICY, Outcomes(late=2.0, idle_gpu_seconds=1.0), now=105.0, ready=0)
    assert (again.misses, again.waste_gpu_seconds) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("kind", "phase", "ready"),
    [
        (StartKind.RESTORE, Phase.READY, {CHAT: 1}),
        (StartKind.COLD, Phase.READY, {}),
        (StartKind.RESTORE, Phase.FAILED, {}),
        (StartKind.RESTORE, Phase.RESTORING, {}),
    ],
)
def test_only_restores_that_became_ready_count(
    kind: StartKind, phase: Phase, ready: dict[str, int]
) -> None:
    before = a_fleet(a_replica(phase=Phase.RESTORING, kind=kind))
    assert restores_ready(before, a_fleet(a_replica(phase=phase, kind=kind))) == ready
    assert restores_ready(None, a_fleet(a_replica())) == {}
