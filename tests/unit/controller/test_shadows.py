from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from controller.flows import Flow, with_flow
from controller.jumps import Jumps
from controller.observation import START_QUARTERS, Observation
from controller.outcomes import Outcomes
from controller.policy import Limits, Objective, ScaleDown, WorkloadPolicy
from controller.shadow_fleets import LEVELS, Shadows, Turn
from controller.shadows import shadowed
from models.forecast import Forecast
from tests.unit.controller.builders import (
    LASTING,
    NOW,
    a_forecast,
    a_policy,
    a_reading,
    an_observation,
)

MEDIAN = int(np.flatnonzero(LEVELS == 0.0)[0])
SURE = int(np.flatnonzero(LEVELS == 4.0)[0])
POLICY = a_policy(hold_seconds=20.0)


def turned(
    shadows: Shadows, seen: Observation, outcomes: Outcomes, policy: WorkloadPolicy = POLICY
) -> Shadows:
    """Return one workload's shadows after a turn."""
    (after,) = shadowed([Turn(shadows, seen, policy, outcomes, tick_seconds=5.0)])
    return after


def after(
    demands: list[float],
    *,
    policy: WorkloadPolicy = POLICY,
    forecast: Forecast | None = None,
    boost_per_second: float = 0.0,
    start_seconds: tuple[float, ...] | None = None,
    jumps: Jumps = LASTING,
) -> Shadows:
    """Return the shadows after readings of 10 s with these demands; a restore takes 20 s."""
    shadows = Shadows(began_at_level=1.5)
    for number, per_second in enumerate(demands):
        now = NOW + 10.0 * number
        seen = an_observation(
            reading=a_reading(per_second, at=now),
            forecast=None if forecast is None else replace(forecast, issued_at=now),
            now=now,
            lead_time_seconds=20.0,
            start_seconds=start_seconds,
            boost_per_second=boost_per_second,
        )
        outcomes = Outcomes(
            until=now,
            demand=10.0 * sum(demands[: number + 1]),
            seen_seconds=10.0 * (number + 1),
            smooth_per_second=min(demands),
            peak_per_second=max(demands),
            jumps=jumps,
        )
        shadows = turned(shadows, seen, outcomes, policy)
    return shadows


def test_each_level_wants_what_its_demand_takes() -> None:
    targets = after([10.0], forecast=a_forecast(10.0, spread=0.5)).targets[-1][0]
    assert (targets[MEDIAN], targets[SURE]) == (10.0, 30.0)
    assert (np.diff(targets) >= 0).all()


def test_demand_that_all_foresaw_is_late_for_none_and_costs_the_sure_ones_more() -> None:
    account = after([10.0] * 40, forecast=a_forecast(10.0, spread=0.5)).long
    assert account.late.tolist()[MEDIAN:] == [0.0] * (len(LEVELS) - MEDIAN)
    assert account.demand == pytest.approx(39 * 100.0, rel=1e-3)
    assert account.replica_seconds[MEDIAN] == pytest.approx(39 * 100.0, rel=1e-3)
    assert account.replica_seconds[SURE] == pytest.approx(39 * 300.0, rel=1e-3)


def test_demand_beyond_a_level_is_late_for_it_until_its_backlog_is_cleared() -> None:
    forecast = a_forecast(10.0, spread=0.5)
    early = after([10.0] * 8 + [20.0] * 2, forecast=forecast)
    assert early.long.late[MEDIAN] > 0.0
    assert early.long.late[SURE] == 0.0
    assert early.queue[0, MEDIAN] > early.queue[0, SURE] == 0.0
    late = after([10.0] * 8 + [20.0] * 2 + [10.0] * 30, forecast=forecast)
    assert not late.queue[:, MEDIAN].any()
    assert late.short.late[MEDIAN] == pytest.approx(late.long.late[MEDIAN], rel=0.05)


def test_a_backlog_grows_by_no_more_of_a_jump_than_lasts() -> None:
    burst, forecast = [10.0] * 8 + [20.0], a_forecast(10.0)
    chance = Jumps(share=0.0, seen=1.0, squares=1e6)
    stays = after(burst, forecast=forecast).targets[-1][0, MEDIAN]
    passes = after(burst, forecast=forecast, jumps=chance).targets[-1][0, MEDIAN]
    # 100 wait for ten replicas. When a start is ready 20/s have made 300 of them, and 10/s none
    # more; to be cleared in ten seconds, beside what comes in.
    assert (stays, passes) == (20.0 + 30.0, 10.0 + 10.0)


def test_of_a_backlog_what_may_wait_needs_nobody() -> None:
    patient = replace(POLICY, objective=Objective(wait_seconds=15.0))
    burst, forecast = [10.0] * 8 + [20.0], a_forecast(10.0)
    # 300 would wait for ten replicas: 50 of them are five seconds' worth beyond the first ten.
    assert after(burst, forecast=forecast, policy=patient).targets[-1][0, MEDIAN] == 20.0 + 25.0


UNSET = replace(POLICY, scale_down=ScaleDown())
KNOWN = replace(a_forecast(10.0), known_steps=30)


def test_where_demand_is_known_a_shadow_holds_what_works_off_its_queue() -> None:
    # Of 15/s for 10 s ten replicas leave 50, which are not late while fewer than 100 wait: a need
    # that was of a moment, while the queue lasts.
    patient = replace(UNSET, objective=Objective(wait_seconds=10.0))
    demands = [10.0] * 8 + [15.0] + [10.0] * 2
    known, other = (
        after(demands, forecast=forecast, policy=patient).targets[-1][:, MEDIAN]
        for forecast in (KNOWN, a_forecast(10.0))
    )
    assert known.tolist() == other.tolist()
    assert (known > 10.0).all()


@pytest.mark.parametrize(
    ("forecast", "policy", "held"),
    [(KNOWN, UNSET, 10.0), (a_forecast(10.0), UNSET, 20.0), (KNOWN, POLICY, 20.0)],
)
def test_where_demand_is_known_a_shadow_without_a_queue_holds_nothing_unless_told_to(
    forecast: Forecast, policy: WorkloadPolicy, held: float
) -> None:
    # Twenty are there when ten a second are left of twenty, and the hold is 20 s.
    shadows = Shadows(began_at_level=1.5)
    for number, per_second in enumerate([20.0] * 8 + [10.0]):
        now = NOW + 10.0 * number
        values = np.full_like(forecast.values, per_second)
        seen = an_observation(
            reading=a_reading(per_second, at=now),
            forecast=replace(forecast, issued_at=now, values=values),
            now=now,
            lead_time_seconds=20.0,
        )
        outcomes = Outcomes(
            until=now, demand=200.0 * (number + 1), seen_seconds=10.0 * (number + 1)
        )
        shadows = turned(shadows, seen, outcomes, policy)
    assert not shadows.queue.any()
    assert shadows.targets[-1][:, MEDIAN].tolist() == [held] * START_QUARTERS


def test_while_demand_is_late_a_shadow_lets_nothing_go() -> None:
    # Starts take five minutes, and what was started for a burst is held for 20 s.
    # Ten are ready: 20 may wait. Of a burst of 14/s for 10 s 40 do, and none less of them later.
    demands, slow = [10.0] * 8 + [14.0], (300.0,) * START_QUARTERS
    burst = after(demands, forecast=a_forecast(10.0), start_seconds=slow)
    later = after(demands + [10.0] * 5, forecast=a_forecast(10.0), start_seconds=slow)
    assert later.queue[0, MEDIAN] == burst.queue[0, MEDIAN] == 40.0
    assert later.targets[-1][0, MEDIAN] == burst.targets[-1][0, MEDIAN] > 20.0


def wanted(*targets: float) -> Shadows:
    """Return shadows that all wanted so many replicas from 0, 5, 10 and so on seconds on."""
    return Shadows(
        began_at_level=1.5,
        times=tuple(5.0 * number for number in range(len(targets))),
        targets=tuple(np.full((START_QUARTERS, len(LEVELS)), each) for each in targets),
        least=targets,
    )


def test_what_is_ready_was_wanted_ever_since_a_start_before() -> None:
    shadows = wanted(2.0, 5.0, 4.0, 4.0)
    for instant, start_seconds, ready in (
        (0.0, 10.0, 2.0),
        (14.0, 10.0, 2.0),
        (15.0, 10.0, 4.0),
        (9.0, 4.0, 5.0),
    ):
        assert (shadows.ready_at(instant, [start_seconds] * START_QUARTERS) == ready).all()


def test_of_starts_that_take_different_times_as_many_are_ready_as_drew_less() -> None:
    shadows, starts = wanted(2.0, 2.0, 6.0, 6.0, 6.0, 6.0, 6.0), (4.0, 9.0, 14.0, 19.0)
    ready = [shadows.ready_at(at, starts)[:, 0] for at in (12.0, 14.0, 19.0, 29.0)]
    # Four were asked for, by each of four fleets.
    assert [of_fleets.sum() - 8.0 for of_fleets in ready] == [0.0, 4.0, 8.0, 16.0]
    assert all((of_fleets >= 2.0).all() and (of_fleets <= 6.0).all() for of_fleets in ready)


def test_a_slow_quarter_of_starts_is_late_though_the_others_are_not() -> None:
    """Of ten replicas some are late in each fleet, and the others serve their part meanwhile."""
    rise = [10.0] * 20 + [20.0] * 20
    forecast = a_forecast(10.0)
    in_time, mixed, late = (
        after(rise, forecast=forecast, start_seconds=starts).long.late[SURE]
        for starts in ((1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 40.0), (40.0, 40.0, 40.0, 40.0))
    )
    assert in_time < mixed < in_time + (late - in_time) / 4


def test_a_start_within_a_long_reading_serves_the_rest_of_it() -> None:
    """Readings of a minute: what a start of 20 s brings is late for the part before it alone."""
    seen = an_observation(
        reading=a_reading(16.0, at=NOW + 60.0), now=NOW + 60.0, lead_time_seconds=20.0
    )
    shape = (START_QUARTERS, len(LEVELS))
    before = Shadows(
        began_at_level=1.5,
        until=NOW,
        times=(NOW - 60.0, NOW),
        needs=(np.full(shape, 10.0), np.full(shape, 20.0)),
        targets=(np.full(shape, 10.0), np.full(shape, 20.0)),
        least=(10.0, 20.0),
    )
    outcomes = Outcomes(until=NOW + 60.0, demand=960.0, seen_seconds=60.0)
    late = turned(before, seen, outcomes).long.late
    # The queue of 120 that 20 s leave is cleared at 4 a second: in time once it is below 40.
    assert late == pytest.approx(np.full(len(LEVELS), 16.0 * (20.0 - 20.0 / 6.0 + 20.0)), rel=0.02)


def test_without_a_forecast_all_levels_do_alike() -> None:
    assert (after([7.0]).targets[-1] == 10.0).all()


def test_a_shadow_holds_what_it_needed_a_moment_ago() -> None:
    assert after([40.0] * 20 + [10.0] * 2).targets[-1][0, MEDIAN] > 30.0
    assert after([40.0] * 20 + [10.0] * 20).targets[-1][0, MEDIAN] < 20.0


def test_shadows_keep_to_the_limits_of_the_policy() -> None:
    narrow = a_policy(limits=Limits(min_replicas=3, max_replicas=6, max_step=1))
    assert (after([0.0], policy=narrow).targets[-1] == 3.0).all()
    assert after([0.0, 0.0, 50.0], policy=narrow).targets[-1].max() == 4.0
    assert (after([50.0] * 20, policy=narrow).targets[-1] == 6.0).all()


def test_announced_demand_is_known_to_shadows_too() -> None:
    targets = after([10.0], forecast=a_forecast(10.0), boost_per_second=5.0).targets[-1]
    assert targets[0, MEDIAN] == 15.0


def test_what_happened_in_a_gap_is_not_counted() -> None:
    before = after([10.0] * 8 + [40.0] * 2, forecast=a_forecast(10.0))
    assert before.queue.any()
    now = NOW + 900.0
    seen = an_observation(reading=a_reading(10.0, at=now), now=now)
    outcomes = Outcomes(until=now, demand=before.demand, seen_seconds=before.seconds)
    shadows = turned(before, seen, outcomes)
    assert (shadows.long.of_levels == before.long.of_levels).all()
    assert (shadows.long.demand, shadows.until) == (before.long.demand, now)
    assert not shadows.queue.any()


def test_until_ten_seconds_of_demand_are_new_nothing_happens() -> None:
    before = after([10.0])
    seen = an_observation(reading=a_reading(10.0, at=NOW + 5.0), now=NOW + 5.0)
    soon = Outcomes(until=NOW + 5.0, demand=150.0, seen_seconds=15.0)
    assert turned(before, seen, soon) is before
    assert turned(before, seen, Outcomes()) is before


def test_no_more_rows_are_kept_than_are_looked_at() -> None:
    assert len(after([10.0] * 200).times) < 30


def turns_of(number: int) -> Iterator[Turn | None]:
    """Yield what one workload's turns take in besides shadows: no two are like each other.

    Some begin later, some end sooner, and of some nothing is known for a while.
    """
    generator = np.random.default_rng(number)
    limits = Limits(
        min_replicas=4 * (number % 3),
        max_replicas=None if number % 2 else 30,
        max_step=4 if number % 5 == 1 else None,
    )
    policy = a_policy(capacity=1.0 + number % 4, limits=limits, hold_seconds=15.0 * (number % 6))
    starts = tuple(generator.uniform(5.0, 90.0, START_QUARTERS).cumsum())
    there, gap = range(number % 11, 40 - number % 7), range(18, 32) if number % 4 == 3 else ()
    outcomes = Outcomes()
    for tick in range(40):
        if tick not in there:
            yield None
            continue
        now = NOW + 5.0 * tick
        per_second = 12.0 * generator.gamma(3.0, 1 / 3) * (1.0 if tick % 20 < 15 else 3.0)
        steps = generator.integers(1, 9)
        forecast = a_forecast(generator.uniform(5.0, 20.0, steps).tolist(), spread=0.2)
        has_forecast = generator.random() < 0.8
        if tick not in gap:
            outcomes = Outcomes(
                until=now,
                demand=outcomes.demand + 5.0 * per_second,
                seen_seconds=outcomes.seen_seconds + 5.0,
                smooth_per_second=6.0 + number % 8,
                peak_per_second=14.0 + number % 9,
                flows=with_flow(outcomes.flows, Flow(5.0, per_second)),
            )
        seen = an_observation(
            reading=a_reading(per_second, at=now),
            forecast=replace(forecast, issued_at=now) if has_forecast else None,
            now=now,
            lead_time_seconds=starts[-1],
            start_seconds=starts,
        )
        yield Turn(Shadows(began_at_level=1.5), seen, policy, outcomes, tick_seconds=5.0)


def test_shadows_of_many_workloads_at_once_are_those_of_each_alone() -> None:
    # More than are reckoned at a time.
    numbers, alone = range(270), range(0, 270, 7)
    together, apart = ([Shadows(began_at_level=1.5) for _ in numbers] for _ in range(2))
    for turns in zip(*[turns_of(number) for number in numbers], strict=True):
        there = [(number, turn) for number, turn in enumerate(turns) if turn is not None]
        after = shadowed([turn._replace(shadows=together[number]) for number, turn in there])
        for (number, turn), shadows in zip(there, after, strict=True):
            together[number] = shadows
            if number in alone:
                (apart[number],) = shadowed([turn._replace(shadows=apart[number])])
    assert sum(bool(one.queue.any()) for one in together) > 30
    for number in alone:
        one, other = together[number], apart[number]
        assert one.times == other.times
        assert one.least == other.least
        for name in ("needs", "targets", "queue"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        for found, expected in ((one.long, other.long), (one.short, other.short)):
            assert found.demand == expected.demand
            assert found.of_levels == pytest.approx(expected.of_levels)
