"""A forecast that somebody else made: whether it can be used, and has earned it. Pure.

Nobody is believed for having spoken. What is too old or absurd is refused in words; the rest is
scored on the live series against our own forecast, and used only while it loses less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from models.forecast import FloatArray, Forecast
from models.scores import pinball_loss
from models.series import DemandSeries

#: Older than this, a forecast says nothing that our own does not know better.
OLDEST_SECONDS = 600.0
#: Clocks differ; further ahead than this a forecast was not made yet.
AHEAD_SECONDS = 60.0
#: The highest value that is believed, as a multiple of what was measured or is forecast by us.
MOST_MULTIPLE = 10.0
#: Quantiles are read between those given, not beyond: at least these must be among them.
LEAST_QUANTILE, MOST_QUANTILE = 0.5, 0.95
#: Both are scored this many steps ahead, from so many steps on, and the past fades.
SCORED_AHEAD, ENOUGH_STEPS = 6, 30
_KEEP = 0.99
_MOST_PENDING = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """What we and the others said of one step, by quantile."""

    own: FloatArray
    told: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldScore:
    """Both forecasts' discounted losses over the steps that both foretold.

    ``pending`` has what was said of steps to come, by their end; ``noted_at`` is when the newest
    of our forecasts was issued that is among them.
    """

    own_loss: float = 0.0
    told_loss: float = 0.0
    steps: int = 0
    noted_at: float = 0.0
    pending: Mapping[float, _Pair] = field(default_factory=dict)

    @property
    def has_earned_trust(self) -> bool:
        """Say whether the others' forecast is used."""
        return self.steps >= ENOUGH_STEPS and self.told_loss < self.own_loss


def refuse_ahead(told: Forecast, *, now: float) -> None:
    """Refuse a forecast that was not made yet.

    Raises:
        ValueError: saying how far ahead its time is.
    """
    ahead_seconds = told.issued_at - now
    if ahead_seconds > AHEAD_SECONDS:
        raise ValueError(
            f"forecast.issuedAt: {ahead_seconds:.0f} s ahead, {AHEAD_SECONDS:.0f} s are allowed"
        )


def fitted(told: Forecast, own: Forecast, *, measured: float, now: float) -> Forecast:
    """Return the others' forecast on our own's steps and quantiles.

    ``measured`` is the newest demand per second. Where it does not reach, it is our own.

    Raises:
        ValueError: saying why it can't be used.
    """
    age = now - told.issued_at
    if not -AHEAD_SECONDS <= age <= OLDEST_SECONDS:
        raise ValueError(f"is {age:.0f} s old, {OLDEST_SECONDS:.0f} s are allowed")
    if told.quantiles[0] > LEAST_QUANTILE or told.quantiles[-1] < MOST_QUANTILE:
        raise ValueError(f"has no quantiles from {LEAST_QUANTILE} to {MOST_QUANTILE}")
    most = MOST_MULTIPLE * max(measured, float(own.values.max(initial=0.0)))
    highest = float(told.values.max(initial=0.0))
    if highest > most:
        raise ValueError(f"foretells {highest:.4g} per second, {most:.4g} are believed")
    middles = own.issued_at + own.step_seconds * (np.arange(len(own.values)) + 0.5)
    steps = np.floor((middles - told.issued_at) / told.step_seconds).astype(np.intp)
    reached = (steps >= 0) & (steps < len(told.values))
    if not reached.any():
        raise ValueError("does not reach into the time that is planned for")
    values = own.values.copy()
    for row in np.flatnonzero(reached):
        values[row] = np.interp(own.quantiles, told.quantiles, told.values[steps[row]])
    return Forecast(
        workload=own.workload,
        issued_at=own.issued_at,
        step_seconds=own.step_seconds,
        quantiles=own.quantiles,
        values=values,
        basis=f"{told.basis}, told by others",
    )


def noted(score: ToldScore, own: Forecast, told: Forecast) -> ToldScore:
    """Keep what both say of a step ahead, once for each of our forecasts."""
    if own.issued_at <= score.noted_at or not len(own.values):
        return score
    row = min(SCORED_AHEAD, len(own.values)) - 1
    end = own.issued_at + (row + 1) * own.step_seconds
    pending = {**score.pending, end: _Pair(own=own.values[row], told=told.values[row])}
    for oldest in sorted(pending)[: max(0, len(pending) - _MOST_PENDING)]:
        del pending[oldest]
    return replace(score, pending=pending, noted_at=own.issued_at)


def scored(score: ToldScore, series: DemandSeries, quantiles: tuple[float, ...]) -> ToldScore:
    """Take in measured steps."""
    pending = dict(score.pending)
    own_loss, told_loss, steps = score.own_loss, score.told_loss, score.steps
    for end in sorted(end for end in pending if end <= series.end + 1e-6):
        pair = pending.pop(end)
        index = round((end - series.start) / series.step_seconds) - 1
        if not 0 <= index < len(series.values) or np.isnan(series.values[index]):
            continue
        demand = series.values[index : index + 1]
        own_loss = _KEEP * own_loss + _loss(demand, pair.own, quantiles)
        told_loss = _KEEP * told_loss + _loss(demand, pair.told, quantiles)
        steps += 1
    return replace(score, pending=pending, own_loss=own_loss, told_loss=told_loss, steps=steps)


def _loss(demand: FloatArray, said: FloatArray, quantiles: tuple[float, ...]) -> float:
    pairs = zip(quantiles, said, strict=True)
    return float(sum(pinball_loss(demand, np.array([one]), level)[0] for level, one in pairs))
