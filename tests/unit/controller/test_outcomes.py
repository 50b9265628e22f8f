import math
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.outcomes import Outcomes, queue_ahead, served, with_ready

CAPACITY = 1.37
WAIT_SECONDS = 2.0
SPAN_SECONDS = 30.0


def an_account(ready: int = 1, *, queue: float = 0.0) -> Outcomes:
    """Return the outcomes of a workload seen at 0 with so many replicas and nothing since."""
    started = with_ready(Outcomes(queue=queue), now=0.0, ready=ready)
    return Outcomes(until=0.0, queue=queue, ready_log=started.ready_log)


def flow(outcomes: Outcomes, per_second: float, *, until: float, capacity: float = 1.0) -> Outcomes:
    return served(
        outcomes,
        until=until,
        per_second=per_second,
        capacity=capacity,
        wait_seconds=WAIT_SECONDS,
    )


def test_the_first_reading_only_starts_the_clock() -> None:
    outcomes = flow(with_ready(Outcomes(), now=0.0, ready=1), 5.0, until=50.0)
    assert (outcomes.until, outcomes.demand, outcomes.queue) == (50.0, 0.0, 0.0)
    assert outcomes.window_start == 50.0


def test_demand_within_capacity_is_in_time_and_the_rest_of_the_capacity_idle() -> None:
    outcomes = flow(an_account(ready=4), 1.0, until=60.0)
    assert (outcomes.demand, outcomes.late, outcomes.queue) == (60.0, 0.0, 0.0)
    assert outcomes.idle_gpu_seconds == pytest.approx(180.0)


def test_what_comes_once_the_queue_takes_longer_than_the_wait_is_late() -> None:
    # Two a second for one replica: after 2 s the queue is 2 s long, and all after that is late.
    outcomes = flow(an_account(ready=1), 2.0, until=10.0)
    assert (outcomes.queue, outcomes.late) == (10.0, 16.0)
    assert outcomes.idle_gpu_seconds == 0.0


def test_a_queue_beyond_the_wait_is_late_until_it_is_worked_off() -> None:
    # Nine more are served a second than come: after one second 20, or 2 s of service, are left.
    outcomes = flow(an_account(ready=10, queue=29.0), 1.0, until=10.0)
    assert outcomes.late == pytest.approx(1.0)
    assert outcomes.queue == 0.0


def test_a_long_queue_that_stays_long_makes_everything_late() -> None:
    outcomes = flow(an_account(ready=1, queue=50.0), 1.0, until=10.0)
    assert (outcomes.queue, outcomes.late) == (50.0, 10.0)


def test_without_replicas_everything_is_late_and_waits() -> None:
    outcomes = flow(an_account(ready=0), 3.0, until=10.0)
    assert (outcomes.queue, outcomes.late, outcomes.demand) == (30.0, 30.0, 30.0)


def test_replicas_that_were_never_seen_serve_nothing() -> None:
    outcomes = flow(Outcomes(until=0.0), 3.0, until=10.0)
    assert outcomes.late == 30.0


def test_a_replica_serves_from_when_it_was_seen_ready() -> None:
    log = with_ready(an_account(ready=0), now=6.0, ready=10)
    outcomes = flow(log, 1.0, until=10.0)
    assert outcomes.late == pytest.approx(6.0)
    assert outcomes.queue == 0.0
    # Four seconds of ten replicas, less the ten requests that came.
    assert outcomes.idle_gpu_seconds == pytest.approx(30.0)


def test_replicas_seen_after_the_reading_wait_for_the_next_one() -> None:
    log = with_ready(an_account(ready=0), now=15.0, ready=10)
    first = flow(log, 1.0, until=10.0)
    second = flow(first, 1.0, until=20.0)
    assert (first.late, second.late) == (10.0, 15.0)
    assert second.queue == 0.0


def test_an_unchanged_number_of_replicas_is_noted_once() -> None:
    outcomes = an_account(ready=2)
    assert with_ready(outcomes, now=5.0, ready=2) is outcomes


def test_changes_that_are_accounted_for_are_forgotten() -> None:
    outcomes = an_account(ready=0)
    for number in range(1, 100):
        outcomes = with_ready(outcomes, now=number * 5.0, ready=number)
        outcomes = flow(outcomes, 1.0, until=number * 5.0)
    assert outcomes.ready_log == ((495.0, 99),)


@pytest.mark.parametrize("until", [0.0, -5.0])
def test_a_reading_that_is_not_newer_changes_nothing(until: float) -> None:
    outcomes = an_account()
    assert flow(outcomes, 5.0, until=until) is outcomes


def test_what_happened_in_a_long_silence_is_not_made_up() -> None:
    busy = flow(an_account(ready=0), 2.0, until=100.0)
    after = flow(busy, 2.0, until=100.0 + 121.0)
    assert (after.until, after.queue, after.window_start) == (221.0, 0.0, 221.0)
    assert (after.demand, after.late) == (busy.demand, busy.late)


def test_the_usual_demand_is_the_mean_of_all_that_was_seen() -> None:
    outcomes = flow(flow(an_account(), 1.0, until=30.0), 4.0, until=90.0)
    assert outcomes.usual_per_second == pytest.approx(3.0)


def test_a_smoothed_rate_has_gone_two_thirds_of_the_way_in_half_a_minute() -> None:
    outcomes = flow(an_account(), 10.0, until=30.0)
    assert outcomes.smooth_per_second == pytest.approx(10.0 * (1.0 - math.exp(-1.0)))


def test_the_peak_outlives_the_demand_that_made_it() -> None:
    high = flow(an_account(), 10.0, until=100.0)
    low = flow(high, 0.0, until=200.0)
    assert low.smooth_per_second < 0.5
    assert high.smooth_per_second * 0.999 < low.peak_per_second < high.smooth_per_second


def test_recent_misses_fade_over_two_weeks_and_the_total_does_not() -> None:
    outcomes = flow(an_account(ready=0), 1.0, until=100.0)
    for minute in range(1, 293):
        outcomes = flow(outcomes, 0.0, until=100.0 + minute * 60.0)
    assert outcomes.recent_late == pytest.approx(
        100.0 * math.exp(-292 * 60 / (14 * 86400)), rel=1e-6
    )
    assert outcomes.late == 100.0


def test_a_window_collects_until_it_is_emptied() -> None:
    outcomes = flow(flow(an_account(ready=0), 1.0, until=10.0), 2.0, until=20.0)
    assert (outcomes.window_demand, outcomes.window_late) == (30.0, 30.0)


def queue_at(
    now: float, outcomes: Outcomes, per_second: float, *, window_seconds: float = 5.0
) -> float:
    return queue_ahead(
        outcomes, now=now, per_second=per_second, window_seconds=window_seconds, capacity=1.0
    )


def calm(*, ready: int) -> Outcomes:
    """Return ten minutes of four requests a second."""
    outcomes = an_account(ready=ready)
    for until in range(60, 660, 60):
        outcomes = flow(outcomes, 4.0, until=until)
    return outcomes


def test_the_queue_ahead_has_grown_since_the_reading() -> None:
    outcomes = flow(an_account(ready=1), 3.0, until=10.0)
    assert queue_at(15.0, outcomes, 3.0) == pytest.approx(20.0 + 10.0)
    assert queue_at(15.0, with_ready(outcomes, now=10.0, ready=10), 0.0) == 0.0


def test_the_queue_ahead_flows_past_the_replicas_that_were_ready_at_each_instant() -> None:
    # Four were ready for ten seconds, and now that they have gone one is.
    outcomes = with_ready(calm(ready=4), now=610.0, ready=1)
    assert queue_at(612.0, outcomes, 4.0, window_seconds=0.0) == pytest.approx(3.0 * 2.0)


def test_replicas_that_became_ready_within_the_first_window_count_for_all_of_it() -> None:
    outcomes = with_ready(flow(an_account(ready=4), 8.0, until=10.0), now=14.0, ready=6)
    assert queue_at(15.0, outcomes, 8.0) == pytest.approx(4.0 * 10.0 + 2.0 * 5.0)


def test_a_queue_that_was_worked_off_does_not_count_as_spare() -> None:
    outcomes = with_ready(calm(ready=9), now=610.0, ready=1)
    assert queue_at(612.0, outcomes, 4.0, window_seconds=0.0) == pytest.approx(3.0 * 2.0)


def test_a_rate_of_seconds_goes_on_for_no_longer_than_it_was_measured() -> None:
    burst = flow(calm(ready=4), 14.0, until=605.0)
    surplus = burst.smooth_per_second - 4.0
    assert 0.0 < surplus < 5.0
    expected = burst.queue + 10.0 * 5.0 + surplus * 15.0
    assert queue_at(625.0, burst, 14.0) == pytest.approx(expected)


def test_there_is_no_queue_before_any_demand_was_seen() -> None:
    assert queue_at(15.0, Outcomes(), 3.0) == 0.0
    assert queue_at(15.0, Outcomes(until=0.0), 3.0) == 0.0


def late_in_a_line(rates: list[float], service: float, step_seconds: float = 0.05) -> float:
    """Return the demand that leaves a first-in-first-out line later than the wait.

    Parcels of one small step each join the end of the line and are served from its front.
    """
    line: deque[list[float]] = deque()
    late, now = 0.0, 0.0
    # Once demand has ended, the line is worked off to the last parcel.
    while now < len(rates) * SPAN_SECONDS or line:
        if now < len(rates) * SPAN_SECONDS - step_seconds / 2:
            line.append([now, rates[int((now + step_seconds / 2) / SPAN_SECONDS)] * step_seconds])
        budget = service * step_seconds
        while line and budget > 0:
            taken = min(line[0][1], budget)
            late += taken if now - line[0][0] >= WAIT_SECONDS else 0.0
            line[0][1] -= taken
            budget -= taken
            if line[0][1] <= 0:
                line.popleft()
        now += step_seconds
    return late


@given(
    rates=st.lists(st.integers(0, 20).map(float), min_size=1, max_size=8),
    ready=st.integers(1, 12),
)
def test_a_small_queue_played_in_time_steps_agrees(rates: list[float], ready: int) -> None:
    outcomes = an_account(ready=ready)
    for number, rate in enumerate(rates, start=1):
        outcomes = flow(outcomes, rate, until=number * SPAN_SECONDS, capacity=CAPACITY)
    demand = sum(rates) * SPAN_SECONDS
    assert outcomes.demand == pytest.approx(demand)
    late = late_in_a_line(rates, ready * CAPACITY)
    assert outcomes.late == pytest.approx(late, abs=0.01 * demand + 1e-9)


def judged_as_it_comes(pieces: list[tuple[float, int]], step_seconds: float = 0.01) -> float:
    """Return the late demand if each moment is judged by the replicas that it finds."""
    queue = late = 0.0
    for rate, ready in pieces:
        for _ in range(round(SPAN_SECONDS / step_seconds)):
            service = ready * CAPACITY
            late += rate * step_seconds if queue >= service * WAIT_SECONDS else 0.0
            queue = max(queue + (rate - service) * step_seconds, 0.0)
    return late


@given(
    pieces=st.lists(
        st.tuples(st.integers(0, 20).map(float), st.integers(0, 12)), min_size=1, max_size=6
    ),
    readings=st.integers(1, 3),
)
def test_replicas_that_come_and_go_are_reckoned_with_from_then_on(
    pieces: list[tuple[float, int]], readings: int
) -> None:
    outcomes = an_account(ready=pieces[0][1])
    for number, (rate, ready) in enumerate(pieces):
        since = number * SPAN_SECONDS
        outcomes = with_ready(outcomes, now=since, ready=ready)
        for part in range(1, readings + 1):
            until = since + SPAN_SECONDS * part / readings
            outcomes = flow(outcomes, rate, until=until, capacity=CAPACITY)
    demand = sum(rate for rate, _ in pieces) * SPAN_SECONDS
    late = judged_as_it_comes(pieces)
    assert outcomes.late == pytest.approx(late, abs=0.01 * demand + 1e-9)


def test_readings_minutes_apart_are_no_gap_where_their_windows_are_as_long() -> None:
    outcomes = Outcomes(until=0.0, ready_log=((0.0, 1),))
    after = served(
        outcomes,
        until=300.0,
        per_second=5.0,
        capacity=1.0,
        wait_seconds=2.0,
        longest_gap_seconds=750.0,
    )
    assert (after.demand, after.queue) == (1500.0, 1200.0)


def test_a_replica_has_served_since_it_was_ready_and_not_since_it_was_seen() -> None:
    looked = served(an_account(ready=2), until=10.0, per_second=1.0, capacity=1.0, wait_seconds=2.0)
    came = with_ready(looked, now=20.0, ready=4, ready_at=[-5.0, -3.0, 16.0, 12.5])
    assert came.ready_log[-2:] == ((12.5, 3), (16.0, 4))
    # Of some nobody knows since when: a clock is ahead or behind, or there is no time at all.
    odd = with_ready(looked, now=20.0, ready=6, ready_at=[99.0, 3.0, 12.0])
    assert odd.ready_log[-2:] == ((12.0, 3), (20.0, 6))
    late = served(odd, until=20.0, per_second=3.5, capacity=1.0, wait_seconds=2.0).late
    seen = served(
        with_ready(looked, now=20.0, ready=6),
        until=20.0,
        per_second=3.5,
        capacity=1.0,
        wait_seconds=2.0,
    )
    assert 0.0 < late < seen.late


def test_who_comes_back_has_not_served_while_it_was_away() -> None:
    away = with_ready(an_account(ready=3), now=20.0, ready=2)
    back = with_ready(away, now=90.0, ready=3, ready_at=[-9.0, -5.0, -1.0])
    assert back.ready_log == ((0.0, 3), (20.0, 2), (90.0, 3))


def test_changes_after_the_last_reading_are_noted_in_their_order() -> None:
    first = with_ready(an_account(ready=1), now=20.0, ready=2, ready_at=[18.0])
    again = with_ready(first, now=25.0, ready=3, ready_at=[18.0, 17.0, 24.0])
    assert again.ready_log == ((0.0, 1), (18.0, 2), (24.0, 3))


def test_who_went_is_noted_once_it_is_seen() -> None:
    gone = with_ready(an_account(ready=3), now=20.0, ready=1, ready_at=[-9.0])
    assert gone.ready_log == ((0.0, 3), (20.0, 1))
