"""Portfolios of many workloads, in as few arrays as what they have learned so far allows.

Rows come and go, and are at different times: one whose history is read back, one whose source is
late. Those that take in the same step stand in one array while they do; a row that falls behind is
taken out, and joins again where it meets others. What a row is forecast depends on no other row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.fitted import Learned, side_by_side
from models.forecast import QUANTILES, FloatArray
from models.horizons import HorizonGrid
from models.portfolio import Portfolio

#: Rows in one array: more save little overhead, and cost more to take a row out of.
MOST_TOGETHER = 128


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feed:
    """Steps that a row is to take in: their demand per second, the first beginning at ``start``.

    ``learned`` is what fitted models say of the last of them.
    """

    row: int
    start: float
    demand: FloatArray
    learned: Learned | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class _Cohort:
    """Rows that have taken in the same steps of late."""

    rows: list[int]
    portfolio: Portfolio


class Batch:
    """Forecasts of rows that share a step and a grid of horizons; a row is a number."""

    def __init__(
        self, grid: HorizonGrid, *, step_seconds: float, most_together: int = MOST_TOGETHER
    ) -> None:
        """Begin without rows."""
        self.grid, self.step_seconds = grid, step_seconds
        self._most_together = most_together
        self._numbers = itertools.count()
        self._cohorts: dict[int, _Cohort] = {}
        # In the order in which they came: what a row needs is made with its first step, for all
        # that begin with it at once. Thousands of small portfolios, each copied into a larger one
        # at once, would take twice the memory.
        self._new: dict[int, None] = {}

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._cohorts) + len(self._new)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many rows stand in each array, ascending."""
        cohorts = {id(cohort): len(cohort.rows) for cohort in self._cohorts.values()}
        return tuple(sorted(cohorts.values()))

    def add(self) -> int:
        """Return a new row, of which nothing is known."""
        row = next(self._numbers)
        self._new[row] = None
        return row

    def drop(self, rows: Iterable[int]) -> None:
        """Let go of rows."""
        gone = set(rows)
        for cohort in {id(one): one for row in gone if (one := self._cohorts.get(row))}.values():
            self._part(cohort, [row for row in cohort.rows if row not in gone])
        for row in gone:
            self._cohorts.pop(row, None)
            self._new.pop(row, None)

    def quantiles(self, row: int) -> FloatArray:
        """Return a row's forecast, [horizons, quantiles] per second; NaN before there is one."""
        if row in self._new:
            return np.full((len(self.grid), len(QUANTILES)), np.nan)
        cohort = self._cohorts[row]
        return np.asarray(cohort.portfolio.quantiles[cohort.rows.index(row)])

    def is_gated(self, row: int) -> bool:
        """Say whether a row is forecast by the plain mean alone."""
        if row in self._new:
            return False
        cohort = self._cohorts[row]
        return bool(cohort.portfolio.is_gated[cohort.rows.index(row)])

    def learn(self, feeds: Iterable[Feed]) -> None:
        """Take in steps of rows, one feed a row, in the order of time."""
        waiting = {feed.row: feed for feed in feeds if len(feed.demand)}
        while waiting:
            together, count = self._next(waiting.values())
            start = together[0].start
            said = {feed.row: feed for feed in together}
            for cohort in self._arranged(list(said)):
                self._play(cohort, said, start, count)
            for feed in together:
                del waiting[feed.row]
                if len(feed.demand) > count:
                    waiting[feed.row] = Feed(
                        row=feed.row,
                        start=start + count * self.step_seconds,
                        demand=feed.demand[count:],
                        learned=feed.learned,
                    )

    def _next(self, waiting: Iterable[Feed]) -> tuple[list[Feed], int]:
        """Return the feeds that begin first, and how many steps they go together."""
        feeds = sorted(waiting, key=lambda feed: feed.start)
        # Starts are sums of floats.
        until = feeds[0].start + self.step_seconds / 100
        together = list(itertools.takewhile(lambda feed: feed.start < until, feeds))
        count = min(len(feed.demand) for feed in together)
        if len(together) < len(feeds):
            apart = feeds[len(together)].start - feeds[0].start
            count = min(count, max(1, round(apart / self.step_seconds)))
        return together, count

    def _play(self, cohort: _Cohort, said: Mapping[int, Feed], start: float, count: int) -> None:
        feeds = [said[row] for row in cohort.rows]
        demand = np.ascontiguousarray(np.array([feed.demand[:count] for feed in feeds]).T)
        last = [feed.learned if len(feed.demand) == count else None for feed in feeds]
        learned = side_by_side(last, horizons=len(self.grid))
        for step in range(count):
            end = start + (step + 1) * self.step_seconds
            cohort.portfolio.advance(end, demand[step], learned if step == count - 1 else None)

    def _arranged(self, rows: Sequence[int]) -> list[_Cohort]:
        """Return cohorts of exactly these rows, as few as may be."""
        new = [row for row in rows if row in self._new]
        begun = [self._cohorts[row] for row in rows if row not in self._new]
        wanted, found = set(rows), []
        for cohort in {id(one): one for one in begun}.values():
            mine = [row for row in cohort.rows if row in wanted]
            if len(mine) < len(cohort.rows):
                self._part(cohort, [row for row in cohort.rows if row not in wanted], mine)
            found.append(self._cohorts[mine[0]])
        return self._with_new([self._joined(cohorts) for cohorts in self._packed(found)], new)

    def _with_new(self, cohorts: Sequence[_Cohort], new: Sequence[int]) -> list[_Cohort]:
        """Return these and new rows, which know nothing yet and join anybody who has room."""
        grown, waiting = [], list(new)
        for row in new:
            del self._new[row]
        for cohort in cohorts:
            room = max(self._most_together - len(cohort.rows), 0)
            some, waiting = waiting[:room], waiting[room:]
            if some:
                portfolio = cohort.portfolio.joined([self._nothing_known(len(some))])
                self._place([*cohort.rows, *some], portfolio)
            grown.append(self._cohorts[cohort.rows[0]])
        for at in range(0, len(waiting), self._most_together):
            some = waiting[at : at + self._most_together]
            self._place(some, self._nothing_known(len(some)))
            grown.append(self._cohorts[some[0]])
        return grown

    def _nothing_known(self, rows: int) -> Portfolio:
        return Portfolio(self.grid, step_seconds=self.step_seconds, workloads=rows)

    def _packed(self, cohorts: Sequence[_Cohort]) -> list[list[_Cohort]]:
        """Return which of these to join, the largest first."""
        packed: list[list[_Cohort]] = []
        room: dict[int, int] = {}  # in those that have any, by their places
        for cohort in sorted(cohorts, key=lambda one: -len(one.rows)):
            rows, time = len(cohort.rows), cohort.portfolio.time
            for place, left in room.items():
                if rows <= left and time == packed[place][0].portfolio.time:
                    break
            else:
                place = len(packed)
                packed.append([])
                left = self._most_together
            packed[place].append(cohort)
            room[place] = left - rows
            if room[place] <= 0:
                del room[place]
        return packed

    def _joined(self, cohorts: Sequence[_Cohort]) -> _Cohort:
        if len(cohorts) > 1:
            first, *others = [cohort.portfolio for cohort in cohorts]
            self._place([row for one in cohorts for row in one.rows], first.joined(others))
        return self._cohorts[cohorts[0].rows[0]]

    def _part(self, cohort: _Cohort, *parts: Sequence[int]) -> None:
        """Put the rows of a cohort into cohorts of their own, one a part."""
        for part in parts:
            places = np.array([cohort.rows.index(row) for row in part], dtype=np.intp)
            if len(part):
                self._place(list(part), cohort.portfolio.taken(places))

    def _place(self, rows: list[int], portfolio: Portfolio) -> None:
        cohort = _Cohort(rows=rows, portfolio=portfolio)
        self._cohorts.update(dict.fromkeys(rows, cohort))
