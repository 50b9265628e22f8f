"""Rows of a batch come, go, fall behind and catch up; each is forecast as if it were alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from models.batch import Batch, Feed
from models.fitted import Learned
from models.horizons import grid_of
from models.portfolio import Portfolio

NAN = float("nan")
GRID = grid_of((1, 2, 5))
STEP_SECONDS = 10.0
START = 86_400.0 * 19_000
levels = st.one_of(st.just(NAN), st.just(0.0), st.floats(0.1, 1e3))


@dataclass
class Alone:
    """One workload as one portfolio has it: the way that the portfolio's own tests go."""

    begun_at: float
    portfolio: Portfolio = field(default_factory=lambda: Portfolio(GRID, step_seconds=STEP_SECONDS))
    taken: int = 0

    @property
    def until(self) -> float:
        return self.begun_at + self.taken * STEP_SECONDS

    def take(self, demand: list[float], learned: Learned | None) -> None:
        for number, value in enumerate(demand, start=1):
            self.taken += 1
            said = learned if number == len(demand) else None
            self.portfolio.advance(self.until, np.array([value]), said)


def a_batch(*, most_together: int = 128) -> Batch:
    return Batch(GRID, step_seconds=STEP_SECONDS, most_together=most_together)


def said(level: float) -> Learned:
    quantiles = np.full((1, len(GRID), 5), level)
    return Learned(points=quantiles[..., 0], boosted=quantiles, linear=quantiles)


def as_if_alone(batch: Batch, rows: dict[int, Alone]) -> None:
    for row, alone in rows.items():
        expected = alone.portfolio.quantiles[0]
        assert batch.quantiles(row) == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)
        assert batch.is_gated(row) == alone.portfolio.is_gated[0]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_rows_that_come_and_go_are_forecast_as_if_they_were_alone(data: st.DataObject) -> None:
    batch = a_batch(most_together=data.draw(st.integers(1, 6), label="most together"))
    rows: dict[int, Alone] = {}
    for _ in range(data.draw(st.integers(1, 12), label="rounds")):
        for _ in range(data.draw(st.integers(0, 3), label="new")):
            begun_at = START + STEP_SECONDS * data.draw(st.integers(-8, 8))
            rows[batch.add()] = Alone(begun_at)
        gone = data.draw(
            st.lists(st.sampled_from(sorted(rows)), max_size=2) if rows else st.just([])
        )
        batch.drop(gone)
        for row in set(gone):
            del rows[row]
        feeds = []
        for row, alone in rows.items():
            demand = data.draw(st.lists(levels, max_size=6), label=f"steps of {row}")
            learned = data.draw(st.sampled_from([None, said(3.0), said(70.0)]))
            feeds.append(Feed(row=row, start=alone.until, demand=np.array(demand), learned=learned))
            alone.take(demand, learned)
        batch.learn(feeds)
        assert len(batch) == len(rows)
        as_if_alone(batch, rows)


def test_rows_taken_in_at_once_are_forecast_as_if_they_were_alone_for_long() -> None:
    chance = np.random.default_rng(4)
    batch, rows = a_batch(most_together=4), {}
    for number in range(7):
        row = batch.add()
        rows[row] = Alone(START - number * 200.0)
    for steps in (320, 1, 1, 60):
        feeds = []
        for number, (row, alone) in enumerate(rows.items()):
            late = steps == 1 and chance.random() < 0.4
            demand = chance.gamma(4.0, 2.0 + number, 0 if late else steps)
            demand[chance.random(len(demand)) < 0.05] = NAN
            feeds.append(Feed(row=row, start=alone.until, demand=demand))
            alone.take(list(demand), None)
        batch.learn(feeds)
        as_if_alone(batch, rows)


def test_rows_at_one_time_stand_in_as_few_arrays_as_they_fit() -> None:
    batch = a_batch(most_together=3)
    rows = [batch.add() for _ in range(5)]
    batch.learn(Feed(row=row, start=START, demand=np.array([5.0, 6.0])) for row in rows)
    assert batch.sizes == (2, 3)
    late = START + 2 * STEP_SECONDS
    batch.learn(Feed(row=row, start=late, demand=np.array([7.0])) for row in rows[1:])
    assert 1 in batch.sizes
    batch.learn([Feed(row=rows[0], start=late, demand=np.array([7.0]))])
    later = late + STEP_SECONDS
    batch.learn(Feed(row=row, start=later, demand=np.array([8.0])) for row in rows)
    assert batch.sizes == (2, 3)


def test_a_row_of_which_nothing_was_said_has_no_forecast() -> None:
    batch = a_batch()
    row = batch.add()
    assert np.isnan(batch.quantiles(row)).all()
    batch.learn([Feed(row=row, start=START, demand=np.array([]))])
    assert np.isnan(batch.quantiles(row)).all()


def test_steps_that_begin_between_two_others_are_no_hindrance() -> None:
    batch = a_batch()
    first, second = batch.add(), batch.add()
    odd = Alone(START + 0.7 * STEP_SECONDS)
    even = Alone(START)
    for row, alone in ((first, even), (second, odd)):
        alone.take([4.0, 7.0, 5.0], None)
        batch.learn([Feed(row=row, start=alone.begun_at, demand=np.array([4.0, 7.0, 5.0]))])
    feeds = [
        Feed(row=first, start=even.until, demand=np.array([1.0, 2.0])),
        Feed(row=second, start=odd.until, demand=np.array([3.0, 9.0])),
    ]
    even.take([1.0, 2.0], None)
    odd.take([3.0, 9.0], None)
    batch.learn(feeds)
    as_if_alone(batch, {first: even, second: odd})


def test_who_is_let_go_leaves_the_others_as_they_were() -> None:
    batch = a_batch()
    rows = [batch.add() for _ in range(3)]
    batch.learn(Feed(row=row, start=START, demand=np.array([5.0 + row])) for row in rows)
    before = [batch.quantiles(row).copy() for row in rows]
    batch.drop([rows[1], 99])
    assert len(batch) == 2
    assert_array_equal(batch.quantiles(rows[0]), before[0])
    assert_array_equal(batch.quantiles(rows[2]), before[2])


def test_portfolios_at_different_times_are_not_joined() -> None:
    one, other = Alone(START), Alone(START)
    one.take([5.0], None)
    other.take([5.0, 6.0], None)
    with pytest.raises(ValueError, match="at the same time alone"):
        one.portfolio.joined([other.portfolio])
