"""What failed in a row, when a restore is worth another try, and when any start is."""

from __future__ import annotations

import pytest

from controller.cluster_view import Phase, StartKind
from controller.failure_streak import FORGET_AFTER_SECONDS, FailureStreak
from tests.builders import CHAT, a_replica

NOTHING = FailureStreak(workload=CHAT)
RESTORE, COLD = StartKind.RESTORE, StartKind.COLD


def after(
    *failures: tuple[float, StartKind],
    phase: Phase = Phase.FAILED,
    begin: FailureStreak = NOTHING,
    took: float = 0.0,
) -> FailureStreak:
    """Return the streak after starts of a kind failed at these times, which took so long."""
    streak = begin
    for at, kind in failures:
        failed = a_replica(kind=kind, phase=phase, started_at=at - took)
        streak = streak.after_failure(failed, at)
    return streak


def test_restores_and_cold_starts_are_counted_apart_and_together() -> None:
    streak = after((10.0, RESTORE), (20.0, COLD), (30.0, RESTORE))
    assert (streak.restores, streak.starts) == (2, 3)
    assert (streak.restores_fail_since, streak.restore_failed_at) == (10.0, 30.0)
    assert (streak.fails_since, streak.failed_at) == (10.0, 30.0)


def test_time_outs_lengthen_the_patience_with_their_own_kind_only() -> None:
    hung = after((10.0, COLD), (20.0, COLD), (30.0, RESTORE), phase=Phase.RESTORING)
    assert (hung.restore_hangs, hung.cold_hangs) == (1, 2)
    failed = after((40.0, COLD), (50.0, RESTORE), begin=hung)
    assert (failed.restore_hangs, failed.cold_hangs) == (1, 2)


def test_a_cold_start_that_comes_says_nothing_of_restores() -> None:
    streak = after((10.0, RESTORE), (20.0, COLD), phase=Phase.RESTORING)
    came = streak.after_success(COLD)
    assert (came.restores, came.restore_hangs, came.cold_hangs, came.starts) == (1, 1, 0, 0)
    restored = streak.after_success(RESTORE)
    assert (restored.restores, restored.restore_hangs, restored.starts) == (0, 0, 0)
    assert not came.after_success(RESTORE).is_anything


def test_failures_of_cold_starts_keep_no_belief_of_restores_alive() -> None:
    streak = after((0.0, RESTORE), (1000.0, COLD), (2000.0, COLD))
    assert streak.at(FORGET_AFTER_SECONDS - 1.0) is streak
    later = streak.at(FORGET_AFTER_SECONDS)
    assert (later.restores, later.restore_hangs, later.starts) == (0, 0, 3)
    assert later.at(FORGET_AFTER_SECONDS + 1.0) is later
    assert later.at(2000.0 + FORGET_AFTER_SECONDS) == NOTHING


@pytest.mark.parametrize(
    ("failed_at", "due_at"),
    [
        ((0.0, 5.0), 65.0),
        ((0.0, 60.0), 120.0),
        ((0.0, 300.0), 600.0),
        ((0.0, 5000.0), 5900.0),
    ],
)
def test_a_restore_is_tried_once_they_have_failed_for_as_long_again(
    failed_at: tuple[float, ...], due_at: float
) -> None:
    streak = after(*((at, RESTORE) for at in failed_at))
    assert not streak.is_trial_due(due_at - 1.0)
    assert streak.is_trial_due(due_at)


def test_where_neither_kind_comes_they_take_turns() -> None:
    streak = after(*((float(number), RESTORE) for number in range(24)))
    assert not streak.is_trial_due(30.0)
    assert after((40.0, COLD), begin=streak).is_trial_due(40.0)
    assert not after((40.0, COLD), (50.0, RESTORE), begin=streak).is_trial_due(60.0)


def test_two_dozen_failures_of_any_kind_are_hopeless_until_anything_comes() -> None:
    kinds = (RESTORE, COLD) * 12
    streak = after(*((10.0, kind) for kind in kinds[:-1]))
    assert (streak.is_hopeless, streak.allowed(5, 2, 10.0)) == (False, 5)
    streak = after((10.0, COLD), begin=streak)
    assert (streak.is_hopeless, streak.allowed(5, 2, 10.0)) == (True, 0)
    assert (streak.allowed(5, 0, 10.0), streak.allowed(0, 0, 10.0)) == (1, 0)
    for kind in (RESTORE, COLD):
        assert streak.after_success(kind).allowed(5, 2, 10.0) == 5


@pytest.mark.parametrize("later", [RESTORE, COLD])
def test_failures_of_starts_that_knew_of_none_are_hopeless_once_one_that_did_fails(
    later: StartKind,
) -> None:
    at_once = after(*((100.0 + number % 3, RESTORE) for number in range(40)), took=60.0)
    assert (at_once.is_hopeless, at_once.allowed(5, 2, 103.0)) == (False, 5)
    assert not after((110.0, later), begin=at_once, took=11.0).is_hopeless
    assert after((110.0, later), begin=at_once, took=10.0).is_hopeless
    again = after(*((200.0, RESTORE),) * 30, begin=at_once.after_success(COLD), took=100.0)
    assert not again.is_hopeless


@pytest.mark.parametrize(("last", "next_try"), [(20.0, 30.0), (50.0, 90.0), (9000.0, 9060.0)])
def test_pauses_grow_while_nothing_comes_but_not_beyond_a_minute(
    last: float, next_try: float
) -> None:
    streak = after(*((10.0, RESTORE),) * 23, (last, RESTORE))
    assert streak.allowed(3, 0, next_try - 1.0) == 0
    assert streak.allowed(3, 0, next_try) == 1
