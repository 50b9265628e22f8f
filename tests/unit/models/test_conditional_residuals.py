from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from models.conditional_residuals import ConditionalResiduals, kinds_of
from models.forecast import FloatArray
from models.residuals import ResidualQuantiles

NAN = float("nan")
CELLS = (2, 3)
LOW, USUAL, HIGH, HIGHEST = range(4)


def everywhere(value: float) -> FloatArray:
    return np.full(CELLS, value)


def of_kind(kind: int) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    return np.full(CELLS, kind, dtype=np.intp)


def test_a_forecast_is_of_the_kind_that_its_share_of_the_usual_demand_says() -> None:
    points = np.array([0.0, 4.9, 5.1, 10.0, 10.1, 20.0, 20.1, NAN])
    assert_array_equal(
        kinds_of(points, np.array(10.0)), [LOW, LOW, USUAL, USUAL, HIGH, HIGH, HIGHEST, LOW]
    )


def test_before_anything_is_usual_all_forecasts_are_of_one_kind() -> None:
    assert len(set(kinds_of(np.array([0.0, 1.0, 1e6]), np.array(NAN)))) == 1


def test_residuals_out_of_calm_do_not_widen_the_forecasts_of_other_times() -> None:
    generator = np.random.default_rng(3)
    known = ConditionalResiduals(CELLS, memory_steps=1000.0)
    for _ in range(300):
        known.add(generator.normal(0.0, 0.1, CELLS), of_kind(USUAL))
    before = known.of(of_kind(USUAL)).quantiles
    for _ in range(30):
        known.add(everywhere(4.0), of_kind(LOW))
    assert_array_equal(known.of(of_kind(USUAL)).quantiles, before)
    assert (known.of(of_kind(LOW)).quantiles[-1] > 3.0).all()


def test_a_kind_that_was_never_seen_is_lent_what_the_newest_taught() -> None:
    generator = np.random.default_rng(4)
    known = ConditionalResiduals(CELLS, memory_steps=1000.0)
    for kind, spread in ((LOW, 3.0), (USUAL, 1.0)):
        for _ in range(200):
            known.add(generator.normal(0.0, spread, CELLS), of_kind(kind))
    lent, usual = known.of(of_kind(HIGHEST)), known.of(of_kind(USUAL))
    assert_array_equal(lent.quantiles, usual.quantiles)
    assert (lent.count < usual.count).all()


def test_what_is_lent_soon_gives_way_to_what_the_kind_itself_teaches() -> None:
    generator = np.random.default_rng(5)
    known = ConditionalResiduals(CELLS, memory_steps=1000.0)
    for _ in range(1000):
        known.add(generator.normal(0.0, 1.0, CELLS), of_kind(USUAL))
    for _ in range(150):
        known.add(generator.normal(0.0, 0.1, CELLS), of_kind(HIGH))
    surest = [known.of(of_kind(kind)).quantiles[-1].mean() for kind in (HIGH, USUAL)]
    assert surest[0] < 0.3 * surest[1]


def test_each_cell_learns_of_its_own_kind() -> None:
    kinds = np.array([[LOW, USUAL, HIGH], [HIGHEST, LOW, USUAL]], dtype=np.intp)
    known = ConditionalResiduals(CELLS, memory_steps=1000.0)
    alone = [ResidualQuantiles((1,), memory_steps=1000.0) for _ in range(kinds.size)]
    generator = np.random.default_rng(5)
    for _ in range(100):
        residuals = generator.normal(0.0, 1.0, CELLS)
        known.add(residuals, kinds)
        for one, residual in zip(alone, residuals.ravel(), strict=True):
            one.add(np.array([residual]))
    found = known.of(kinds).quantiles.reshape(5, -1)
    for place, one in enumerate(alone):
        assert found[:, place] == pytest.approx(one.quantiles[:, 0], rel=1e-12)


def test_a_missing_residual_teaches_nothing() -> None:
    known = ConditionalResiduals(CELLS, memory_steps=1000.0)
    for value in np.random.default_rng(6).normal(0.0, 1.0, 40):
        known.add(everywhere(value), of_kind(LOW))
    before = known.of(of_kind(LOW))
    known.add(everywhere(NAN), of_kind(HIGH))
    for kind in (LOW, HIGH):
        assert_array_equal(known.of(of_kind(kind)).quantiles, before.quantiles)
    assert_array_equal(known.of(of_kind(LOW)).count, before.count)


def test_workloads_are_taken_out_and_joined_as_if_each_had_been_alone() -> None:
    generator = np.random.default_rng(7)
    both = ConditionalResiduals((2, 2), memory_steps=1000.0)
    alone = [ConditionalResiduals((2, 1), memory_steps=1000.0) for _ in range(2)]
    for _ in range(60):
        residuals, kinds = generator.normal(0.0, 1.0, (2, 2)), generator.integers(0, 4, (2, 2))
        both.add(residuals, kinds)
        for place, one in enumerate(alone):
            one.add(residuals[:, [place]], kinds[:, [place]])
    kinds = generator.integers(0, 4, (2, 2))
    parted = [both.taken(np.array([place])) for place in range(2)]
    for place, one in enumerate(alone):
        column = kinds[:, [place]]
        assert_array_equal(parted[place].of(column).quantiles, one.of(column).quantiles)
    again = parted[0].joined([parted[1]])
    assert_array_equal(again.of(kinds).quantiles, both.of(kinds).quantiles)
