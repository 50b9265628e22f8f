from dataclasses import replace

import pytest

from controller.cluster_view import Worker, WorkerPhase
from controller.hold import Hold
from controller.pair_memory import PairMemory
from controller.parking_feedback import (
    HostTimes,
    host_parts_judged,
    host_times,
    park_deadline_seconds,
    park_key,
    parks_judged,
)
from controller.parking_memory import ParkingMemory
from controller.policy import Restore
from controller.tick_state import TickSettings, TickState, WorkloadState
from models.lead_time import LeadTimeMeasurement, LeadTimes, estimate, learn, measurements
from tests.builders import CHAT, a_worker
from tests.unit.controller.builders import a_policy

PARKING, FAILED = WorkerPhase.PARKING, WorkerPhase.FAILED
LEARNING = TickSettings()
Judged = tuple[ParkingMemory, LeadTimes, PairMemory, tuple[str, ...]]


def judged(*workers: Worker, memory: ParkingMemory | None = None, now: float = 100.0) -> Judged:
    known = memory or ParkingMemory()
    return parks_judged(workers, known, a_policy(), LeadTimes(), PairMemory(), now=now)


def learned(*seconds: float) -> TickState:
    """Return the state of a loop that has measured these host parts."""
    lead_times = LeadTimes()
    for number, taken in enumerate(seconds):
        one = LeadTimeMeasurement(key=park_key(a_policy()), at=number, seconds=taken, ready=True)
        lead_times = learn(lead_times, one)
    return TickState(workloads={CHAT: WorkloadState()}, lead_times=lead_times)


def test_a_parked_worker_is_measured_once_under_a_key_of_its_own() -> None:
    memory, lead_times, _, lines = judged(a_worker(decided_at=80.0))
    (measured,) = measurements(lead_times)
    assert (measured.key.kind, measured.key.snapshot) == ("park", CHAT)
    assert (measured.seconds, measured.ready, measured.at) == (10.0, True, 90.0)
    assert lines == ("chat: chat-1 parked after 10.0 s",)
    again = judged(a_worker(decided_at=80.0), memory=memory)
    assert (again[0], measurements(again[1]), again[3]) == (memory, (), ())


def test_what_was_parked_from_the_start_teaches_nothing() -> None:
    worker = replace(a_worker(decided_at=80.0), parked_at=80.0)
    memory, lead_times, _, lines = judged(worker)
    assert memory.judged == {"chat-1"}
    assert (measurements(lead_times), lines) == ((), ())


def test_a_host_part_that_failed_is_remembered_of_its_node() -> None:
    _, lead_times, failures, lines = judged(a_worker(phase=FAILED, decided_at=80.0))
    (measured,) = measurements(lead_times)
    assert (measured.seconds, measured.ready, measured.failed) == (20.0, False, True)
    assert set(failures.failed_nodes(CHAT)) == {"node-00"}
    assert (failures.streak(CHAT), failures.hang_streak(CHAT)) == (1, 0)
    assert failures.owed_attempts(CHAT) == (2,)
    assert lines == ("chat: chat-1 on node-00 failed after 20 s: no memory",)


def test_a_host_part_that_comes_ends_the_streak_of_those_that_failed() -> None:
    failed = [a_worker(f"f{n}", phase=FAILED, decided_at=80.0, node="node-01") for n in range(5)]
    came = replace(a_worker("came", decided_at=85.0), parked_at=95.0)
    before = judged(*failed)[2]
    assert (before.streak(CHAT), before.owed_attempts(CHAT)) == (5, (2,) * 5)
    _, _, failures, _ = parks_judged(
        [came], ParkingMemory(), a_policy(), LeadTimes(), before, now=100.0
    )
    # What it has taken to retry is owed as before.
    assert (failures.streak(CHAT), failures.owed_attempts(CHAT)) == (0, (2,) * 5)


def test_failures_of_host_parts_are_kept_apart_from_those_of_restores() -> None:
    workers = {CHAT: (a_worker(phase=FAILED, decided_at=80.0),)}
    state, lines = host_parts_judged(workers, TickState(), 100.0, [a_policy()])
    assert len(lines) == 1
    assert (state.park_failures.streak(CHAT), state.memory.streak(CHAT)) == (1, 0)
    later, _ = host_parts_judged({}, state, 2000.0, [a_policy()])
    assert later.park_failures == PairMemory()


def test_a_host_part_past_its_deadline_hangs() -> None:
    _, lead_times, failures, lines = judged(
        a_worker(phase=PARKING, decided_at=40.0, deadline_at=100.0)
    )
    (measured,) = measurements(lead_times)
    assert (measured.seconds, measured.ready, measured.failed) == (60.0, False, False)
    assert failures.hang_streak(CHAT) == 1
    assert lines == ("chat: chat-1 on node-00 failed after 60 s: not parked by its deadline",)


def test_a_hang_that_others_overtook_is_no_sign_of_a_slowdown() -> None:
    came = a_worker("came", node="node-01", decided_at=50.0)
    hung = a_worker("hung", phase=PARKING, decided_at=40.0, deadline_at=100.0)
    memory, _, failures, _ = judged(came, hung)
    assert (failures.streak(CHAT), failures.hang_streak(CHAT)) == (0, 0)
    assert set(failures.failed_nodes(CHAT)) == {"node-00"}
    # Also once the one that came has been promoted, and is a worker no more.
    later = replace(hung, name=came.name, decided_at=45.0)
    _, _, failures, _ = judged(later, memory=replace(memory, judged=frozenset()))
    assert failures.hang_streak(CHAT) == 0
    newer = replace(hung, name=came.name, decided_at=51.0)
    _, _, failures, _ = judged(newer, memory=replace(memory, judged=frozenset()))
    assert failures.hang_streak(CHAT) == 1


def test_who_has_left_is_forgotten_and_the_hold_is_kept() -> None:
    known = ParkingMemory(judged=frozenset({a_worker("gone").name}), hold=Hold(((1.0, 3),)))
    memory, *_ = judged(a_worker("new"), memory=known)
    assert memory.judged == {"new"}
    assert memory.hold == known.hold


def test_the_host_time_is_the_quantile_of_what_was_measured() -> None:
    state = learned(*[10.0] * 40)
    times = host_times((), state, a_policy(), LEARNING, now=100.0)
    known = estimate(state.lead_times, park_key(a_policy()))
    assert times.seconds == pytest.approx(known.quantile(0.9))
    assert times.overdue_seconds == pytest.approx(known.quantile(0.95))
    assert 10.0 < times.seconds < times.overdue_seconds < 16.0


def test_no_host_part_is_believed_to_take_longer_than_its_timeout() -> None:
    policy = a_policy(restore=Restore(timeout_seconds=8.0))
    times = host_times((), learned(*[10.0] * 40), policy, LEARNING, now=100.0)
    assert times == HostTimes(seconds=8.0, overdue_seconds=8.0)


def test_two_that_overrun_show_a_slowdown_before_they_end() -> None:
    workers = [
        a_worker(f"w{number}", phase=PARKING, decided_at=100.0 - taken)
        for number, taken in enumerate((30.0, 40.0, 5.0))
    ]
    times = host_times(workers, learned(*[10.0] * 40), a_policy(), LEARNING, now=100.0)
    # The longest may hang: the second counts.
    assert times == HostTimes(seconds=30.0, overdue_seconds=30.0)


def test_those_that_others_overtook_show_no_slowdown() -> None:
    workers = [
        a_worker(f"w{number}", phase=PARKING, decided_at=100.0 - taken)
        for number, taken in enumerate((30.0, 40.0, 50.0))
    ]

    def seconds(came_decided_at: float) -> float:
        memory = {CHAT: ParkingMemory(came_decided_at=came_decided_at)}
        state = replace(learned(*[10.0] * 40), parking=memory)
        return host_times(workers, state, a_policy(), LEARNING, now=100.0).seconds

    assert seconds(49.0) == 40.0
    assert seconds(50.0) == 30.0
    # Of those decided at 50, 60 and 70 s one is left, which alone may hang.
    assert seconds(60.0) < 16.0


def test_without_learning_host_parts_take_what_is_set() -> None:
    settings = TickSettings(fixed_lead_time_seconds=5.0, fixed_parking_seconds=12.0)
    assert host_times((), TickState(), a_policy(), settings, now=0.0) == HostTimes(seconds=12.0)


def test_a_deadline_is_three_medians_at_the_least_and_grows_with_hangs() -> None:
    state = learned(*[10.0] * 40)
    once = park_deadline_seconds(state, a_policy())
    assert 30.0 <= once < 45.0
    hung = judged(a_worker(phase=PARKING, decided_at=40.0, deadline_at=100.0))[2]
    twice = park_deadline_seconds(replace(state, park_failures=hung), a_policy())
    assert twice == pytest.approx(2.0 * once)
    # Device parts that hang say nothing of host parts.
    assert park_deadline_seconds(replace(state, memory=hung), a_policy()) == once
