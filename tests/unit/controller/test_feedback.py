from dataclasses import replace

import numpy as np
import pytest

from controller.cluster_view import Phase, Replica, ReplicaName, StartKind
from controller.feedback import (
    carried_out,
    demand_judged,
    demand_served,
    key_of,
    ready_noted,
    shadows_after,
)
from controller.forecast_trust import ForecastTrust
from controller.hold import Hold
from controller.level_account import Account
from controller.objective import Calibration
from controller.observation import Observation
from controller.outcomes import Outcomes
from controller.policy import Cost, Limits, Objective, Restore, WorkloadPolicy
from controller.shadow_fleets import LEVELS, Shadows
from controller.tick_state import TickSettings, WorkloadState
from tests.builders import CHAT, a_plan, a_replica
from tests.unit.controller.builders import NOW, a_policy, a_reading, an_observation

POLICY = a_policy(restore=Restore(snapshot="llama", size_gib=13.0))
LEARNING = TickSettings()


def test_cold_starts_are_measured_apart_from_restores() -> None:
    assert key_of(POLICY).snapshot == "llama"
    assert key_of(POLICY, StartKind.COLD) != key_of(POLICY)
    assert key_of(POLICY).size_gib == 13.0
    assert key_of(a_policy()).snapshot == CHAT


def judged(
    state: WorkloadState, seen: Observation, settings: TickSettings = LEARNING
) -> WorkloadState:
    """Return the state once demand has been served by what is ready, and judged."""
    reading = seen.outlook.reading if seen.outlook else None
    lead = seen.lead_time_seconds
    noted = ready_noted(state, seen.ready, now=seen.now, missing=0, lead_time_seconds=lead)
    outcomes = demand_served(noted, reading, POLICY)
    (shadows,) = shadows_after([state], [(seen, outcomes)], [POLICY], settings)
    return demand_judged(state, POLICY, seen, outcomes, shadows, settings)


def test_replicas_serve_from_when_they_were_ready_and_missing_ones_do_too() -> None:
    seen = Outcomes(until=NOW, ready_log=((NOW, 3),))
    state = WorkloadState(outcomes=seen, began_at=NOW - 900.0)
    ready = [a_replica("old", started_at=NOW - 120.0), a_replica("new", started_at=NOW - 58.0)]
    noted = ready_noted(state, ready, now=NOW + 5.0, missing=2, lead_time_seconds=60.0)
    assert noted.ready_log == ((NOW, 3), (NOW + 2.0, 4))


def test_a_part_of_demand_is_no_demand_that_was_served() -> None:
    whole = after_a_minute(per_second=3.0)
    part = replace(a_reading(0.5, at=NOW + 70.0), is_at_least=True)
    after = judged(whole, an_observation(now=NOW + 75.0, reading=part))
    assert after.outcomes.until == whole.outcomes.until == NOW + 60.0
    assert after.outcomes.smooth_per_second == whole.outcomes.smooth_per_second


def test_demand_that_was_not_read_while_it_might_be_a_glitch_waits_all_the_same() -> None:
    # Steps of a minute: two of a leap are doubted, and the third, believed, tells of all three.
    whole = after_a_minute(per_second=3.0)
    leap = replace(a_reading(400.0, at=NOW + 240.0), window_seconds=60.0)
    after = judged(whole, an_observation(now=NOW + 241.0, reading=leap))
    assert after.outcomes.queue == pytest.approx(180.0 * 400.0 + whole.outcomes.queue)


def after_a_minute(
    *replicas: Replica, per_second: float, settings: TickSettings = LEARNING
) -> WorkloadState:
    """Return the state after a minute of one demand, read every five seconds."""
    state = WorkloadState(calibration=Calibration(level=2.0))
    for tick in range(14):
        now = NOW + 5.0 * tick
        seen = an_observation(*replicas, now=now, reading=a_reading(per_second, at=now - 5.0))
        state = judged(state, seen, settings)
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
    state = judged(state, early)
    assert state.slow_restores
    late = an_observation(now=NOW + 10.0, reading=a_reading(3.0, at=NOW + 10.0))
    assert not judged(state, late).slow_restores


def test_with_learning_switched_off_the_calibration_stays_put() -> None:
    state = after_a_minute(per_second=3.0, settings=TickSettings(fixed_lead_time_seconds=60.0))
    assert state.calibration == Calibration(level=2.0)
    assert state.outcomes.late == 195.0


def test_without_a_reading_replicas_are_counted_all_the_same() -> None:
    state = judged(WorkloadState(), an_observation(ready=2))
    assert (state.outcomes.until, state.outcomes.ready_log) == (None, ((NOW, 2),))


#: Nothing in it is as in a state that knows nothing yet.
KNOWN = WorkloadState(
    calibration=Calibration(level=2.5),
    hold=Hold(((NOW - 5.0, 7),)),
    outcomes=Outcomes(until=NOW - 5.0, demand=90.0, window_start=NOW - 5.0),
    shadows=Shadows(began_at_level=2.0),
    trust=ForecastTrust(issued_at=NOW - 5.0),
    judged=frozenset({ReplicaName("a")}),
    slow_restores=True,
    target=7,
    began_at=NOW - 900.0,
)


def kept(after: WorkloadState, *changed: str) -> None:
    """Assert that a state still has what ``KNOWN`` had, but for what was to change."""
    new = WorkloadState()
    for name in set(WorkloadState._fields) - set(changed):
        assert getattr(after, name) == getattr(KNOWN, name) != getattr(new, name), name


def test_demand_changes_outcomes_and_shadows_alone() -> None:
    seen = an_observation(reading=a_reading(3.0), ready=3)
    kept(judged(KNOWN, seen), "outcomes", "shadows")


def test_a_plan_changes_the_target_the_hold_and_the_trust_alone() -> None:
    hold, trust = Hold(((NOW, 4),)), ForecastTrust(issued_at=NOW)
    after = carried_out(KNOWN, a_plan(at=NOW, target=4), POLICY, hold, trust)
    assert (after.target, after.hold, after.trust) == (4, hold, trust)
    kept(after, "target", "hold", "trust")


def shadows_under(policy: WorkloadPolicy) -> Shadows:
    """Return the shadows, begun under ``POLICY`` and with something found, under another policy."""
    seen = an_observation(reading=a_reading(3.0), ready=3)
    outcomes = KNOWN.outcomes
    (begun_under,) = shadows_after([WorkloadState()], [(seen, outcomes)], [POLICY], LEARNING)
    assert begun_under is not None
    found = Account.of(90.0, np.full(len(LEVELS), 2.0), np.full(len(LEVELS), 3.0))
    known = WorkloadState(
        calibration=Calibration(level=2.5), shadows=replace(begun_under, long=found)
    )
    (after,) = shadows_after([known], [(seen, outcomes)], [policy], LEARNING)
    assert after is not None
    return after


FREE_MISSES = Objective(cost=Cost(gpu_hour=1.0, missed_request=0.0))


@pytest.mark.parametrize(
    ("policy", "level", "is_kept"),
    [
        (POLICY, 1.5, True),
        (replace(POLICY, limits=Limits(max_replicas=3)), 1.5, True),
        (replace(POLICY, demand_per_replica=1.4 * POLICY.demand_per_replica), 1.5, True),
        (replace(POLICY, demand_per_replica=POLICY.demand_per_replica / 500.0), 2.0, False),
        (replace(POLICY, objective=Objective(wait_seconds=60.0)), 2.0, False),
        (replace(POLICY, objective=Objective(wait_seconds=0.0)), 2.0, False),
        (replace(POLICY, objective=Objective(attainment=0.999)), 5.289, True),
        (replace(POLICY, objective=FREE_MISSES), -2.0, True),
    ],
)
def test_what_was_found_is_kept_as_far_as_it_says_something_of_a_changed_policy(
    policy: WorkloadPolicy, level: float, is_kept: bool
) -> None:
    after = shadows_under(policy)
    assert after.began_at_level == pytest.approx(level, abs=1e-3)
    assert bool(after.long.late.any()) == is_kept
