from __future__ import annotations

import pytest

from controller.flows import Flow, newest_of, with_flow


def noted(*readings: tuple[float, float]) -> tuple[Flow, ...]:
    """Return the flows after readings of some seconds at some demand per second."""
    flows: tuple[Flow, ...] = ()
    for seconds, per_second in readings:
        flows = with_flow(flows, Flow(seconds, per_second))
    return flows


def test_the_newest_flow_is_the_last() -> None:
    assert noted((5.0, 1.0), (5.0, 2.0)) == (Flow(5.0, 1.0), Flow(5.0, 2.0))


def test_readings_alike_are_one_flow() -> None:
    assert noted((5.0, 1.0), (5.0, 2.0), (5.0, 2.0)) == (Flow(5.0, 1.0), Flow(10.0, 2.0))


def test_what_is_older_than_ten_seconds_before_the_newest_is_forgotten() -> None:
    flows = noted(*[(4.0, float(number)) for number in range(20)])
    assert [flow.per_second for flow in flows] == [16.0, 17.0, 18.0, 19.0]


def test_a_long_reading_leaves_those_before_it_that_came_within_ten_seconds() -> None:
    assert noted((4.0, 1.0), (4.0, 2.0), (60.0, 3.0))[0] == Flow(4.0, 1.0)


def test_the_flows_of_the_last_seconds_begin_within_the_first() -> None:
    flows = noted((5.0, 1.0), (5.0, 2.0), (5.0, 3.0))
    assert newest_of(flows, seconds=8.0, demand=21.0) == [Flow(3.0, 2.0), Flow(5.0, 3.0)]


@pytest.mark.parametrize("flows", [(), (Flow(5.0, 3.0),)])
def test_of_what_is_not_remembered_the_mean_is_known(flows: tuple[Flow, ...]) -> None:
    pieces = newest_of(flows, seconds=20.0, demand=75.0)
    assert sum(piece.seconds for piece in pieces) == pytest.approx(20.0)
    assert sum(piece.seconds * piece.per_second for piece in pieces) == pytest.approx(75.0)
    assert pieces[1:] == list(flows)


def test_no_demand_is_below_zero_where_flows_had_more_than_came_in_all() -> None:
    assert newest_of((Flow(5.0, 3.0),), seconds=10.0, demand=14.0)[0] == Flow(5.0, 0.0)
