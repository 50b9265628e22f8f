from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from models import lead_time, lead_time_history
from models.lead_time import (
    LeadTimeKey,
    LeadTimeMeasurement,
    LeadTimes,
    attempt_deadline,
    estimate,
    learn,
    measurements,
)

CHAT = LeadTimeKey(snapshot="chat")
SIGMA = 0.35


def latencies(median_seconds: float, count: int, *, seed: int = 10) -> list[float]:
    logs = SIGMA * np.random.default_rng(seed).standard_normal(count)
    return [median_seconds * math.exp(log) for log in logs]


def after(
    seconds: Iterable[float],
    *,
    state: LeadTimes | None = None,
    key: LeadTimeKey = CHAT,
    ready: bool = True,
    failed: bool = False,
) -> LeadTimes:
    """Return the state after attempts a second apart, following those of ``state``.

    Those that did not come were decided when all before had ended.
    """
    learned = state or LeadTimes()
    start = max((measurement.at for measurement in measurements(learned)), default=-1.0) + 1
    for i, taken in enumerate(seconds):
        at = start + i + (0.0 if ready else taken)
        attempt = LeadTimeMeasurement(key=key, at=at, seconds=taken, ready=ready, failed=failed)
        learned = learn(learned, attempt)
    return learned


# Before there are measurements


def test_a_new_snapshot_takes_as_long_as_its_size_says() -> None:
    found = estimate(LeadTimes(), LeadTimeKey(snapshot="new", size_gib=100.0))
    assert found.median_seconds == pytest.approx(2.0 + 23.4 + 5.0)
    assert (found.measurements, found.basis) == (0, "prior from size")


def test_a_host_part_of_a_new_snapshot_takes_as_long_as_its_size_says() -> None:
    found = estimate(LeadTimes(), LeadTimeKey(snapshot="new", kind="park", size_gib=16.0))
    assert found.median_seconds == pytest.approx(1.0 + 9.6)
    unknown = estimate(LeadTimes(), LeadTimeKey(snapshot="new", kind="park"))
    assert unknown.median_seconds == pytest.approx(60.0)


def test_a_new_snapshot_of_unknown_size_takes_a_minute() -> None:
    found = estimate(LeadTimes(), CHAT)
    assert found.median_seconds == pytest.approx(60.0)
    assert found.basis == "prior for an unknown size"


def test_a_size_learned_later_is_used_at_once() -> None:
    state = LeadTimes()
    assert estimate(state, CHAT).median_seconds == pytest.approx(60.0)
    sized = LeadTimeKey(snapshot="chat", size_gib=10.0)
    assert estimate(state, sized).median_seconds == pytest.approx(9.34)


# A steady stream


def test_measurements_narrow_the_quantiles_to_the_true_ones() -> None:
    found = estimate(after(latencies(60.0, 1000)), CHAT)
    assert found.quantile(0.95) == pytest.approx(60.0 * math.exp(1.645 * SIGMA), rel=0.08)
    assert found.median_seconds == pytest.approx(60.0, rel=0.05)
    assert found.never_share < 0.005


def test_few_measurements_leave_the_quantiles_wide() -> None:
    few, many = (estimate(after(latencies(60.0, n)), CHAT) for n in (3, 100))
    assert few.quantile(0.95) / few.median_seconds > 1.2 * many.quantile(0.95) / many.median_seconds


def test_three_measurements_cover_at_least_what_the_quantile_says() -> None:
    covered = []
    for seed in range(40):
        bound = estimate(after(latencies(60.0, 3, seed=seed)), CHAT).quantile(0.95)
        covered.append(np.mean(np.array(latencies(60.0, 500, seed=1000 + seed)) <= bound))
    assert np.mean(covered) >= 0.93


def test_a_wrong_prior_is_soon_outvoted() -> None:
    found = estimate(after([10.0, 11.0, 9.0, 10.0, 10.5]), CHAT)
    assert found.median_seconds == pytest.approx(10.0, rel=0.25)
    assert found.quantile(0.9) < 25.0


def test_the_basis_counts_what_stands_behind_it() -> None:
    assert estimate(after([60.0]), CHAT).basis == "1 measured restore of this snapshot"
    found = estimate(after([60.0] * 7), CHAT)
    assert (found.measurements, found.basis) == (7, "7 measured restores of this snapshot")


def test_a_start_that_took_no_time_is_learned_from() -> None:
    assert estimate(after([0.0] * 20), CHAT).median_seconds < 0.01


# Changes


@pytest.mark.parametrize("seed", range(5))
def test_a_slowdown_shows_within_five_restores(seed: int) -> None:
    state = after(latencies(10.0, 50, seed=seed))
    slow = after(latencies(30.0, 5, seed=100 + seed), state=state)
    assert estimate(slow, CHAT).quantile(0.9) > 30.0


def test_a_slowdown_is_said_with_its_time() -> None:
    found = estimate(after([30.0] * 3, state=after([10.0] * 20)), CHAT)
    assert found.changed_at == 20.0
    assert found.basis == "3 measured restores of this snapshot since it changed"


def test_a_recovery_shows_within_eight_restores() -> None:
    slow = after(latencies(30.0, 12, seed=2), state=after(latencies(10.0, 50)))
    assert estimate(after(latencies(10.0, 8, seed=3), state=slow), CHAT).quantile(0.9) < 25.0


def test_chance_is_seldom_taken_for_a_change() -> None:
    state, changes = LeadTimes(), 0
    for seconds in latencies(60.0, 1000, seed=4):
        known = estimate(state, CHAT).changed_at
        state = after([seconds], state=state)
        changes += estimate(state, CHAT).changed_at not in (None, known)
    assert changes < 10


def test_a_change_that_was_chance_is_taken_back() -> None:
    jitter = latencies(10.0, 60)
    doubted = after([25.0, 27.0], state=after(jitter))
    assert estimate(doubted, CHAT).changed_at == 60.0
    found = estimate(after([7.0, 8.0, 9.0, 8.0, 9.0, 8.0], state=doubted), CHAT)
    assert found.changed_at is None
    assert found.measurements == 68


def test_a_slow_drift_is_followed() -> None:
    drifting = [s * 1.02**i for i, s in enumerate(latencies(10.0, 100))]
    now = 10.0 * 1.02**100
    found = estimate(after(drifting), CHAT)
    assert found.median_seconds > 0.65 * now
    assert found.quantile(0.9) > now


# Attempts that never came


def test_a_few_hangs_do_not_blow_up_a_short_lead_time() -> None:
    state = LeadTimes()
    for i, seconds in enumerate(latencies(10.0, 200)):
        state = after([seconds], state=state)
        if i % 20 == 10:
            state = after([600.0], state=state, ready=False)
    found = estimate(state, CHAT)
    assert found.quantile(0.95) == pytest.approx(10.0 * math.exp(1.645 * SIGMA), rel=0.15)
    assert found.never_share == pytest.approx(0.05, abs=0.02)


def test_failures_count_as_never_coming_however_soon_they_failed() -> None:
    state = after([2.0] * 5, state=after(latencies(10.0, 15)), ready=False, failed=True)
    found = estimate(state, CHAT)
    assert found.never_share == pytest.approx(0.25, abs=0.05)
    assert found.median_seconds == pytest.approx(10.0, rel=0.25)


def test_attempts_given_up_early_might_have_come() -> None:
    state = after([12.0] * 10, state=after(latencies(10.0, 20)), ready=False)
    assert estimate(state, CHAT).quantile(0.9) > estimate(
        after(latencies(10.0, 20)), CHAT
    ).quantile(0.9)


def test_a_slowdown_beyond_the_deadline_raises_the_lead_time() -> None:
    state, timeouts = after(latencies(10.0, 50)), 0
    for seconds in latencies(100.0, 8, seed=5):
        deadline = attempt_deadline(estimate(state, CHAT), 600.0, timeouts)
        came = seconds < deadline
        timeouts = 0 if came else timeouts + 1
        state = after([min(seconds, deadline)], state=state, ready=came)
    assert estimate(state, CHAT).quantile(0.9) > 100.0


def test_hangs_in_a_row_alone_raise_the_lead_time() -> None:
    state = after([60.0] * 4, state=after(latencies(10.0, 50)), ready=False)
    assert estimate(state, CHAT).median_seconds > 60.0


def hangs_after_ten_starts(
    decided_later_seconds: float, *, came_late_seconds: float = 0.0
) -> float:
    """Return the median after fifty starts, six decided at once, and four that hang."""
    state, decided = after(latencies(10.0, 50)), 1.7e9
    for seconds in latencies(10.0, 6, seed=2):
        at = decided + came_late_seconds + seconds
        state = learn(state, LeadTimeMeasurement(key=CHAT, at=at, seconds=seconds, ready=True))
    at = decided + decided_later_seconds + 60.0
    for _ in range(4):
        hung = LeadTimeMeasurement(key=CHAT, at=at, seconds=60.0, ready=False)
        state = learn(state, hung)
    return estimate(state, CHAT).median_seconds


def test_hangs_decided_no_later_than_starts_that_came_are_no_slowdown() -> None:
    assert hangs_after_ten_starts(0.0) < 12.0
    assert hangs_after_ten_starts(-30.0) < 12.0
    assert hangs_after_ten_starts(1.0) > 60.0


def test_starts_of_a_clock_that_was_ahead_overtake_nothing() -> None:
    assert hangs_after_ten_starts(1.0, came_late_seconds=3600.0) > 60.0


def test_one_hang_after_a_failure_is_no_row() -> None:
    failed = after([1.0], state=after([10.0] * 20), ready=False, failed=True)
    found = estimate(after([600.0], state=failed, ready=False), CHAT)
    assert found.median_seconds == pytest.approx(10.0, rel=0.1)


def test_a_key_that_never_came_is_believed_slower_than_the_wait() -> None:
    assert estimate(after([600.0] * 2, ready=False), CHAT).quantile(0.9) > 600.0


# Next of kin

NEARBY = LeadTimeKey(snapshot="chat", concurrency=4)
ELSEWHERE = LeadTimeKey(snapshot="chat", node_class="a100")


@pytest.mark.parametrize(
    ("key", "basis"),
    [
        (NEARBY, "20 measured restores of this snapshot nearby"),
        (ELSEWHERE, "20 measured restores of this snapshot on other nodes"),
        (LeadTimeKey(snapshot="search"), "20 measured restores of other snapshots"),
    ],
)
def test_a_new_key_starts_from_its_next_of_kin(key: LeadTimeKey, basis: str) -> None:
    found = estimate(after(latencies(10.0, 20)), key)
    assert found.median_seconds < 20.0
    assert (found.measurements, found.basis) == (20, basis)


def test_nearer_kin_outvotes_the_distant() -> None:
    state = after([100.0] * 20, key=ELSEWHERE, state=after([10.0] * 20))
    assert estimate(state, NEARBY).median_seconds == pytest.approx(10.0, rel=0.3)


def test_other_snapshots_speak_in_proportion_to_size() -> None:
    small = LeadTimeKey(snapshot="small", size_gib=10.0)
    large = LeadTimeKey(snapshot="large", size_gib=100.0)
    twice_the_prior = after([2 * small.prior_seconds] * 20, key=small)
    assert estimate(twice_the_prior, large).median_seconds == pytest.approx(
        2 * large.prior_seconds, rel=0.2
    )


def test_a_snapshot_of_unknown_size_says_nothing_of_one_whose_size_is_known() -> None:
    sized = LeadTimeKey(snapshot="sized", size_gib=10.0)
    assert estimate(after([500.0] * 20), sized).basis == "prior from size"


def test_snapshots_never_started_are_alike_but_for_kind_size_and_kin() -> None:
    size = 2.0 + 0.234 * 10.0 + 5.0
    state = after([2 * size] * 20, key=LeadTimeKey(snapshot="known", size_gib=10.0))
    first, second = (
        estimate(state, LeadTimeKey(snapshot=name, size_gib=10.0)) for name in ("first", "second")
    )
    assert first == second
    assert first.basis == "20 measured restores of other snapshots"
    larger = estimate(state, LeadTimeKey(snapshot="larger", size_gib=100.0))
    assert larger.median_seconds > 2 * first.median_seconds
    cold = estimate(state, LeadTimeKey(snapshot="first", size_gib=10.0, kind="cold"))
    assert cold.measurements == 0
    elsewhere = estimate(state, LeadTimeKey(snapshot="known", size_gib=10.0, node_class="other"))
    assert elsewhere.basis == "20 measured restores of this snapshot on other nodes"


def test_a_slowdown_that_all_localities_share_is_seen_in_their_sum() -> None:
    keys = [LeadTimeKey(snapshot="chat", locality=name) for name in "abcd"]
    state = LeadTimes()
    for key in keys:
        state = after([10.0, 9.0, 11.0, 10.0, 10.0], key=key, state=state)
    for key in keys[:3]:
        state = after([30.0], key=key, state=state)
    untouched = estimate(state, keys[3])
    assert untouched.median_seconds == pytest.approx(30.0, rel=0.2)
    assert untouched.changed_at == 21.0


def test_a_key_that_a_shared_slowdown_spared_gets_its_measurements_back() -> None:
    spared = LeadTimeKey(snapshot="chat", locality="memory")
    state = after([10.0, 9.0, 11.0] * 5, state=after([10.0, 9.0, 11.0] * 5, key=spared))
    state = after([30.0] * 3, state=state)
    assert estimate(state, spared).measurements == 3
    found = estimate(after([10.0, 9.0, 11.0] * 2, state=state, key=spared), spared)
    assert found.measurements == 21


# Bounds


def test_the_newest_two_hundred_measurements_are_kept_and_the_others_summed_up() -> None:
    state = after(latencies(60.0, 250))
    assert len(measurements(state)) == 200
    assert estimate(state, CHAT).measurements == 250


def test_hangs_too_old_to_be_kept_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_time_history, "KEPT", 10)
    state = after([600.0], state=after(latencies(10.0, 4)), ready=False)
    state = after(latencies(10.0, 12, seed=2), state=state)
    assert estimate(state, CHAT).measurements == 17
    assert estimate(state, CHAT).never_share > 0.04


def test_the_key_heard_of_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_time, "KEYS", 2)
    names = ("a", "b", "a", "c")
    state = LeadTimes()
    for name in names:
        state = after([10.0], key=LeadTimeKey(snapshot=name), state=state)
    assert [key.snapshot for key in state.histories] == ["a", "c"]


def test_learning_leaves_the_old_state_as_it_was() -> None:
    before = after([10.0] * 3)
    expected = estimate(before, CHAT).quantile(0.9)
    after([30.0] * 3, state=before)
    assert estimate(before, CHAT).quantile(0.9) == expected


def test_what_was_stored_brings_back_the_estimate() -> None:
    state = after(latencies(10.0, 30), state=after(latencies(40.0, 30), key=ELSEWHERE))
    again = LeadTimes()
    for measurement in measurements(state):
        again = learn(again, measurement)
    assert estimate(again, CHAT).quantile(0.9) == pytest.approx(estimate(state, CHAT).quantile(0.9))


# Deadlines


def test_a_hang_is_noticed_soon_once_the_lead_time_is_known() -> None:
    known = estimate(after(latencies(10.0, 100)), CHAT)
    assert 30.0 <= attempt_deadline(known, 600.0, 0) < 80.0


def test_the_deadline_doubles_with_each_timeout_in_a_row_up_to_the_users() -> None:
    known = estimate(after(latencies(10.0, 100)), CHAT)
    first = attempt_deadline(known, 600.0, 0)
    assert attempt_deadline(known, 600.0, 2) == pytest.approx(4 * first)
    assert attempt_deadline(known, 600.0, 10_000) == 600.0


def test_an_unknown_lead_time_gets_the_users_timeout() -> None:
    assert attempt_deadline(estimate(LeadTimes(), CHAT), 600.0, 0) == 600.0


def test_a_very_short_lead_time_still_gets_five_seconds() -> None:
    assert attempt_deadline(estimate(after([0.01] * 50), CHAT), 600.0, 0) == 5.0


# Bad input


@pytest.mark.parametrize("probability", [0.0, 1.0, -1.0, math.nan])
def test_a_quantile_outside_0_and_1_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=r"^probability: .* is not between 0 and 1$"):
        estimate(LeadTimes(), CHAT).quantile(probability)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seconds": -1.0}, "seconds: -1.0 is not a finite number of at least 0"),
        ({"seconds": math.nan}, "seconds: nan is not a finite number of at least 0"),
        ({"at": math.inf}, "at: inf is not a finite number"),
        ({"failed": True}, "failed: true is not allowed of an attempt that became ready"),
    ],
)
def test_an_impossible_measurement_is_refused(changes: dict[str, float], message: str) -> None:
    fields = {"at": 1.0, "seconds": 1.0, **changes}
    with pytest.raises(ValueError, match=f"^{message}$"):
        LeadTimeMeasurement(key=CHAT, ready=True, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size_gib": -1.0}, "size_gib: -1.0 is not a finite number of at least 0"),
        ({"size_gib": math.inf}, "size_gib: inf is not a finite number of at least 0"),
        ({"concurrency": -1}, "concurrency: -1 is below 0"),
    ],
)
def test_an_impossible_key_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        LeadTimeKey(snapshot="chat", **changes)  # type: ignore[arg-type]


def test_cold_starts_say_nothing_of_restores() -> None:
    state = LeadTimes()
    for number in range(10):
        key = LeadTimeKey(snapshot="chat", kind="cold")
        measured = LeadTimeMeasurement(key=key, at=float(number), seconds=400.0, ready=True)
        state = learn(state, measured)
    unmeasured = LeadTimeKey(snapshot="chat")
    assert estimate(state, unmeasured) == estimate(LeadTimes(), unmeasured)
    assert estimate(LeadTimes(), LeadTimeKey(snapshot="x", kind="cold")).median_seconds == (
        pytest.approx(180.0)
    )
