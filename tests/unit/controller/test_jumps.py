import numpy as np
import pytest

from controller.jumps import Jumps, doubt, interrupted, lasting_per_second, looked_at
from controller.outcomes import Outcomes, served

TICK = 5.0


def after(rates: list[float], outcomes: Outcomes | None = None, *, at: float = 0.0) -> Outcomes:
    """Return the outcomes after readings of five seconds each."""
    seen = outcomes or Outcomes()
    for number, rate in enumerate([rates[0], *rates] if outcomes is None else rates):
        seen = served(
            seen,
            until=at + number * TICK,
            per_second=rate,
            capacity=1.0,
            wait_seconds=2.0,
        )
    return seen


def test_before_any_jump_most_of_it_is_believed_to_last() -> None:
    assert Jumps().share == 0.75
    assert after([10.0] * 100).jumps.share == pytest.approx(0.75)


def test_where_demand_is_chance_nothing_of_a_jump_lasts() -> None:
    rates = np.random.default_rng(3).poisson(50.0, 4000) / TICK
    assert after(rates.tolist()).jumps.share < 0.05


def test_where_demand_is_steps_all_of_a_jump_lasts() -> None:
    steps = np.repeat(np.random.default_rng(3).uniform(5.0, 15.0, 60), 120)
    assert after(steps.tolist()).jumps.share > 0.95


def test_jumps_are_doubted_until_some_have_lasted() -> None:
    steps = np.repeat(np.random.default_rng(3).uniform(5.0, 15.0, 60), 120)
    chance = np.random.default_rng(3).poisson(50.0, 4000) / TICK
    assert doubt(Jumps()) == 1.0
    # 28 jumps were seen.
    assert doubt(after(steps.tolist()).jumps) < 0.2
    assert doubt(after(chance.tolist()).jumps) > 0.95


def test_of_bursts_of_half_a_minute_little_lasts_though_they_begin_on_the_minute() -> None:
    # Met at their first reading, they are over for half of the minute: less, met later.
    bursts = ([10.0] * 54 + [40.0] * 6) * 400
    assert after(bursts).jumps.share < 0.2


def test_a_share_is_the_regression_of_what_lasted_on_the_jump() -> None:
    jumps = Jumps(look_at=0.0)
    for at, (excess, lasted) in enumerate([(4.0, 1.0), (2.0, 2.0), (6.0, 3.0)]):
        since = 100.0 * at
        jumps = looked_at(
            jumps, at=since, per_second=10.0 + excess, mean_per_second=10.0, demand=0.0
        )
        assert jumps.look_at == since + 65.0
        demand = 65.0 * (10.0 + lasted)
        jumps = looked_at(
            jumps, at=since + 65.0, per_second=9.0, mean_per_second=10.0, demand=demand
        )
    measured = (4.0 + 4.0 + 18.0) / (16.0 + 4.0 + 36.0)
    assert jumps.share == pytest.approx((3.0 * measured + 5.0 * 0.75) / 8.0, rel=2e-3)


def test_only_what_stands_well_above_the_mean_is_a_jump() -> None:
    quiet = Jumps(look_at=0.0)
    for rate, excess in ((9.0, 0.0), (10.2, 0.0), (10.5, 0.5)):
        seen = looked_at(quiet, at=5.0, per_second=rate, mean_per_second=10.0, demand=1.0)
        assert seen.excess == pytest.approx(excess)
        assert seen.look_at == 70.0


def test_demand_as_good_as_none_is_no_jump() -> None:
    seen = Jumps(look_at=0.0)
    for at in (0.0, 65.0):
        seen = looked_at(seen, at=at, per_second=1e-170, mean_per_second=0.0, demand=0.0)
    assert (seen.excess, seen.seen) == (0.0, 0.0)


def test_no_jump_is_seen_before_the_mean_is_settled_nor_just_after_a_gap() -> None:
    """From nothing to its usual demand is no jump of demand's."""
    begun = after([10.0] * 23)
    assert (begun.jumps.excess, begun.jumps.seen) == (0.0, 0.0)
    watching = after([10.0] * 37 + [20.0] * 14)
    assert watching.jumps.excess > 0.0
    resumed = after([50.0] * 20, watching, at=100_000.0)
    assert (resumed.jumps.excess, resumed.jumps.seen) == (0.0, watching.jumps.seen)
    assert interrupted(Jumps(share=0.3, seen=2.0, excess=1.0)).share == 0.3


def test_the_newest_jumps_count_most() -> None:
    steps = np.repeat(np.random.default_rng(3).uniform(5.0, 15.0, 60), 120)
    lasting = after(steps.tolist())
    noise = np.random.default_rng(4).poisson(50.0, 40_000) / TICK
    assert after(noise.tolist(), lasting, at=len(steps) * TICK + TICK).jumps.share < 0.35


def test_one_spike_says_little_of_all_other_jumps() -> None:
    steps = np.repeat(np.random.default_rng(3).uniform(5.0, 15.0, 60), 120)
    lasting = after(steps.tolist())
    spike = [10.0] * 40 + [2000.0] * 13 + [10.0] * 200
    assert after(spike, lasting, at=len(steps) * TICK + TICK).jumps.share > 0.5


def expected(jumps: Jumps, rate: float, *, seconds: float = 65.0) -> float:
    return lasting_per_second(jumps, rate, 10.0, seconds=seconds)


def test_twice_what_lasts_is_to_be_expected() -> None:
    jumps = Jumps(share=0.125, seen=4.0, squares=400.0)
    assert expected(jumps, 30.0) == pytest.approx(15.0)
    assert expected(jumps, 0.0) == pytest.approx(7.5)
    assert expected(jumps._replace(share=0.6), 30.0) == pytest.approx(30.0)


def test_in_less_time_less_of_a_jump_decays() -> None:
    jumps = Jumps(share=0.04, seen=4.0, squares=400.0)
    assert expected(jumps, 30.0) == pytest.approx(10.0 + 0.08 * 20.0)
    assert expected(jumps, 30.0, seconds=32.5) == pytest.approx(10.0 + 0.4 * 20.0)
    assert expected(jumps, 30.0, seconds=0.0) == pytest.approx(30.0)


def test_what_is_higher_than_jumps_are_is_expected_to_last() -> None:
    jumps = Jumps(share=0.125, seen=4.0, squares=400.0)  # jumps of 10 per second
    assert expected(jumps, 40.0) == pytest.approx(10.0 + 7.5)
    assert expected(jumps, 60.0) == pytest.approx(10.0 + 7.5 + 20.0)
    assert expected(Jumps(), 60.0) == pytest.approx(60.0)
