import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.jumps import Jumps
from controller.needs import (
    Need,
    expected_per_second,
    most_replicas,
    reactive_need,
    replicas_for,
    within_limits,
)
from controller.observation import Observation
from controller.plan import Reason
from controller.policy import Limits, Objective
from tests.unit.controller.builders import NOW, a_policy, a_reading, an_observation

POLICY = a_policy(capacity=2.0)
NOBODY = Need(replicas=0, reason=Reason.REACTIVE)


def need_of(observation: Observation, *, expected: int = 0, blind: bool = False) -> Need:
    return reactive_need(observation, POLICY, expected, blind=blind)


def test_half_a_replica_serves_nobody() -> None:
    assert [replicas_for(demand, POLICY) for demand in (0.0, 0.1, 2.0, 2.1)] == [0, 1, 1, 2]


def test_rounding_in_the_last_place_starts_no_replica() -> None:
    assert replicas_for(0.1 + 0.2, a_policy(capacity=0.1)) == 3


def test_where_nothing_is_known_nothing_is_needed() -> None:
    assert need_of(an_observation(smooth_per_second=50.0)) == NOBODY
    assert need_of(an_observation(), blind=True).replicas == 0


def test_a_rate_counts_as_far_as_it_is_surely_not_chance() -> None:
    # 5 s at 20/s are 100 requests, give or take 10: two such deviations fewer make 16/s.
    need = need_of(an_observation(reading=a_reading(20.0)))
    assert need == Need(replicas=8, reason=Reason.REACTIVE)


def test_a_rate_that_stays_is_surer() -> None:
    # A minute at 20/s is 1200 requests, give or take 35: hardly fewer than 19/s.
    need = need_of(an_observation(reading=a_reading(20.0), smooth_per_second=20.0))
    assert need == Need(replicas=10, reason=Reason.REACTIVE)


def test_a_reading_from_the_future_says_nothing_of_now() -> None:
    for ahead, replicas in ((30.0, 8), (31.0, 0), (3600.0, 0)):
        seen = an_observation(reading=a_reading(20.0, at=NOW + ahead))
        assert need_of(seen).replicas == replicas


def test_a_request_or_two_start_nothing() -> None:
    assert need_of(an_observation(reading=a_reading(0.4))) == NOBODY


def test_without_a_forecast_capacity_is_planned_with_slack() -> None:
    # Seven tenths of 2/s: seven replicas would do for 9.8/s.
    seen = an_observation(reading=a_reading(10.0))
    assert need_of(seen, blind=True) == Need(replicas=8, reason=Reason.NO_FORECAST)


def test_a_backlog_beyond_any_demand_seen_is_cleared_in_half_a_minute() -> None:
    # Nobody serves: 60 wait, and 55 s later, when a start of now is ready, 60 + 55 * 2 do.
    seen = an_observation(reading=a_reading(2.0), smooth_per_second=2.0, backlog=60.0)
    assert need_of(seen) == Need(
        replicas=math.ceil((2.0 + 170.0 / 30.0) / 2.0), reason=Reason.BACKLOG
    )


def test_a_backlog_is_cleared_in_ten_seconds_if_a_few_times_the_highest_demand_does_it() -> None:
    for peak, per_second in ((0.0, 170.0 / 30.0), (4.0, 12.0), (100.0, 17.0)):
        seen = an_observation(
            reading=a_reading(2.0), smooth_per_second=2.0, backlog=60.0, peak_per_second=peak
        )
        assert need_of(seen).replicas == math.ceil((2.0 + per_second) / 2.0)


def test_the_rate_of_seconds_is_not_taken_to_go_on_for_minutes() -> None:
    minute, hour = (
        need_of(
            an_observation(
                reading=a_reading(2.0),
                smooth_per_second=2.0,
                backlog=60.0,
                lead_time_seconds=seconds,
            )
        ).replicas
        for seconds in (60.0, 3600.0)
    )
    assert minute == hour == math.ceil((2.0 + 180.0 / 30.0) / 2.0)


def test_a_backlog_grows_by_no_more_of_a_jump_than_lasts() -> None:
    # Two serve 4/s. Were the 12/s to stay, 400 waiting would be 400 + 55 * 8; of 5/s, 400 + 55.
    # So long a window leaves nothing to chance.
    reading = replace(a_reading(12.0), window_seconds=1e9)

    def need(share: float) -> Need:
        seen = an_observation(
            ready=2,
            reading=reading,
            smooth_per_second=4.0,
            backlog=400.0,
            jumps=Jumps(share=share, seen=1.0, squares=1e6),
        )
        return need_of(seen, expected=2)

    assert need(1.0) == Need(math.ceil((12.0 + 840.0 / 30.0) / 2.0), Reason.BACKLOG)
    assert need(0.0625 ** (65.0 / 55.0)) == Need(
        math.ceil((5.0 + 455.0 / 30.0) / 2.0), Reason.BACKLOG
    )


def test_what_chance_brings_within_seconds_is_no_jump() -> None:
    # Two serve 4/s, and 3.5/s come in the mean. 5 s at 4.5/s are 22 requests, give or take 5, and
    # the 5 that wait for it are gone soon; 5 s at 12/s are 60, give or take 8: far more than 18.
    def need(per_second: float, backlog: float) -> Need:
        reading = a_reading(per_second)
        seen = an_observation(
            ready=2, reading=reading, smooth_per_second=3.5, backlog=backlog, jumps=Jumps()
        )
        return need_of(seen, expected=2)

    assert need(4.5, 5.0).reason is Reason.REACTIVE
    assert need(12.0, 40.0).reason is Reason.BACKLOG


def test_where_jumps_last_none_is_taken_for_chance() -> None:
    # 5 s at 12.8/s are 64 requests, give or take 8: 11.2/s but for chance.
    reading = a_reading(12.8)

    def expected(share: float, seen: float) -> float:
        jumps = Jumps(share=share, seen=seen, squares=seen * 100.0)
        return expected_per_second(jumps, reading, 10.0, seconds=65.0)

    assert expected(0.75, 0.0) == pytest.approx(11.2)
    assert expected(1.0, 1e6) == pytest.approx(12.8)
    assert expected(0.5, 1e6) == pytest.approx(12.0)


def test_of_a_backlog_what_may_wait_needs_nobody() -> None:
    # Two serve 4/s, as much as comes in, and 200 wait: 50 seconds' worth.
    seen = an_observation(ready=2, reading=a_reading(4.0), smooth_per_second=4.0, backlog=200.0)

    def need(wait_seconds: float) -> Need:
        policy = replace(POLICY, objective=Objective(wait_seconds=wait_seconds))
        return reactive_need(seen, policy, 2, blind=False)

    assert need(2.0) == need(10.0) == Need(math.ceil((4.0 + 200.0 / 30.0) / 2.0), Reason.BACKLOG)
    assert need(30.0) == Need(math.ceil((4.0 + 120.0 / 30.0) / 2.0), Reason.BACKLOG)
    assert need(60.0) == Need(replicas=2, reason=Reason.REACTIVE)


def test_a_backlog_that_is_gone_before_a_start_is_ready_starts_nothing() -> None:
    # Four replicas serve 8/s: 300 are worked off in the 55 s of a restore, 400 are not.
    calm = an_observation(ready=4, reading=a_reading(2.0), smooth_per_second=2.0)
    quick, slow = calm._replace(backlog=300.0), calm._replace(backlog=400.0)
    assert need_of(quick, expected=4).reason is Reason.REACTIVE
    assert need_of(slow, expected=4).reason is Reason.BACKLOG


def test_replicas_under_way_count_for_half_of_the_way() -> None:
    seen = an_observation(ready=2, restoring=4, reading=a_reading(2.0), backlog=300.0)
    assert need_of(seen, expected=2).reason is Reason.BACKLOG
    assert need_of(seen, expected=6).reason is Reason.REACTIVE


def test_a_boost_is_added_to_the_rate() -> None:
    seen = an_observation(reading=a_reading(2.0), boost_per_second=6.0)
    assert need_of(seen) == Need(replicas=4, reason=Reason.BOOST)


@given(
    low=st.floats(0.0, 1e4),
    more=st.floats(0.0, 1e4),
    backlog=st.floats(0.0, 1e4),
    ready=st.integers(0, 5),
)
def test_more_demand_never_needs_fewer(low: float, more: float, backlog: float, ready: int) -> None:
    def needed(rate: float) -> int:
        seen = an_observation(ready=ready, reading=a_reading(rate), backlog=backlog)
        return need_of(seen, expected=ready, blind=True).replicas

    assert needed(low + more) >= needed(low)


def limited(replicas: int, limits: Limits, *, expected: int = 0) -> Need:
    policy = a_policy(limits=limits)
    need = Need(replicas=replicas, reason=Reason.FORECAST)
    return within_limits(need, policy, expected, most_replicas(policy))


@pytest.mark.parametrize(
    ("replicas", "limits", "replicas_left", "reason"),
    [
        (5, Limits(), 5, Reason.FORECAST),
        (5, Limits(max_step=2), 3, Reason.MAX_STEP),
        (3, Limits(max_step=2), 3, Reason.FORECAST),
        (1, Limits(min_replicas=4), 4, Reason.MIN_REPLICAS),
        (9, Limits(max_replicas=4), 4, Reason.MAX_REPLICAS),
        (9, Limits(max_replicas=2, max_step=8), 2, Reason.MAX_REPLICAS),
        (0, Limits(min_replicas=5, max_step=2), 5, Reason.MIN_REPLICAS),
    ],
)
def test_the_limit_that_binds_is_the_reason(
    replicas: int, limits: Limits, replicas_left: int, reason: Reason
) -> None:
    assert limited(replicas, limits, expected=1) == Need(replicas=replicas_left, reason=reason)


def test_a_gpu_budget_is_counted_in_whole_replicas_and_with_those_that_drain() -> None:
    policy = a_policy(limits=Limits(gpu_budget=7), gpus_per_replica=2)
    assert [most_replicas(policy, draining=count) for count in (0, 1, 3, 9)] == [3, 2, 0, 0]
    assert [most_replicas(policy, ending_gpus=held) for held in (0, 1, 2, 9)] == [3, 3, 2, 0]


def test_of_two_bounds_the_tighter_holds() -> None:
    assert most_replicas(a_policy(limits=Limits(gpu_budget=7, max_replicas=4))) == 4
    assert most_replicas(a_policy(limits=Limits(gpu_budget=3, max_replicas=4))) == 3
    assert most_replicas(a_policy()) is None


def test_a_reading_of_hours_ago_starts_nothing() -> None:
    old = a_reading(50.0, at=NOW - 6 * 3600.0)
    needed = reactive_need(an_observation(reading=old, backlog=500.0), a_policy(), 0, blind=True)
    assert needed.replicas == 0
