"""Features of an origin, for the fitted experts: all from demand up to the origin.

Lags and levels are relative to a short level, in logarithms, so that one model serves any
scale. Realized changes at the same time of earlier cycles and days tell of what recurs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray

_LAGS = (0, 1, 2, 3, 5, 10)
LEVEL_HALF_LIFE = 2.0
#: Of what is known of an origin beside its level.
HALF_LIVES, ROUGH_HALF_LIVES = (6.0, 20.0, 60.0, 300.0), (6.0, 60.0)
DAY_SECONDS, HOUR_SECONDS = 86400.0, 3600.0
_DAYS_BACK = (1, 2, 3, 7)
_CYCLES_BACK = (1, 2, 3)
#: What is no whole number of steps ago is taken from the nearest, if that is no further aside.
_MOST_ASIDE = 0.02
# A season must have been seen a few times before its sines mean anything.
_SHORTEST_FOR_CYCLES = 3
_SHORTEST_FOR_DAYS = 2 * 86400.0
_SHORTEST_FOR_WEEKS = 9 * 86400.0


def filled(demand: FloatArray) -> FloatArray:
    """Return demand with each missing step taking the value before it, 0 before the first."""
    known = ~np.isnan(demand)
    if known.all():
        return demand
    last = np.maximum.accumulate(np.where(known, np.arange(len(demand)), -1))
    return np.asarray(np.where(last >= 0, demand[np.maximum(last, 0)], 0.0))


def ewma(values: FloatArray, half_life: float) -> FloatArray:
    """Return exponentially weighted means, the half-life in steps."""
    if not len(values):
        return values
    # Here, so that only who fits or asks fitted models loads it: 80 MiB.
    from scipy.signal import lfilter

    keep = 0.5 ** (1.0 / half_life)
    return np.asarray(lfilter([1.0 - keep], [1.0, -keep], values, zi=values[:1] * keep)[0])


def offset_of(demand: FloatArray, *, step_seconds: float) -> float:
    """Return what is added before logarithms: a request a step, or 2 % of the median."""
    known = demand[~np.isnan(demand)]
    middle = float(np.median(known)) if len(known) else 0.0
    return max(1.0 / step_seconds, 0.02 * middle)


class Features(ABC):
    """Features of origins of one series; the steps are numbered from its first.

    ``demand`` is filled demand per second, its first step starting at ``start`` (epoch seconds);
    ``offset`` is added before logarithms; ``level_half_life``, in steps, is of the level that all
    is relative to. ``cycle_seconds`` is after how long demand recurs within a day.
    """

    def __init__(
        self,
        demand: FloatArray,
        *,
        start: float,
        step_seconds: float,
        offset: float,
        level_half_life: float = LEVEL_HALF_LIFE,
        cycle_seconds: float = HOUR_SECONDS,
    ) -> None:
        """Keep what is needed."""
        self._demand, self._offset = demand, offset
        self._level_half_life, self._cycle = level_half_life, cycle_seconds
        self._start, self._step = start, step_seconds
        # Trees and lines ask for the same pairs, one after the other.
        self._recurred: tuple[NDArray[np.intp], NDArray[np.intp], list[FloatArray]] | None = None

    @property
    def offset(self) -> float:
        """Return what is added before logarithms."""
        return self._offset

    @abstractmethod
    def log_at(self, steps: NDArray[np.intp]) -> FloatArray:
        """Return the logarithm of demand of steps."""

    @abstractmethod
    def level_at(self, steps: NDArray[np.intp]) -> FloatArray:
        """Return the logarithm of the level after steps."""

    @abstractmethod
    def smooth(self, origins: NDArray[np.intp]) -> list[FloatArray]:
        """Return longer levels, in logarithms, and how rough demand was, after origins."""

    def of_origins(self, origins: NDArray[np.intp]) -> FloatArray:
        """Return what does not depend on the horizon, shape [origins, features]."""
        level = self.level_at(origins)
        columns = [self.log_at(np.maximum(origins - lag, 0)) - level for lag in _LAGS]
        smooth = self.smooth(origins)
        columns += [values - level for values in smooth[: len(HALF_LIVES)]]
        columns += smooth[len(HALF_LIVES) :]
        columns.append(level)
        return np.column_stack(columns)

    def of_horizons(self, origins: NDArray[np.intp], ahead: NDArray[np.intp]) -> FloatArray:
        """Return what depends on the step forecast, shape [pairs, features].

        ``origins`` and ``ahead`` have equal length; ``ahead`` is in steps. The hour is whole, and
        the weekday is not among it: by its exact time in a day or a week, which came but a few
        times, trees would know each past burst.
        """
        end = self._start + (origins + ahead + 0.5) * self._step
        clock = [end % DAY_SECONDS // HOUR_SECONDS, end % self._cycle / 60]
        return np.column_stack([ahead * self._step, *clock, *self._recurring(origins, ahead)])

    def seasons(
        self, origins: NDArray[np.intp], ahead: NDArray[np.intp], *, history_seconds: float
    ) -> FloatArray:
        """Return what recurs, for a linear model of each horizon, shape [pairs, features].

        Sines only of the cycles that a history so long has seen a few times.
        """
        end = self._start + (origins + ahead + 0.5) * self._step
        columns = [*self._recurring(origins, ahead)]
        if history_seconds >= _SHORTEST_FOR_CYCLES * self._cycle:
            columns += _waves(end, self._cycle, harmonics=2)
        if history_seconds >= _SHORTEST_FOR_DAYS:
            columns += _waves(end, DAY_SECONDS, harmonics=3)
        if history_seconds >= _SHORTEST_FOR_WEEKS:
            columns.append(((end // DAY_SECONDS + 3) % 7 >= 5).astype(float))
        return np.column_stack(columns)

    def _recurring(self, origins: NDArray[np.intp], ahead: NDArray[np.intp]) -> list[FloatArray]:
        """Return what came after the same moment of earlier days and cycles, 0 where unknown."""
        if self._recurred is not None:
            of, steps, known_columns = self._recurred
            if np.array_equal(of, origins) and np.array_equal(steps, ahead):
                return known_columns
        # Of cycles shorter than what is ahead, what followed is over only in earlier ones.
        passed = np.maximum(np.ceil(ahead * self._step / self._cycle - 1e-9), 1.0) - 1.0
        columns: list[FloatArray] = []
        for cycle, counts, more in (
            (DAY_SECONDS, _DAYS_BACK, np.zeros(1)),
            (self._cycle, _CYCLES_BACK, passed),
        ):
            past = np.stack([self._change(origins, ahead, (n + more) * cycle) for n in counts])
            known = ~np.isnan(past)
            count = np.maximum(known.sum(axis=0), 1)
            columns += [
                np.where(known, past, 0.0).sum(axis=0) / count,
                np.where(known, past, -np.inf).max(axis=0, initial=-np.inf),
                np.where(known, past, np.inf).min(axis=0, initial=np.inf),
                past[0],
            ]
        columns = [np.where(np.isfinite(column), column, 0.0) for column in columns]
        self._recurred = origins, ahead, columns
        return columns

    def _change(
        self, origins: NDArray[np.intp], ahead: NDArray[np.intp], back_seconds: FloatArray
    ) -> FloatArray:
        """Return the log change that followed the same moment of an earlier cycle."""
        back = np.rint(back_seconds / self._step).astype(np.intp)
        is_near = np.abs(back * self._step - back_seconds) <= _MOST_ASIDE * back_seconds
        then = origins - back
        # What followed then must itself lie at or before the origin.
        usable = is_near & (back >= 1) & (then >= 0) & (ahead <= back)
        safe, target = np.maximum(then, 0), np.clip(then + ahead, 0, len(self._demand) - 1)
        return np.where(usable, self.log_at(target) - self.level_at(safe), np.nan)


class FeatureMaker(Features):
    """Features of many origins, from running quantities over the whole span."""

    @cached_property
    def _log(self) -> FloatArray:
        return np.asarray(np.log(self._demand + self._offset))

    @cached_property
    def _level(self) -> FloatArray:
        return self._log_mean(self._level_half_life)

    @cached_property
    def _smooth(self) -> list[FloatArray]:
        change = np.abs(np.diff(self._log, prepend=self._log[:1]))
        roughs = [ewma(change, half_life) for half_life in ROUGH_HALF_LIVES]
        return [*(self._log_mean(half_life) for half_life in HALF_LIVES), *roughs]

    def _log_mean(self, half_life: float) -> FloatArray:
        return np.asarray(np.log(ewma(self._demand, half_life) + self._offset))

    def log_at(self, steps: NDArray[np.intp]) -> FloatArray:
        """Look it up."""
        return np.asarray(self._log[steps])

    def level_at(self, steps: NDArray[np.intp]) -> FloatArray:
        """Look it up."""
        return np.asarray(self._level[steps])

    def smooth(self, origins: NDArray[np.intp]) -> list[FloatArray]:
        """Look them up."""
        return [values[origins] for values in self._smooth]


class MakesFeatures(Protocol):
    """Makes features of one history, relative to a level of so many steps' half-life."""

    def __call__(self, *, level_half_life: float) -> FeatureMaker:
        """Make them."""


def _waves(
    times: NDArray[np.floating], cycle_seconds: float, *, harmonics: int
) -> list[FloatArray]:
    angle = 2 * np.pi * (times % cycle_seconds) / cycle_seconds
    return [wave(n * angle) for n in range(1, harmonics + 1) for wave in (np.sin, np.cos)]
