import pytest

from controller.cluster_view import Phase, Replica, StartKind
from controller.feedback import demand_judged, key_of
from controller.objective import Calibration
from controller.outcomes import Outcomes
from controller.policy import Restore
from controller.tick_state import TickSettings, WorkloadState
from tests.builders import CHAT, a_replica
from tests.unit.controller.builders import NOW, a_policy, a_reading, an_observation

POLICY = a_policy(restore=Restore(snapshot="llama", size_gib=13.0))
LEARNING = TickSettings()


def test_cold_starts_are_measured_apart_from_restores() -> None:
    assert key_of(POLICY).snapshot == "llama"
    assert key_of(POLICY, StartKind.COLD) != key_of(POLICY)
    assert key_of(POLICY).size_gib == 13.0
    assert key_of(a_policy()).snapshot == CHAT


def after_a_minute(
    *replicas: Replica, per_second: float, settings: TickSettings = LEARNING
) -> WorkloadState:
    """Return the state after a minute of one demand, read every five seconds."""
    state = WorkloadState(calibration=Calibration(level=2.0))
    for tick in range(14):
        now = NOW + 5.0 * tick
        seen = an_observation(*replicas, now=now, reading=a_reading(per_second, at=now - 5.0))
        state = demand_judged(state, POLICY, seen, settings)
    return state


def test_with_one_level_as_good_as_any_the_level_is_the_cheapest_that_served() -> None:
    # Steady demand without a forecast: all levels serve alike.
    ready = [a_replica(name) for name in "abcd"]
    assert after_a_minute(*ready, per_second=3.0).calibration.level < 2.0


def test_shadows_take_in_the_demand_that_outcomes_have() -> None:
    state = after_a_minute(per_second=3.0)
    assert state.shadows is not None
    assert state.shadows.long.demand == pytest.approx(180.0, rel=1e-3)


def test_each_minute_is_judged_by_itself() -> None:
    outcomes = after_a_minute(per_second=3.0).outcomes
    assert (outcomes.window_demand, outcomes.window_start) == (15.0, NOW + 55.0)
    assert outcomes.demand == 195.0


def test_late_demand_while_a_restore_is_slow_raises_the_lead_time() -> None:
    slow = a_replica(phase=Phase.RESTORING, started_at=NOW - 60.0, deadline_at=NOW + 600.0)
    assert after_a_minute(slow, per_second=3.0).calibration.lead_time_quantile > 0.9


def test_a_restore_within_its_lead_time_is_not_slow() -> None:
    on_time = a_replica(phase=Phase.RESTORING, started_at=NOW + 20.0, deadline_at=NOW + 600.0)
    assert after_a_minute(on_time, per_second=3.0).calibration.lead_time_quantile == 0.9


def test_slowness_is_forgotten_with_the_minute_it_was_seen_in() -> None:
    slow = a_replica(phase=Phase.RESTORING, started_at=NOW - 90.0, deadline_at=NOW + 600.0)
    state = WorkloadState(outcomes=Outcomes(until=NOW, window_start=NOW - 50.0))
    early = an_observation(slow, now=NOW + 5.0, reading=a_reading(3.0, at=NOW + 5.0))
    state = demand_judged(state, POLICY, early, LEARNING)
    assert state.slow_restores
    late = an_observation(now=NOW + 10.0, reading=a_reading(3.0, at=NOW + 10.0))
    assert not demand_judged(state, POLICY, late, LEARNING).slow_restores


def test_with_learning_switched_off_the_calibration_stays_put() -> None:
    state = after_a_minute(per_second=3.0, settings=TickSettings(fixed_lead_time_seconds=60.0))
    assert state.calibration == Calibration(level=2.0)
    assert state.outcomes.late == 195.0


def test_without_a_reading_replicas_are_counted_all_the_same() -> None:
    state = demand_judged(WorkloadState(), POLICY, an_observation(ready=2), LEARNING)
    assert (state.outcomes.until, state.outcomes.ready_log) == (None, ((NOW, 2),))
