"""What recorded demand is between, before and after the bins of its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.live_run import PER_RATE, RECORDED
from tests.parts.traffic import Trace, recorded

TRACE = Trace(rates=[10.0, 20.0, 40.0], bin_seconds=2.0, began_at=100.0)


@pytest.mark.parametrize(
    ("at", "per_second"),
    [(0.0, 10.0), (101.0, 10.0), (102.0, 15.0), (103.0, 20.0), (104.5, 35.0), (900.0, 40.0)],
)
def test_demand_is_a_straight_line_between_the_middles_of_bins(
    at: float, per_second: float
) -> None:
    assert TRACE.per_second(at) == pytest.approx(per_second)


def test_demand_stays_what_it_is_when_it_is_to_stay() -> None:
    stays = Trace(rates=TRACE.rates, bin_seconds=2.0, began_at=100.0, stays_at=102.0)
    assert stays.per_second(101.5) == TRACE.per_second(101.5)
    assert stays.per_second(104.0) == TRACE.per_second(102.0)


def test_the_counter_begins_with_the_trace_and_counts_whole_requests() -> None:
    assert TRACE.counter(104.0) == [(100, 0.0), (101, 10.0), (102, 22.0), (103, 40.0)]


def test_a_gap_in_the_record_is_crossed_by_a_straight_line(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("second,requests\n0,100\n600,0\n1200,300\n", encoding="utf-8")
    assert recorded(file, per_rate=100.0) == pytest.approx([1.0, 2.0, 3.0])


def test_the_recorded_days_are_whole_and_have_no_gap_left() -> None:
    rates = recorded(RECORDED, per_rate=PER_RATE)
    assert len(rates) == 9 * 144
    assert min(rates) > 5
    assert max(rates) < 70
