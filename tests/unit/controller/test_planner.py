from dataclasses import replace

from controller.cluster_view import Phase, Replica, StartKind
from controller.hold import Hold
from controller.objective import Calibration
from controller.observation import Observation
from controller.plan import Plan, Reason, Upcoming
from controller.planner import plan
from controller.policy import Limits, ScaleDown, WorkloadPolicy
from models.forecast import Forecast
from tests.builders import a_replica
from tests.unit.controller.builders import (
    NOW,
    a_forecast,
    a_policy,
    a_reading,
    an_observation,
)

POLICY = a_policy(hold_seconds=60.0)
MEDIAN = Calibration(level=0.0)


def planned(
    observation: Observation,
    policy: WorkloadPolicy = POLICY,
    *,
    hold: Hold | None = None,
    calibration: Calibration = MEDIAN,
) -> Plan:
    return plan(observation, policy, calibration, hold or Hold(), tick_seconds=5.0)[0]


def a_ramp(at_step: int, *, low: float = 1.0, high: float = 4.0) -> list[float]:
    """Return demand that rises once, ``at_step`` steps of 10 s from the forecast's issue."""
    return [low] * at_step + [high] * (30 - at_step)


def test_restores_start_one_lead_time_and_a_tick_before_the_ramp() -> None:
    ramp = a_forecast(a_ramp(10), issued_at=NOW)
    seen = an_observation(ready=1, forecast=ramp, lead_time_seconds=55.0)
    early = planned(seen._replace(now=NOW + 40.0))
    in_time = planned(seen._replace(now=NOW + 40.1))
    assert (early.starts, early.reason) == (0, Reason.FORECAST)
    assert (in_time.starts, in_time.target, in_time.reason) == (3, 4, Reason.FORECAST)


def test_a_longer_lead_time_starts_earlier() -> None:
    seen = an_observation(ready=1, forecast=a_forecast(a_ramp(10)))
    assert planned(seen._replace(lead_time_seconds=90.0)).starts == 0
    assert planned(seen._replace(lead_time_seconds=96.0)).starts == 3


def test_what_is_under_way_is_not_started_twice() -> None:
    seen = an_observation(ready=1, restoring=2, forecast=a_forecast(4.0))
    assert planned(seen).starts == 1


def a_restore_of(age_seconds: float, kind: StartKind = StartKind.RESTORE) -> Replica:
    return a_replica(
        f"of-{age_seconds}",
        phase=Phase.RESTORING,
        kind=kind,
        started_at=NOW - age_seconds,
        deadline_at=NOW + 99.0,
    )


def overdue(*, ready: int = 0, **limits: int) -> Plan:
    """Plan for four replicas while one restore of three has been under way for 200 s."""
    under_way = [a_restore_of(age) for age in (10.0, 140.0, 200.0)]
    seen = an_observation(*under_way, ready=ready, forecast=a_forecast(4.0))
    return planned(seen._replace(overdue_seconds=150.0), a_policy(limits=Limits(**limits)))


def test_beside_a_restore_that_is_overdue_another_is_started() -> None:
    assert overdue().starts == 2
    assert (overdue().restoring, overdue().cancels) == (3, ())
    assert (overdue(ready=1).starts, overdue(ready=2).starts) == (1, 0)
    assert overdue(ready=2).cancels == ()


def test_none_is_started_beside_an_overdue_one_beyond_the_limits() -> None:
    assert overdue(max_replicas=4).starts == 1
    assert overdue(max_replicas=3).starts == 0


def test_a_cold_start_is_not_overdue_when_a_restore_would_be() -> None:
    seen = an_observation(a_restore_of(200.0, StartKind.COLD), forecast=a_forecast(1.0))
    assert planned(seen._replace(overdue_seconds=150.0)).starts == 0


def test_starts_whose_time_has_not_come_are_listed_with_it() -> None:
    steps = [1.0] * 10 + [3.0] * 10 + [2.0] * 4 + [4.0] * 6
    seen = an_observation(ready=1, forecast=a_forecast(steps), lead_time_seconds=55.0)
    assert planned(seen).upcoming == (
        Upcoming(start_at=NOW + 100.0 - 55.0, count=2),
        Upcoming(start_at=NOW + 240.0 - 55.0, count=1),
    )


def test_a_listed_start_never_lies_in_the_past() -> None:
    # A limit keeps it from starting now, though its time has come.
    limited = a_policy(limits=Limits(max_step=1))
    (next_start,) = planned(an_observation(forecast=a_forecast(3.0)), limited).upcoming
    assert next_start == Upcoming(start_at=NOW, count=2)


def test_nothing_is_listed_without_a_forecast_or_a_need() -> None:
    assert planned(an_observation(reading=a_reading(9.0))).upcoming == ()
    assert planned(an_observation(ready=2, forecast=a_forecast(2.0))).upcoming == ()


def test_no_demand_is_a_reason() -> None:
    quiet = planned(an_observation(reading=a_reading(0.0), forecast=a_forecast(0.0)))
    assert (quiet.target, quiet.reason) == (0, Reason.NO_DEMAND)


def test_reaction_goes_above_the_forecast_where_demand_surely_is_higher() -> None:
    seen = an_observation(reading=a_reading(20.0), forecast=a_forecast(3.0), smooth_per_second=20.0)
    what = planned(seen)
    assert (what.floor, what.reason) == (3, Reason.REACTIVE)
    assert what.target == what.reactive > 15


def test_without_a_forecast_the_reactive_part_is_alone_in_charge() -> None:
    blind = planned(an_observation(reading=a_reading(7.0)))
    stale = planned(
        an_observation(reading=a_reading(7.0), forecast=a_forecast(99.0, issued_at=NOW - 300.0))
    )
    assert (blind.floor, blind.target, blind.reason) == (0, 10, Reason.NO_FORECAST)
    assert stale == blind


def test_nothing_but_the_surest_forecast_counts_while_demand_is_not_heard_of() -> None:
    wide = a_forecast(2.0, spread=0.5)
    heard = an_observation(reading=a_reading(2.0), forecast=wide)
    unheard = heard._replace(now=NOW + 61.0, silent_seconds=61.0)
    assert planned(heard).floor == 2
    assert (planned(unheard).floor, planned(unheard).quantile_level) == (6, 0.99)
    # A reading that nobody renews is as good as none; one of a minute is awaited for longer.
    kept = heard._replace(now=NOW + 40.0, silent_seconds=40.0)
    assert (planned(kept).floor, planned(kept).quantile_level) == (6, 0.99)
    of_a_minute = replace(a_reading(2.0), window_seconds=60.0)
    slow = an_observation(reading=of_a_minute, forecast=wide)._replace(silent_seconds=100.0)
    assert planned(slow).floor == 2
    missing = an_observation(forecast=wide)._replace(silent_seconds=30.0)
    assert planned(missing).floor == 2
    surer_yet = unheard._replace(peak_per_second=100.0)
    assert planned(surer_yet, calibration=Calibration(level=6.0)).floor == 8


def test_the_plan_says_what_it_rests_on() -> None:
    seen = an_observation(
        ready=2, restoring=1, reading=a_reading(2.5), forecast=a_forecast(3.0, spread=0.1)
    )
    what = planned(seen, calibration=Calibration(level=1.0))
    assert (what.at, what.ready, what.restoring) == (NOW, 2, 1)
    assert (what.demand_per_second, what.lead_time_seconds) == (2.5, 55.0)
    assert (what.quantile_level, what.floor) == (0.8, 4)


def test_a_target_is_held_before_a_replica_goes() -> None:
    busy = an_observation(ready=4, reading=a_reading(4.0), forecast=a_forecast(4.0))
    _, hold = plan(busy, POLICY, MEDIAN, Hold(), tick_seconds=5.0)

    def later(seconds: float) -> Plan:
        quiet = a_forecast(1.0, issued_at=NOW + seconds)
        reading = a_reading(1.0, at=NOW + seconds)
        seen = an_observation(ready=4, now=NOW + seconds, reading=reading, forecast=quiet)
        return planned(seen, hold=hold)

    held, over = later(60.0), later(61.0)
    assert (held.target, held.reason, held.releases) == (4, Reason.HOLD, ())
    assert (over.target, len(over.releases)) == (1, 3)


def test_the_hold_is_three_quarters_of_a_lead_time_unless_the_policy_sets_it() -> None:
    def releases_after(seconds: float, *, policy: WorkloadPolicy, lead_time: float) -> int:
        held = Hold().with_target(4, now=NOW - seconds, hold_seconds=1e9)
        seen = an_observation(ready=4, forecast=a_forecast(1.0), lead_time_seconds=lead_time)
        return len(planned(seen, policy=policy, hold=held).releases)

    unset = replace(POLICY, scale_down=ScaleDown())
    assert releases_after(74.0, policy=unset, lead_time=100.0) == 0
    assert releases_after(76.0, policy=unset, lead_time=100.0) == 3
    # A restore of a second is no reason to let go with every breath of demand.
    assert releases_after(19.0, policy=unset, lead_time=1.0) == 0
    assert releases_after(21.0, policy=unset, lead_time=1.0) == 3
    assert releases_after(59.0, policy=POLICY, lead_time=100.0) == 0
    assert releases_after(61.0, policy=POLICY, lead_time=100.0) == 3


def test_nothing_is_held_where_demand_is_known_for_longer_than_a_start_takes() -> None:
    held = Hold().with_target(4, now=NOW - 5.0, hold_seconds=1e9)
    unset = replace(POLICY, scale_down=ScaleDown())

    def releases(known_steps: int, policy: WorkloadPolicy) -> int:
        forecast = replace(a_forecast(1.0), known_steps=known_steps)
        seen = an_observation(ready=4, forecast=forecast, lead_time_seconds=100.0)
        return len(planned(seen, policy=policy, hold=held).releases)

    # A lead time and a tick from now on are eleven steps.
    assert [releases(steps, unset) for steps in (0, 10, 11)] == [0, 0, 3]
    assert releases(11, replace(POLICY, scale_down=ScaleDown(hold_seconds=60.0))) == 0


def test_while_requests_are_late_what_was_started_for_them_is_kept() -> None:
    # Four that come will have cleared the backlog, so it asks for no more than serves now.
    seen = an_observation(
        ready=2,
        restoring=4,
        reading=a_reading(2.0),
        smooth_per_second=2.0,
        forecast=a_forecast(2.0),
    )
    late, in_time = planned(seen._replace(backlog=5.0)), planned(seen._replace(backlog=3.0))
    assert (late.target, late.reason, late.cancels) == (6, Reason.HOLD, ())
    assert (in_time.target, len(in_time.cancels)) == (2, 4)


def test_a_start_for_a_queue_is_not_given_up_as_soon_as_it_was_asked_for() -> None:
    # Demand is known to go on at 2/s, and a tick ago six were asked for to clear what waits.
    held = Hold().with_target(6, now=NOW - 5.0, hold_seconds=1e9)
    seen = an_observation(
        ready=2,
        restoring=4,
        reading=a_reading(2.0),
        smooth_per_second=2.0,
        forecast=replace(a_forecast(2.0), known_steps=30),
    )
    policy = replace(POLICY, scale_down=ScaleDown())
    waits, cleared = (
        planned(seen._replace(backlog=backlog), policy=policy, hold=held) for backlog in (3.0, 0.0)
    )
    assert (waits.target, waits.cancels) == (6, ())
    assert (cleared.target, len(cleared.cancels)) == (2, 4)


def test_it_is_longer_while_demand_has_not_been_seen_for_long() -> None:
    held = Hold().with_target(4, now=NOW - 200.0, hold_seconds=1e9)
    unset = replace(POLICY, scale_down=ScaleDown())
    seen = an_observation(ready=4, forecast=a_forecast(1.0), lead_time_seconds=100.0)
    releases = [
        len(planned(seen._replace(seen_seconds=seconds), policy=unset, hold=held).releases)
        for seconds in (0.0, 600.0, 86400.0)
    ]
    assert releases == [0, 0, 3]


def test_what_is_held_is_never_started_anew() -> None:
    _, hold = plan(
        an_observation(forecast=a_forecast(9.0)), POLICY, MEDIAN, Hold(), tick_seconds=5.0
    )
    seen = an_observation(ready=2, forecast=a_forecast(1.0))
    assert (planned(seen, hold=hold).target, planned(seen, hold=hold).starts) == (2, 0)


def test_the_youngest_go_first() -> None:
    seen = an_observation(
        a_replica("old", started_at=10.0),
        a_replica("young", started_at=1000.0),
        a_replica("middle", started_at=500.0),
        forecast=a_forecast(1.0),
    )
    assert planned(seen).releases == ("young", "middle")


def test_starts_that_nobody_waits_for_any_more_go_before_replicas_that_serve() -> None:
    what = planned(an_observation(ready=3, restoring=2, forecast=a_forecast(2.0)))
    assert [why for _, why in what.cancels] == ["not needed any more"] * 2
    assert len(what.releases) == 1


def test_only_as_many_starts_are_called_off_as_are_too_many() -> None:
    what = planned(an_observation(ready=1, restoring=4, forecast=a_forecast(3.0)))
    assert (len(what.cancels), what.releases) == (2, ())


def test_failed_and_hung_starts_are_cancelled_in_words_and_replaced() -> None:
    failed = replace(a_replica("failed", phase=Phase.FAILED), failure="image is corrupt")
    hung = a_replica("hung", phase=Phase.RESTORING, started_at=NOW - 90.0, deadline_at=NOW)
    what = planned(an_observation(failed, hung, forecast=a_forecast(2.0)))
    assert what.cancels == (
        ("failed", "failed: image is corrupt"),
        ("hung", "not ready after 90 s"),
    )
    assert (what.restoring, what.starts) == (0, 2)


def test_a_start_is_waited_for_until_its_deadline() -> None:
    slow = a_replica("slow", phase=Phase.RESTORING, deadline_at=NOW + 0.1)
    what = planned(an_observation(slow, forecast=a_forecast(1.0)))
    assert (what.restoring, what.starts, what.cancels) == (1, 0, ())


def test_a_replica_that_drains_serves_nobody() -> None:
    leaving = a_replica("leaving", phase=Phase.DRAINING)
    assert planned(an_observation(leaving, forecast=a_forecast(1.0))).starts == 1


def test_a_replica_that_drains_still_counts_against_the_gpu_budget() -> None:
    tight = a_policy(limits=Limits(gpu_budget=2))
    leaving = a_replica("leaving", phase=Phase.DRAINING)
    what = planned(an_observation(leaving, ready=1, forecast=a_forecast(5.0)), tight)
    assert (what.target, what.starts, what.reason) == (1, 0, Reason.MAX_REPLICAS)


def test_what_failed_holds_its_gpu_until_it_is_gone_and_nothing_serving_goes_for_it() -> None:
    tight = a_policy(limits=Limits(gpu_budget=2), gpus_per_replica=1)
    over = (
        a_replica("failed", phase=Phase.FAILED),
        a_replica("hung", phase=Phase.RESTORING, deadline_at=NOW),
    )
    for one in over:
        what = planned(an_observation(one, ready=1, forecast=a_forecast(2.0)), tight)
        assert (what.target, what.starts, len(what.cancels)) == (2, 0, 1)
    for ending, starts in ((0, 1), (1, 0), (9, 0)):
        seen = an_observation(ready=1, forecast=a_forecast(2.0))._replace(ending_gpus=ending)
        what = planned(seen, tight)
        assert (what.target, what.starts, what.releases) == (2, starts, ())


def test_silence_is_no_reason_to_let_go_of_what_serves() -> None:
    reading = a_reading(0.0, at=NOW - 61.0)
    silent = planned(an_observation(ready=3, restoring=1, reading=reading))
    assert (silent.target, silent.releases, silent.cancels) == (4, (), ())
    assert planned(an_observation(ready=3)).target == 3


def test_a_part_of_demand_is_a_reason_to_start_and_none_to_let_go() -> None:
    def with_part_of(per_second: float, forecast: Forecast | None = None) -> Plan:
        part = replace(a_reading(per_second), is_at_least=True)
        return planned(an_observation(ready=8, reading=part, forecast=forecast))

    assert (with_part_of(2.0).target, with_part_of(2.0).releases) == (8, ())
    assert (with_part_of(7.0).target, with_part_of(7.0).reason) == (10, Reason.NO_FORECAST)
    # The last forecast is of all demand.
    assert with_part_of(2.0, forecast=a_forecast(5.0)).target == 5
    stale = a_forecast(5.0, issued_at=NOW - 300.0)
    assert with_part_of(2.0, forecast=stale).target == 8


def test_a_recent_reading_or_a_forecast_ends_the_silence() -> None:
    heard = an_observation(ready=3, reading=a_reading(0.0, at=NOW - 60.0))
    foreseen = an_observation(ready=3, forecast=a_forecast(0.0))
    assert len(planned(heard).releases) == len(planned(foreseen).releases) == 3


def test_a_limit_that_was_lowered_holds_even_in_silence() -> None:
    what = planned(an_observation(ready=3), a_policy(limits=Limits(max_replicas=2)))
    assert (what.target, len(what.releases)) == (2, 1)


def test_the_smallest_number_of_replicas_is_kept_without_demand() -> None:
    policy = a_policy(limits=Limits(min_replicas=2))
    what = planned(an_observation(ready=1, forecast=a_forecast(0.0)), policy)
    assert (what.target, what.starts, what.reason) == (2, 1, Reason.MIN_REPLICAS)
