"""Replicas of a shadow's fleets start as they have drawn: each quarter once over all fleets."""

from __future__ import annotations

import numpy as np
import pytest

from controller.drawn_starts import ready_by_lot
from controller.observation import START_QUARTERS

INSTANTS = (0.0, 1008.9, 1009.0, 1_700_000_000.0)


def wanted(*of_quarters: float) -> np.ndarray:
    """Return that each fleet has wanted so many replicas for as long as each quarter takes."""
    each = np.array(of_quarters)[:, None, None]
    return np.repeat(each, START_QUARTERS, axis=1)


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize("replicas", [0, 1, 7, 240, 1000, 10**17])
def test_those_wanted_for_longer_than_any_start_are_all_ready(
    replicas: int, instant: float
) -> None:
    ready = ready_by_lot(wanted(*[float(replicas)] * START_QUARTERS), instant)
    assert ready.tolist() == [[float(replicas)]] * START_QUARTERS


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize(
    "of_quarters", [(1.0, 0.0, 0.0, 0.0), (9.0, 6.0, 4.0, 4.0), (900.0, 300.0, 299.0, 1.0)]
)
def test_over_all_fleets_each_replica_draws_each_quarter_once(
    of_quarters: tuple[float, ...], instant: float
) -> None:
    ready = ready_by_lot(wanted(*of_quarters), instant)
    assert ready.sum() == sum(of_quarters)
    assert (ready >= min(of_quarters)).all()
    assert (ready <= max(of_quarters)).all()


def test_one_replica_more_is_ready_or_not_never_by_a_quarter() -> None:
    ready = ready_by_lot(wanted(6.0, 6.0, 5.0, 5.0), 0.0)
    assert sorted(ready[:, 0].tolist()) == [5.0, 5.0, 6.0, 6.0]


def test_of_many_starts_some_come_soon_and_some_late_and_chance_remains() -> None:
    # A quarter of 100 starts is ready; of counts drawn one by one the variance is 18.75.
    ready = np.array(
        [ready_by_lot(wanted(100.0, 0.0, 0.0, 0.0), 1009.0 * turn)[:, 0] for turn in range(240)]
    )
    assert ready.mean() == 25.0
    # Of 240 draws each quarter has sixty: that leaves somewhat less.
    assert 18.75 / 2 < ready.var() < 18.75
    assert len({tuple(row) for row in ready.tolist()}) > 50


def test_fleets_and_levels_go_by_what_they_have_wanted_themselves() -> None:
    each = np.zeros((START_QUARTERS, START_QUARTERS, 3))
    each[:, 2, 1] = 5.0
    ready = ready_by_lot(each, 0.0)
    assert ready[2, 1] == 5.0
    assert ready.sum() == 5.0
