import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.objective import (
    Calibration,
    Measured,
    covered,
    demand_at,
    level_covering,
    update,
)
from controller.policy import Objective
from models.forecast import QUANTILES

OBJECTIVE = Objective(attainment=0.99)
AT_NINETY_PERCENT = Calibration(level=2.0)
LEVELS = st.floats(-2.0, 16.0)


def measured(
    late_share: float = 0.0,
    *,
    demand: float = 600.0,
    seconds: float = 60.0,
    usual_per_second: float = 10.0,
    recent_late_share: float = 0.01,
    seen_seconds: float = 3600.0,
    slow_restores: bool = False,
) -> Measured:
    """Return a usual minute, of which a share came too late."""
    return Measured(
        seconds=seconds,
        demand=demand,
        late=late_share * demand,
        usual_per_second=usual_per_second,
        recent_late_share=recent_late_share,
        seen_seconds=seen_seconds,
        slow_restores=slow_restores,
    )


def moved(what: Measured, objective: Objective = OBJECTIVE) -> float:
    """Return by how much a while of serving moves the level."""
    return update(AT_NINETY_PERCENT, what, objective).level - AT_NINETY_PERCENT.level


@pytest.mark.parametrize("nothing", [measured(seconds=0.0), measured(demand=0.0)])
def test_where_nothing_was_served_nothing_is_learned(nothing: Measured) -> None:
    assert update(AT_NINETY_PERCENT, nothing, OBJECTIVE) is AT_NINETY_PERCENT


def test_late_demand_raises_the_level_and_a_clean_minute_lowers_it_a_little() -> None:
    assert moved(measured(0.05)) > 0
    assert -moved(measured(0.05)) < moved(measured(0.0)) < 0


def test_the_level_aims_at_fewer_misses_than_the_objective_allows() -> None:
    assert moved(measured(0.0055)) == pytest.approx(0.0, abs=1e-12)
    assert moved(measured(0.0056)) > 0
    assert moved(measured(0.0054)) < 0


def test_after_a_bad_half_day_misses_count_up_to_four_times() -> None:
    usual = moved(measured(0.05))
    assert moved(measured(0.05, recent_late_share=0.02)) == pytest.approx(2 * usual)
    assert moved(measured(0.05, recent_late_share=0.5)) == pytest.approx(4 * usual)


def test_after_a_spotless_half_day_the_level_sinks_up_to_four_times_as_fast() -> None:
    usual = moved(measured(0.0))
    assert moved(measured(0.0, recent_late_share=0.0025)) == pytest.approx(2 * usual)
    assert moved(measured(0.0, recent_late_share=0.0)) == pytest.approx(4 * usual)


def test_the_level_moves_less_the_longer_it_has_been_moved() -> None:
    at_first, after_a_day, at_last = (
        moved(measured(0.05, seen_seconds=seconds)) for seconds in (0.0, 86400.0, 1e9)
    )
    assert at_first > after_a_day > at_last
    assert at_last == pytest.approx(at_first * 0.045 / 0.3)


def test_a_minute_weighs_by_its_demand_up_to_three_usual_ones() -> None:
    usual = moved(measured(0.05))
    assert moved(measured(0.05, demand=60.0)) == pytest.approx(usual / 10)
    assert moved(measured(0.05, demand=6000.0)) == pytest.approx(3 * usual)


def test_misses_while_restores_were_slow_raise_the_lead_time_and_the_level_like_any() -> None:
    after = update(AT_NINETY_PERCENT, measured(0.5, slow_restores=True), OBJECTIVE)
    assert after.lead_time_quantile > AT_NINETY_PERCENT.lead_time_quantile
    assert after.level == update(AT_NINETY_PERCENT, measured(0.5), OBJECTIVE).level


def test_slow_restores_that_nobody_missed_change_nothing_of_the_lead_time() -> None:
    after = update(AT_NINETY_PERCENT, measured(0.0, slow_restores=True), OBJECTIVE)
    assert after.lead_time_quantile == AT_NINETY_PERCENT.lead_time_quantile


def test_a_raised_lead_time_sinks_back_to_the_usual_one_and_not_below() -> None:
    calibration = Calibration(level=2.0, lead_time_quantile=0.901)
    quantiles = []
    for _ in range(20):
        calibration = update(calibration, measured(0.0), OBJECTIVE)
        quantiles.append(calibration.lead_time_quantile)
    assert 0.9 < quantiles[0] < 0.901
    assert quantiles[-1] == 0.9


@given(
    minutes=st.lists(
        st.builds(
            measured,
            st.floats(0.0, 1.0),
            demand=st.floats(0.0, 1e6),
            seconds=st.floats(0.0, 1e5),
            usual_per_second=st.floats(0.0, 1e4),
            recent_late_share=st.floats(0.0, 1.0),
            seen_seconds=st.floats(0.0, 1e9),
            slow_restores=st.booleans(),
        ),
        max_size=30,
    ),
    attainment=st.floats(0.5, 0.9999),
)
def test_the_calibration_stays_in_its_bounds_whatever_is_measured(
    minutes: list[Measured], attainment: float
) -> None:
    calibration = Calibration()
    for minute in minutes:
        calibration = update(calibration, minute, Objective(attainment=attainment))
        assert -2.0 <= calibration.level <= 16.0
        assert 0.9 <= calibration.lead_time_quantile <= 0.995


def test_unending_misses_reach_the_bounds_and_come_back_from_them_at_once() -> None:
    highest = AT_NINETY_PERCENT
    for _ in range(300):
        highest = update(highest, measured(1.0, recent_late_share=1.0), OBJECTIVE)
    assert highest.level == 16.0
    assert update(highest, measured(0.0), OBJECTIVE).level < 16.0
    lowest = Calibration(level=-2.0)
    assert update(lowest, measured(0.0), OBJECTIVE).level == -2.0


def test_a_level_covers_the_quantile_that_it_stands_on() -> None:
    assert [covered(float(level)) for level in range(5)] == pytest.approx(list(QUANTILES))
    assert covered(1.5) == pytest.approx(0.85)
    assert (covered(-2.0), covered(16.0)) == (0.2, 0.99)


VALUES = np.array([[10.0, 12.0, 14.0, 16.0, 20.0], [0.0, 2.0, 3.0, 4.0, 5.0]])


def demand(level: float, *, peak_per_second: float = 0.0) -> list[float]:
    """Return demand of two steps at a level."""
    return list(demand_at(VALUES, level, peak_per_second=peak_per_second))


def test_between_quantiles_demand_is_interpolated() -> None:
    assert demand(0.0) == [10.0, 0.0]
    assert demand(1.5) == [13.0, 2.5]
    assert demand(4.0) == [20.0, 5.0]


def test_below_the_median_demand_falls_as_it_rises_above_it_but_never_below_zero() -> None:
    assert demand(-1.0) == [9.0, 0.0]
    assert demand(-2.0) == [8.0, 0.0]


def test_beyond_the_last_quantile_demand_grows_by_fifteen_percent_a_unit() -> None:
    assert demand(5.0, peak_per_second=100.0) == pytest.approx([23.0, 5.75])
    assert demand(6.0, peak_per_second=100.0) == pytest.approx([26.45, 6.6125])


def test_beyond_the_last_quantile_demand_is_hardly_more_than_was_ever_seen() -> None:
    assert demand(16.0, peak_per_second=20.0) == pytest.approx([22.0, 22.0])
    assert demand(16.0, peak_per_second=1.0) == [20.0, 5.0]


@given(low=LEVELS, high=LEVELS, peak=st.floats(0.0, 50.0))
def test_a_higher_level_never_means_less_demand(low: float, high: float, peak: float) -> None:
    low, high = sorted((low, high))
    at_low = np.array(demand(low, peak_per_second=peak))
    assert (np.array(demand(high, peak_per_second=peak)) >= at_low - 1e-9).all()


@given(share=st.floats(0.2, 0.99))
def test_a_level_that_covers_a_share_covers_it(share: float) -> None:
    assert covered(level_covering(share)) == pytest.approx(share)


def test_beyond_the_last_quantile_rarer_misses_take_higher_levels_up_to_the_bound() -> None:
    levels = [level_covering(share) for share in (0.99, 0.999, 0.9999, 1.0)]
    assert levels == sorted(levels)
    assert levels[1] == pytest.approx(6.0)
    assert level_covering(1.0) <= 16.0
