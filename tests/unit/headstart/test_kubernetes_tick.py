"""What a controller that comes up takes from a policy's status, and does not measure again."""

from __future__ import annotations

from dataclasses import replace

from controller.adapters.kubernetes.status_text import encoded_memory
from controller.cluster_view import Phase
from controller.feedback import starts_judged
from controller.objective import Calibration
from controller.policy import WorkloadPolicy
from controller.tick_state import TickState, WorkloadState
from headstart.kubernetes_tick import with_memory
from models.codec import encode_measurement
from models.lead_time import LeadTimeKey, LeadTimeMeasurement, measurements
from tests.builders import CHAT, a_fleet, a_replica

KEY = LeadTimeKey(snapshot=CHAT, kind="restore", size_gib=None)
KNOWN = LeadTimeMeasurement(key=KEY, at=100.0, seconds=4.0, ready=True)


def test_a_start_that_the_status_knows_is_not_measured_again_and_a_later_one_is() -> None:
    memory = WorkloadState(calibration=Calibration(level=3.0))
    status = {
        "leadTimeMeasurements": [encode_measurement(KNOWN)],
        "calibration": encoded_memory(memory),
    }
    known = replace(a_replica("known"), decided_at=95.0, ready_at=99.0)
    later = replace(a_replica("later"), decided_at=95.0, ready_at=101.0)
    fleet = a_fleet(known, later)
    state = with_memory(TickState(), CHAT, status, fleet)
    assert state.workloads[CHAT].calibration.level == 3.0
    judged = starts_judged(
        fleet.replicas,
        state.workloads[CHAT],
        WorkloadPolicy(workload=CHAT, demand_per_replica=1.0),
        state.lead_times,
        state.memory,
        now=102.0,
    )
    assert [one.seconds for one in measurements(judged[1])] == [4.0, 6.0]


def test_without_a_status_everything_is_measured() -> None:
    state = with_memory(TickState(), CHAT, {}, a_fleet(a_replica("r", phase=Phase.READY)))
    assert state.workloads[CHAT] == WorkloadState()
    assert measurements(state.lead_times) == ()
