from dataclasses import replace

import pytest

from controller.cluster_view import Phase, Replica
from controller.ended_starts import starts_judged
from controller.feedback import key_of
from controller.pair_memory import PairMemory
from controller.policy import Restore
from controller.tick import tick
from controller.tick_state import TickSettings, TickState, WorkloadState
from models.lead_time import LeadTimes, measurements
from models.lead_time_values import LeadTimeMeasurement
from tests.builders import CHAT, a_fleet, a_replica
from tests.unit.controller.builders import NOW, a_policy

POLICY = a_policy(restore=Restore(snapshot="llama", size_gib=13.0))
Judged = tuple[WorkloadState, LeadTimes, PairMemory, tuple[str, ...]]


def judged(*replicas: Replica, state: WorkloadState | None = None, now: float = NOW) -> Judged:
    return starts_judged(
        replicas, state or WorkloadState(), POLICY, LeadTimes(), PairMemory(), now=now
    )


def measured(*replicas: Replica) -> list[LeadTimeMeasurement]:
    return list(measurements(judged(*replicas)[1]))


def test_nothing_is_judged_while_a_start_is_under_way() -> None:
    state, lead_times, memory, lines = judged(
        a_replica(phase=Phase.RESTORING, deadline_at=NOW + 1.0)
    )
    assert (state, memory, lines) == (WorkloadState(), PairMemory(), ())
    assert measurements(lead_times) == ()


@pytest.mark.parametrize("phase", [Phase.READY, Phase.DRAINING])
def test_a_start_that_ended_well_is_measured_from_decision_to_ready(phase: Phase) -> None:
    (one,) = measured(replace(a_replica(phase=phase), decided_at=100.0, ready_at=142.5))
    assert (one.key, one.seconds, one.ready, one.at) == (key_of(POLICY), 42.5, True, 142.5)
    *_, lines = judged(replace(a_replica("chat-7"), decided_at=100.0, ready_at=142.5))
    assert lines == ("chat: chat-7 ready after 42.5 s",)


def test_hangs_that_began_with_a_start_that_came_are_no_reason_to_start_cold() -> None:
    came = replace(a_replica("came"), decided_at=NOW - 90.0, ready_at=NOW - 80.0)
    hung = [
        replace(a_replica(f"hung-{i}", phase=Phase.RESTORING, deadline_at=NOW), decided_at=since)
        for i, since in enumerate((NOW - 90.0, NOW - 90.0, NOW - 90.0, NOW - 60.0))
    ]
    memory = judged(*hung, came)[2]
    # Only the last began when nothing that began later had come.
    assert (memory.streak(CHAT), memory.hang_streak(CHAT)) == (1, 1)
    assert len(memory.failed_nodes(CHAT)) == len({one.node for one in hung})
    assert judged(*hung)[2].streak(CHAT) == 4


def test_a_hung_start_might_have_come_later_and_a_failed_one_never() -> None:
    hung = a_replica("hung", phase=Phase.RESTORING, started_at=NOW - 90.0, deadline_at=NOW)
    failed = a_replica("failed", phase=Phase.FAILED, started_at=NOW - 30.0)
    (hang,) = measured(hung)
    (failure,) = measured(failed)
    assert (hang.seconds, hang.ready, hang.failed) == (90.0, False, False)
    assert (failure.seconds, failure.ready, failure.failed) == (30.0, False, True)


def test_a_failure_is_remembered_and_told() -> None:
    broken = replace(
        a_replica("chat-7", phase=Phase.FAILED, started_at=NOW - 30.0), failure="no such image"
    )
    hung = a_replica(
        "chat-8", node="node-01", phase=Phase.RESTORING, started_at=NOW - 90.0, deadline_at=NOW
    )
    _, _, memory, lines = judged(broken, hung)
    assert memory.failed_nodes(CHAT).keys() == {"node-00", "node-01"}
    assert lines == (
        "chat: chat-7 on node-00 failed after 30 s: no such image",
        "chat: chat-8 on node-01 failed after 90 s: not ready by its deadline",
    )


def test_a_success_is_forgiven_its_nodes_failures() -> None:
    failed_there = PairMemory().after_failure(a_replica("before", phase=Phase.FAILED), NOW)
    _, _, memory, _ = starts_judged(
        [a_replica("after")], WorkloadState(), POLICY, LeadTimes(), failed_there, now=NOW
    )
    assert memory == PairMemory()


def test_a_tick_names_whose_start_it_measured_once_and_none_of_which_nothing_is_known() -> None:
    # Who served before the first look is given one time for all.
    known = replace(a_replica("known"), decided_at=100.0, ready_at=142.5)
    unknown = replace(a_replica("unknown"), decided_at=100.0, ready_at=100.0)
    coming = a_replica("coming", phase=Phase.RESTORING, deadline_at=NOW + 1.0)
    fleet = a_fleet(known, unknown, coming)
    state = TickState()
    for measured in ({"known"}, set()):
        result = tick(fleet, {}, state, NOW, policies=[POLICY], settings=TickSettings())
        state = result.state
        assert result.measured == measured


def test_each_start_is_judged_once() -> None:
    state, lead_times, memory, _ = judged(a_replica("a"), a_replica("b", phase=Phase.FAILED))
    again = starts_judged(
        [a_replica("a"), a_replica("b", phase=Phase.FAILED)],
        state,
        POLICY,
        lead_times,
        memory,
        now=NOW + 5.0,
    )
    assert again == (state, lead_times, memory, ())


def test_names_of_replicas_that_are_gone_are_forgotten() -> None:
    state, *_ = judged(a_replica("a"))
    state, *_ = judged(a_replica("b"), state=state)
    assert state.judged == {"b"}


def test_from_replicas_that_were_there_at_once_nothing_can_be_learned() -> None:
    initial = replace(a_replica(), decided_at=60.0, ready_at=60.0)
    state, lead_times, _, lines = judged(initial)
    assert (measurements(lead_times), lines) == ((), ())
    assert state.judged == {"chat-1"}
