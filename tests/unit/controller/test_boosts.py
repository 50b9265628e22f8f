from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boosts import Alert, AlertKey, Boost, BoostLimits, Boosts, boost_per_second
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
) -> Alert:
    return Alert(
        key=AlertKey("group", name, "2026-01-01T00:00:00Z"),
        workload=WorkloadName(workload),
        boost=Boost(replicas=replicas, multiplier=multiplier),
        is_firing=is_firing,
    )


def heard(*alerts: Alert, now: float = NOW, before: Boosts | None = None) -> Boosts:
    boosts, left_out = (before or Boosts()).with_alerts(alerts, now=now, limits=LIMITS)
    assert left_out == 0
    return boosts


def in_force(boosts: Boosts, now: float = NOW) -> dict[WorkloadName, Boost]:
    return dict(boosts.in_force(now))


def test_a_boost_ends_by_itself() -> None:
    boosts = heard(an_alert(replicas=2.0))
    assert in_force(boosts, NOW + 599.9) == {CHAT: Boost(replicas=2.0)}
    assert in_force(boosts, NOW + 600.0) == {}
    assert boosts.at(NOW + 600.0) == Boosts()


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


def test_a_firing_told_late_does_not_bring_a_resolved_one_back() -> None:
    boosts = heard(an_alert(is_firing=False), an_alert(replicas=2.0))
    assert in_force(boosts) == {}


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
        for boost in boosts.in_force(now).values():
            assert 0.0 <= boost.replicas <= LIMITS.most_replicas
            assert 1.0 <= boost.multiplier <= LIMITS.most_multiplier
    assert boosts.at(now + LIMITS.lasts_seconds) == Boosts()


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
            fixed_lead_time_seconds=55.0, boosts=heard(an_alert(replicas=4.0)).in_force(NOW)
        ),
    )
    [plan] = result.plans
    assert (plan.target, plan.reason) == (target, reason)
    assert plan.starts == target
