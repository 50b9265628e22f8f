from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boosts import Alert, Boost, BoostLimits, Boosts, boost_per_second
from controller.plan import Reason
from controller.policy import Limits
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName
from tests.builders import CHAT, a_fleet
from tests.unit.controller.builders import NOW, a_forecast, a_policy, a_reading, an_outlook

LIMITS = BoostLimits(most_replicas=10.0, most_multiplier=3.0, lasts_seconds=600.0, most_alerts=3)


def an_alert(
    name: str = "a",
    *,
    replicas: float = 0.0,
    multiplier: float = 1.0,
    workload: str = CHAT,
    is_firing: bool = True,
    moment: float | None = None,
) -> Alert:
    return Alert(
        fingerprint=name,
        moment=moment,
        workload=WorkloadName(workload),
        boost=Boost(replicas=replicas, multiplier=multiplier),
        is_firing=is_firing,
    )


def heard(*alerts: Alert, now: float = NOW, before: Boosts | None = None) -> Boosts:
    boosts, left_out = (before or Boosts()).with_alerts(alerts, now=now, limits=LIMITS)
    assert left_out == 0
    return boosts


def in_force(boosts: Boosts, now: float = NOW) -> dict[WorkloadName, Boost]:
    return dict(boosts.in_force(now, LIMITS))


def test_a_boost_ends_by_itself() -> None:
    boosts = heard(an_alert(replicas=2.0))
    assert in_force(boosts, NOW + 599.9) == {CHAT: Boost(replicas=2.0)}
    assert in_force(boosts, NOW + 600.0) == {}
    assert boosts.at(NOW + 600.0, LIMITS) == Boosts()


def test_a_boost_from_before_the_clock_was_set_back_lives_no_longer_for_it() -> None:
    boosts = heard(an_alert(replicas=2.0))
    assert in_force(boosts, NOW - 60.0) == {CHAT: Boost(replicas=2.0)}
    assert in_force(boosts, NOW - 3600.0) == {}
    again = heard(an_alert(replicas=2.0), now=NOW - 3500.0, before=boosts)
    assert in_force(again, NOW - 3000.0) == {CHAT: Boost(replicas=2.0)}
    assert in_force(again, NOW - 2900.0) == {}


def test_a_repeat_starts_its_time_anew() -> None:
    boosts = heard(an_alert(replicas=2.0))
    boosts = heard(an_alert(replicas=2.0), now=NOW + 500.0, before=boosts)
    assert in_force(boosts, NOW + 1000.0) == {CHAT: Boost(replicas=2.0)}
    assert in_force(boosts, NOW + 1100.0) == {}


def test_a_repeat_is_not_a_second_boost() -> None:
    boosts = heard(an_alert(replicas=2.0), an_alert(replicas=2.0))
    assert in_force(boosts) == {CHAT: Boost(replicas=2.0)}


def test_a_resolved_alert_ends_its_boost_alone() -> None:
    boosts = heard(an_alert("a", replicas=2.0), an_alert("b", replicas=1.0))
    boosts = heard(an_alert("a", is_firing=False), before=boosts)
    assert in_force(boosts) == {CHAT: Boost(replicas=1.0)}


def fired(moment: float | None = None) -> Alert:
    return an_alert(replicas=2.0, moment=moment)


def resolved(moment: float | None = None) -> Alert:
    return an_alert(is_firing=False, moment=moment)


BOOSTED = {CHAT: Boost(replicas=2.0)}


@pytest.mark.parametrize("twice", [1, 2])
def test_a_firing_told_late_does_not_bring_a_resolved_one_back(twice: int) -> None:
    assert in_force(heard(*[resolved(NOW)] * twice, *[fired(NOW - 60.0)] * twice)) == {}
    assert in_force(heard(resolved(NOW), fired(NOW))) == {}


@pytest.mark.parametrize("earlier", [0.0, 20.0, 3600.0])
def test_an_end_ends_a_boost_though_its_beginning_is_told_otherwise(earlier: float) -> None:
    boosts = heard(fired(NOW - 10.0), fired(NOW - 10.0 - earlier), resolved(NOW))
    assert in_force(boosts) == {}


def test_what_began_after_the_end_fires_again() -> None:
    boosts = heard(fired(NOW - 60.0), resolved(NOW - 30.0), fired(NOW - 10.0))
    assert in_force(boosts) == BOOSTED
    # The first end, told once more or late, is not this one's.
    boosts = heard(resolved(NOW - 30.0), before=boosts)
    assert in_force(boosts) == BOOSTED
    assert in_force(heard(resolved(NOW - 5.0), before=boosts)) == {}


def test_what_is_told_without_a_moment_is_the_newest_word() -> None:
    boosts = heard(fired(), resolved(), fired())
    assert in_force(boosts) == BOOSTED
    assert in_force(heard(resolved(), before=boosts)) == {}
    assert in_force(heard(fired(NOW + 3600.0), resolved())) == {}
    assert in_force(heard(resolved(NOW + 3600.0), fired())) == BOOSTED


@pytest.mark.parametrize("moment", [None, NOW])
def test_an_end_told_again_and_again_is_forgotten_in_time(moment: float | None) -> None:
    boosts = heard(resolved(moment))
    for seconds in range(0, 600, 50):
        boosts = heard(resolved(moment), now=NOW + seconds, before=boosts)
    assert boosts.at(NOW + 600.0, LIMITS) == Boosts()
    later = heard(resolved(NOW + 1.0), now=NOW + 500.0, before=heard(resolved(NOW)))
    assert later.at(NOW + 600.0, LIMITS) != Boosts()


@pytest.mark.parametrize("moment", [None, NOW - 1.0])
def test_a_repeat_that_says_as_much_changes_nothing(moment: float | None) -> None:
    first = heard(fired(moment))
    assert heard(fired(moment), now=NOW + 59.0, before=first) == first
    assert heard(fired(moment), now=NOW + 61.0, before=first) != first


def test_each_firing_is_counted_once() -> None:
    first = heard(fired(NOW))
    assert first.begun_since(Boosts()) == (CHAT,)
    assert heard(fired(NOW - 9.0), now=NOW + 99.0, before=first).begun_since(first) == ()
    over = heard(resolved(NOW + 1.0), before=first)
    assert over.begun_since(first) == ()
    assert heard(fired(NOW + 2.0), before=over).begun_since(over) == (CHAT,)


_FIRST = (fired(NOW - 90.0), fired(NOW - 80.0), resolved(NOW - 60.0))
_SECOND = (fired(NOW - 40.0), fired(NOW - 35.0))


@given(told=st.permutations([*_FIRST, *_FIRST, *_SECOND, *_SECOND]))
def test_in_whatever_order_and_however_often_told_moments_decide(told: list[Alert]) -> None:
    assert in_force(heard(*told)) == BOOSTED
    assert in_force(heard(*told, resolved(NOW), *told)) == {}
    assert in_force(heard(*[one for one in told if one in _FIRST])) == {}


def test_of_several_alerts_the_strongest_counts() -> None:
    boosts = heard(
        an_alert("a", replicas=2.0), an_alert("b", replicas=3.0), an_alert("c", multiplier=2.0)
    )
    assert in_force(boosts) == {CHAT: Boost(replicas=3.0, multiplier=2.0)}


def test_workloads_are_told_apart() -> None:
    boosts = heard(an_alert("a", replicas=2.0), an_alert("b", replicas=3.0, workload="search"))
    assert in_force(boosts) == {
        CHAT: Boost(replicas=2.0),
        WorkloadName("search"): Boost(replicas=3.0),
    }


def test_beyond_the_most_alerts_new_ones_are_counted_out() -> None:
    alerts = [an_alert(name, replicas=1.0) for name in "abcde"]
    boosts, left_out = Boosts().with_alerts(alerts, now=NOW, limits=LIMITS)
    assert (len(boosts.heard), left_out) == (3, 2)
    _, left_out = boosts.with_alerts(alerts[:3], now=NOW, limits=LIMITS)
    assert left_out == 0
    _, left_out = boosts.with_alerts(alerts[3:], now=NOW + 600.0, limits=LIMITS)
    assert left_out == 0


@pytest.mark.parametrize(
    ("boost", "per_second", "more"),
    [
        (None, 100.0, 0.0),
        (Boost(), 100.0, 0.0),
        (Boost(replicas=2.0), 100.0, 8.0),
        (Boost(multiplier=1.5), 100.0, 50.0),
        (Boost(multiplier=1.5), 0.0, 0.0),
        (Boost(replicas=2.0, multiplier=1.01), 100.0, 8.0),
    ],
)
def test_a_boost_is_demand_on_top(boost: Boost | None, per_second: float, more: float) -> None:
    assert boost_per_second(boost, per_second, a_policy(capacity=4.0)) == pytest.approx(more)


_NUMBERS = st.floats(min_value=-1e300, max_value=1e300)
_ALERTS = st.builds(
    an_alert,
    name=st.sampled_from("abcdef"),
    replicas=_NUMBERS,
    multiplier=_NUMBERS,
    is_firing=st.booleans(),
)


@given(told=st.lists(st.tuples(_ALERTS, st.floats(min_value=0.0, max_value=1000.0))))
def test_whatever_is_told_boosts_are_bounded_and_end(told: list[tuple[Alert, float]]) -> None:
    boosts, now = Boosts(), NOW
    for alert, later in told:
        now += later
        boosts, _ = boosts.with_alerts([alert], now=now, limits=LIMITS)
        assert len(boosts.heard) <= LIMITS.most_alerts
        for boost in boosts.in_force(now, LIMITS).values():
            assert 0.0 <= boost.replicas <= LIMITS.most_replicas
            assert 1.0 <= boost.multiplier <= LIMITS.most_multiplier
    assert boosts.at(now + LIMITS.lasts_seconds, LIMITS) == Boosts()


@pytest.mark.parametrize(
    ("limits", "target", "reason"),
    [(Limits(), 6, Reason.BOOST), (Limits(max_replicas=3), 3, Reason.MAX_REPLICAS)],
)
def test_a_tick_plans_for_the_boost_within_the_policys_limits(
    limits: Limits, target: int, reason: Reason
) -> None:
    outlook = an_outlook(reading=a_reading(2.0), forecast=a_forecast(2.0))
    result = tick(
        a_fleet(nodes=8, seen_at=NOW),
        {CHAT: outlook},
        TickState(),
        NOW,
        policies=(a_policy(limits=limits),),
        settings=TickSettings(
            fixed_lead_time_seconds=55.0, boosts=heard(an_alert(replicas=4.0)).in_force(NOW, LIMITS)
        ),
    )
    [plan] = result.plans
    assert (plan.target, plan.reason) == (target, reason)
    assert plan.starts == target
