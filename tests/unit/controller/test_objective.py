import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.objective import (
    LevelWeights,
    covered,
    demand_at,
    highest_demand,
    lead_quantile_after,
    level_covering,
)
from models.forecast import QUANTILES

LEVELS = st.floats(-2.0, 16.0)


def lead_quantile(
    before: float, late_share: float, *, is_slow: bool, minutes: float = 1.0
) -> float:
    """Return the lead time's quantile after a while of which 1 % may be late."""
    return lead_quantile_after(
        before,
        seconds=60.0 * minutes,
        late_share=late_share,
        allowed=0.01,
        slow_restores=is_slow,
    )


def test_late_demand_while_restores_were_slow_raises_the_lead_time() -> None:
    assert lead_quantile(0.9, 0.5, is_slow=True) == pytest.approx(0.915)


def test_late_demand_while_none_was_slow_says_nothing_of_the_lead_time() -> None:
    assert lead_quantile(0.9, 0.5, is_slow=False) == 0.9


def test_slow_restores_that_nobody_missed_change_nothing_of_the_lead_time() -> None:
    assert lead_quantile(0.9, 0.009, is_slow=True) == 0.9


def test_a_raised_lead_time_sinks_back_to_the_usual_one_and_not_below() -> None:
    assert lead_quantile(0.92, 0.0, is_slow=True) == pytest.approx(0.9198)
    assert lead_quantile(0.92, 0.0, is_slow=False, minutes=600.0) == 0.9


@given(before=st.floats(0.9, 0.995), late_share=st.floats(0.0, 1.0), is_slow=st.booleans())
def test_the_lead_times_quantile_stays_in_its_bounds(
    before: float, late_share: float, is_slow: bool
) -> None:
    assert 0.9 <= lead_quantile(before, late_share, is_slow=is_slow, minutes=60.0) <= 0.995


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


@given(
    levels=st.lists(LEVELS, min_size=1, max_size=9),
    workloads=st.lists(
        st.tuples(
            st.floats(0.0, 50.0),
            st.lists(
                st.lists(st.floats(0.0, 30.0), min_size=5, max_size=5).map(sorted),
                min_size=1,
                max_size=5,
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_the_highest_demand_of_many_workloads_and_levels_is_that_of_each(
    levels: list[float], workloads: list[tuple[float, list[list[float]]]]
) -> None:
    values = [np.array(rows) for _, rows in workloads]
    peaks = [peak for peak, _ in workloads]
    each = [
        [demand_at(rows, level, peak_per_second=peak).max() for level in levels]
        for rows, peak in zip(values, peaks, strict=True)
    ]
    found = highest_demand(
        np.concatenate(values),
        [sum(len(rows) for rows in values[:number]) for number in range(len(values))],
        LevelWeights.of(np.array(levels)),
        peak_per_second=np.array(peaks),
    )
    assert found == pytest.approx(np.array(each))
