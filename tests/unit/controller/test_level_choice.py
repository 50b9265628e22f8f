from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.level_account import Account
from controller.level_choice import Served, chosen_level, first_level
from controller.objective import level_covering
from controller.policy import Cost, Objective, WorkloadPolicy
from controller.shadow_fleets import LEVELS, Shadows
from models.forecast import FloatArray
from tests.unit.controller.builders import a_policy

POLICY = a_policy(objective=Objective(attainment=0.99))
#: Two weeks of one request a second.
LONG = 14 * 86400.0


def an_account(late_shares: FloatArray, costs: FloatArray, *, demand: float = LONG) -> Account:
    return Account.of(demand, late_shares * demand, costs * demand)


def late_below(level: float, share: float = 0.2) -> FloatArray:
    """Return a share late of every level below one, none from there on."""
    return np.where(level > LEVELS, share, 0.0)


COSTS = 1.0 + 0.1 * (LEVELS - LEVELS[0])
QUIET = an_account(np.zeros(len(LEVELS)), COSTS, demand=10800.0)


def chosen(
    late_shares: FloatArray,
    *,
    costs: FloatArray = COSTS,
    short: Account = QUIET,
    served_late: float = 0.007,
    policy: WorkloadPolicy = POLICY,
    demand: float = LONG,
) -> float:
    long = an_account(late_shares, costs, demand=demand)
    served = Served(demand=demand, late=served_late * demand, usual_per_second=1.0)
    return chosen_level(Shadows(began_at_level=1.5, long=long, short=short), served, policy)


@pytest.mark.parametrize("believed", [-1.0, -0.5, 0.0, 0.5, 1.0, 2.5, 5.0])
def test_before_anything_was_seen_the_level_is_that_believed_in(believed: float) -> None:
    nothing = Shadows(began_at_level=believed)
    level = chosen_level(nothing, Served(demand=0.0, late=0.0, usual_per_second=1.0), POLICY)
    assert level == pytest.approx(believed, abs=0.05)
    idle = chosen_level(nothing, Served(demand=0.0, late=0.0, usual_per_second=0.0), POLICY)
    assert idle in LEVELS


def test_the_least_level_that_missed_no_more_than_the_aim_is_chosen() -> None:
    assert 2.5 < chosen(late_below(3.0)) <= 3.0
    assert 0.5 < chosen(late_below(1.0)) <= 1.0
    assert chosen(np.zeros(len(LEVELS))) == LEVELS[0]


def test_a_surer_level_that_cost_less_goes_before_the_least_one() -> None:
    dear_when_low = COSTS + 0.5 * np.maximum(2.0 - LEVELS, 0.0)
    assert chosen(np.zeros(len(LEVELS)), costs=dear_when_low) == pytest.approx(2.0)
    assert 2.5 < chosen(late_below(3.0), costs=dear_when_low) <= 3.0


def test_an_hour_without_misses_is_no_reason_to_let_backlogs_come() -> None:
    lenient = a_policy(objective=Objective(attainment=0.8))
    believed = first_level(lenient)
    calm = an_account(np.zeros(len(LEVELS)), np.ones(len(LEVELS)), demand=3600.0)
    level = chosen_level(
        Shadows(began_at_level=believed, long=calm, short=QUIET),
        Served(demand=3600.0, late=0.0, usual_per_second=1.0),
        lenient,
    )
    assert level == pytest.approx(believed)


def test_after_a_day_the_least_level_that_missed_nothing_is_not_sure_enough_yet() -> None:
    # The next burst may be higher than any of one day; after two weeks it hardly is.
    day = chosen(late_below(3.0), demand=86400.0)
    assert day > 4.0 > chosen(late_below(3.0))


def test_seconds_of_evidence_hardly_move_the_belief() -> None:
    assert chosen(late_below(3.0), demand=10.0) == pytest.approx(1.5, abs=0.25)


@pytest.mark.parametrize("seconds", [10.0, 600.0, 3600.0])
def test_what_every_level_missed_is_no_reason_to_be_less_sure(seconds: float) -> None:
    assert chosen(np.full(len(LEVELS), 0.2), served_late=0.2, demand=seconds) >= 1.5


def test_between_two_levels_as_much_is_taken_as_the_aim_allows() -> None:
    shares = np.where(LEVELS < 3.0, 0.01, 0.002)
    assert 2.5 < chosen(shares, served_late=0.009) < 2.95


def test_a_stricter_objective_asks_for_a_higher_level_of_the_same_evidence() -> None:
    shares = 0.05 * np.exp(-(LEVELS - LEVELS[0]))
    levels = [
        chosen(shares, policy=a_policy(objective=Objective(attainment=share)), served_late=0.0)
        for share in (0.9, 0.95, 0.99, 0.999)
    ]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1] - 2.0


def test_who_has_missed_much_makes_up_for_it_and_who_has_not_may_use_it() -> None:
    shares = 0.05 * np.exp(-(LEVELS - LEVELS[0]))
    usual, behind, ahead = (chosen(shares, served_late=share) for share in (0.0075, 0.02, 0.0))
    assert ahead < usual < behind


def test_replicas_that_keep_almost_nothing_from_being_late_are_not_paid_for() -> None:
    # The last percent would take twice as many replicas, whatever was missed before.
    shares = np.where(LEVELS < 2.0, 0.03, np.where(LEVELS < 8.0, 0.011, 0.001))
    dear = np.where(LEVELS < 8.0, COSTS, COSTS + 1.0)
    assert chosen(shares, costs=dear) == 2.0
    assert chosen(shares, costs=dear, served_late=0.02) == 2.0
    # For half as many more they would be, once nearly all that is allowed was missed.
    less = np.where(LEVELS < 8.0, COSTS, 2.0)
    assert chosen(shares, costs=less) == 2.0
    assert chosen(shares, costs=less, served_late=0.009) > 7.0


def test_what_a_miss_may_cost_goes_by_how_few_are_allowed() -> None:
    strict = a_policy(objective=Objective(attainment=0.999))
    shares = np.where(LEVELS < 2.0, 0.003, np.where(LEVELS < 8.0, 0.0011, 0.0001))
    costs = np.where(LEVELS < 8.0, COSTS, COSTS + 1.0)
    for late in (0.0, 0.0009):
        assert chosen(shares, costs=costs, served_late=late, policy=strict) == 2.0
    assert chosen(10.0 * shares, costs=costs, policy=strict) > 7.0


def test_no_miss_of_the_past_is_worth_any_price() -> None:
    # As after a surge: much was missed, and ever more replicas spare ever less.
    shares = np.where(LEVELS < 2.0, 0.03, np.where(LEVELS < 8.0, 0.0112, 0.0108))
    assert chosen(shares, served_late=0.05) == 2.0


def test_nothing_attains_so_the_highest_level_that_still_helps_is_chosen() -> None:
    assert chosen(np.full(len(LEVELS), 0.5)) == LEVELS[0]


def test_the_last_hours_raise_the_level_at_once() -> None:
    broken = an_account(late_below(3.0), COSTS, demand=10800.0)
    assert chosen(np.zeros(len(LEVELS)), short=broken) == 3.0
    bearable = an_account(late_below(3.0, share=0.029), COSTS, demand=10800.0)
    assert chosen(np.zeros(len(LEVELS)), short=bearable) == LEVELS[0]


def test_what_no_level_mends_does_not_raise_it() -> None:
    hopeless = an_account(np.where(LEVELS < 2.0, 0.9, 0.5), COSTS, demand=10800.0)
    assert chosen(np.zeros(len(LEVELS)), short=hopeless) == 2.0


def money(missed_request: float) -> WorkloadPolicy:
    """Return a policy where a GPU-second costs 0.001, and a replica serves one a second."""
    return a_policy(objective=Objective(cost=Cost(gpu_hour=3.6, missed_request=missed_request)))


def test_where_money_decides_the_cheapest_level_is_chosen() -> None:
    shares = 0.05 * np.exp(-(LEVELS - LEVELS[0]))
    for price in (0.001, 0.01, 0.1):
        spent = COSTS * 0.001 + shares * price
        best = float(LEVELS[np.argmin(spent)])
        assert chosen(shares, policy=money(price)) == pytest.approx(best, abs=0.5)


@pytest.mark.parametrize(
    ("price", "covered"), [(0.01, 0.9), (0.003, 1 - 1 / 3), (0.002, 0.5), (0.0015, 1 / 3)]
)
def test_the_first_level_of_money_is_the_newsvendors_and_is_believed_in(
    price: float, covered: float
) -> None:
    policy = money(price)
    assert first_level(policy) == pytest.approx(level_covering(covered))
    served = Served(demand=0.0, late=0.0, usual_per_second=1.0)
    believed = Shadows(began_at_level=first_level(policy))
    assert chosen_level(believed, served, policy) == pytest.approx(first_level(policy), abs=0.5)


def test_where_misses_are_nearly_free_money_begins_at_the_lowest_level() -> None:
    assert first_level(money(1e-6)) == level_covering(0.0)


def test_the_first_level_rises_with_the_objective() -> None:
    shares = (0.5, 0.95, 0.99, 0.999, 0.999999)
    levels = [first_level(a_policy(objective=Objective(attainment=share))) for share in shares]
    assert levels == sorted(levels)
    assert levels[2] == pytest.approx(2.0)
    assert (levels[0], levels[-1]) == (1.0, 12.0)


@given(
    late=st.lists(st.floats(0.0, 1.0), min_size=len(LEVELS), max_size=len(LEVELS)),
    demand=st.floats(0.0, 1e9),
    usual=st.floats(0.0, 1e4),
    served_late=st.floats(0.0, 1.0),
    attainment=st.floats(0.5, 0.99999),
)
def test_the_level_stays_in_its_bounds_whatever_was_seen(
    late: list[float], demand: float, usual: float, served_late: float, attainment: float
) -> None:
    account = an_account(np.array(late), COSTS, demand=demand)
    level = chosen_level(
        Shadows(began_at_level=1.5, long=account, short=account),
        Served(demand=demand, late=served_late * demand, usual_per_second=usual),
        a_policy(objective=Objective(attainment=attainment)),
    )
    assert LEVELS[0] <= level <= LEVELS[-1]
