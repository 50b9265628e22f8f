import pytest

from controller.feedback import key_of
from controller.learned import learned
from controller.outcomes import Outcomes
from controller.policy import WorkloadPolicy
from controller.tick_state import TickState, WorkloadState
from models.lead_time import LeadTimeMeasurement, LeadTimes, learn
from tests.builders import CHAT

POLICY = WorkloadPolicy(workload=CHAT, demand_per_replica=1.0)


def test_before_any_demand_no_share_is_attained_and_the_lead_time_is_the_prior() -> None:
    nothing = learned(TickState(), POLICY)
    assert (nothing.attained_share, nothing.measurements) == (None, 0)
    assert dict(nothing.lead_time_seconds)[0.99] > dict(nothing.lead_time_seconds)[0.5] > 0.0


def test_the_share_attained_is_what_was_not_late() -> None:
    outcomes = Outcomes(demand=200.0, late=3.0)
    state = TickState(workloads={CHAT: WorkloadState(outcomes=outcomes)})
    assert learned(state, POLICY).attained_share == pytest.approx(0.985)


def test_measured_starts_show_in_the_lead_time() -> None:
    lead_times = LeadTimes()
    for number in range(40):
        measured = LeadTimeMeasurement(
            key=key_of(POLICY), at=float(number), seconds=90.0, ready=True
        )
        lead_times = learn(lead_times, measured)
    known = learned(TickState(lead_times=lead_times), POLICY)
    assert dict(known.lead_time_seconds)[0.5] == pytest.approx(90.0, rel=0.1)
    assert known.measurements == 40
