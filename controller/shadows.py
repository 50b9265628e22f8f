"""Fleets that would have been: one for each level of sureness, had it always been in force.

Demand does not depend on the replicas that serve it, so what every level would have cost and
missed can be reckoned from the demand that was measured and the forecasts that were made: no
level need be tried out on requests. Each shadow plans as the planner does, and its queue is a
fluid, first in, first out. Each level is played four times, with starts that take as long as each
quarter of them was learned to: one replica more is ready soon or late, never by a quarter, and a
queue loses more by a late start than it gains by an early one. Together they are one array.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from controller.demand_curve import forecast_within
from controller.hold import hold_seconds
from controller.jumps import lasting_per_second
from controller.level_account import Account
from controller.needs import (
    clearing,
    lasting_seconds,
    most_replicas,
    sure_need,
    unhurried_seconds,
)
from controller.objective import LevelWeights, highest_demand
from controller.observation import START_QUARTERS, Observation
from controller.outcomes import Outcomes
from controller.policy import WorkloadPolicy
from models.forecast import FloatArray

#: The levels that are shadowed: close where the forecast's last quantiles lie far apart.
LEVELS = np.array(
    [-1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.5, 5, 6, 7, 8, 10, 12], dtype=float
)
LEVEL_WEIGHTS = LevelWeights.of(LEVELS)
#: How often the shadows take their turn: two ticks are as good as one for comparing levels.
_TURN_SECONDS = 10.0
#: What is remembered: most of two weeks to choose from, and some hours to notice a change by.
_MEMORY_SECONDS, _SHORT_MEMORY_SECONDS = 14 * 86400.0, 6 * 3600.0
#: No queue stands for longer: who waits for minutes has gone away.
_LONGEST_QUEUE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shadows:
    """The shadows of one workload.

    ``times[i]`` is when row i of ``needs`` and ``targets`` [times, quarters of starts, levels] was
    reckoned; ``queue`` [quarters of starts, levels] is what waits in each. ``until`` is up to when
    demand has been taken in, ``demand`` and ``seconds`` are the running totals of then.
    ``began_at_level`` is the level believed in before any evidence.
    """

    began_at_level: float
    until: float = -math.inf
    demand: float = 0.0
    seconds: float = 0.0
    times: tuple[float, ...] = ()
    needs: FloatArray = field(default_factory=lambda: np.zeros((0, START_QUARTERS, len(LEVELS))))
    targets: FloatArray = field(default_factory=lambda: np.zeros((0, START_QUARTERS, len(LEVELS))))
    queue: FloatArray = field(default_factory=lambda: np.zeros((START_QUARTERS, len(LEVELS))))
    long: Account = field(default_factory=lambda: Account.nothing(len(LEVELS)))
    short: Account = field(default_factory=lambda: Account.nothing(len(LEVELS)))

    def ready_at(self, instant: float, start_seconds: Sequence[float]) -> FloatArray:
        """Return the replicas that were ready [quarters, levels]: wanted ever since a start before.

        The youngest are let go first, so what is ready is the least that was wanted.
        """
        last = max(bisect_right(self.times, instant) - 1, 0)
        ready = np.empty((START_QUARTERS, len(LEVELS)))
        for quarter, start in zip(range(START_QUARTERS), start_seconds, strict=True):
            first = min(max(bisect_right(self.times, instant - start) - 1, 0), last)
            np.minimum.reduce(self.targets[first : last + 1, quarter], out=ready[quarter])
        return ready

    def least_ready(self, instant: float, longest_start: float) -> float:
        """Return what all had ready, and perhaps more by far: it is found sooner than all of it."""
        last = max(bisect_right(self.times, instant) - 1, 0)
        first = min(max(bisect_right(self.times, instant - longest_start) - 1, 0), last)
        return float(np.minimum.reduce(self.targets[first : last + 1], axis=None))


class _Turn(NamedTuple):
    """One turn of all shadows: what is seen, and demand that is taken in up to ``until``."""

    observation: Observation
    policy: WorkloadPolicy
    outcomes: Outcomes
    until: float
    tick_seconds: float


def shadowed(
    shadows: Shadows,
    observation: Observation,
    policy: WorkloadPolicy,
    outcomes: Outcomes,
    *,
    tick_seconds: float,
) -> Shadows:
    """Return the shadows after the demand that outcomes have taken in since, and one more plan.

    Nothing happens until some seconds of demand are new. After a gap, of which outcomes say
    nothing, the queues begin empty.
    """
    if outcomes.until is None or outcomes.until - shadows.until < _TURN_SECONDS - 1e-6:
        return shadows
    turn = _Turn(
        observation=observation,
        policy=policy,
        outcomes=outcomes,
        until=outcomes.until,
        tick_seconds=tick_seconds,
    )
    queue, long, short = _caught_up(shadows, turn)
    # As long as replicas are held in the long run: what a longer hold of the first hour spares
    # says nothing of a level.
    now, held = observation.now, hold_seconds(observation.lead_time_seconds, policy)
    needs = _needs(shadows, turn, queue)
    # Twice what the slowest take: by the next turn starts may be known to be slower.
    kept = 2 * turn.until - now - max(held, 2 * observation.start_seconds[-1]) - 60.0
    first = max(bisect_left(shadows.times, kept) - 1, 0)
    return Shadows(
        began_at_level=shadows.began_at_level,
        until=turn.until,
        demand=outcomes.demand,
        seconds=outcomes.seen_seconds,
        times=(*shadows.times[first:], now),
        needs=_with_row(shadows.needs[first:], needs),
        targets=_with_row(shadows.targets[first:], _targets(shadows, needs, now, held, policy)),
        queue=queue,
        long=long,
        short=short,
    )


def _with_row(rows: FloatArray, row: FloatArray) -> FloatArray:
    """Return rows [times, quarters, levels] with one more, which may be the same for quarters."""
    longer = np.empty((len(rows) + 1, START_QUARTERS, len(LEVELS)))
    longer[:-1], longer[-1] = rows, row
    return longer


def _caught_up(shadows: Shadows, turn: _Turn) -> tuple[FloatArray, Account, Account]:
    """Return the queues and accounts after the demand since the last turn."""
    outcomes, since = turn.outcomes, turn.until - shadows.until
    seconds, demand = outcomes.seen_seconds - shadows.seconds, outcomes.demand - shadows.demand
    if not (shadows.times and 0 < since < seconds + 1.0):
        return np.zeros_like(shadows.queue), shadows.long, shadows.short
    queue, late = _served(shadows, turn, demand / seconds, seconds)
    more = Account.of(demand, late, _mean_of_quarters(shadows.targets[-1]) * seconds)
    return (
        queue,
        shadows.long.after(more, fade=math.exp(-seconds / _MEMORY_SECONDS)),
        shadows.short.after(more, fade=math.exp(-seconds / _SHORT_MEMORY_SECONDS)),
    )


def _served(
    shadows: Shadows, turn: _Turn, per_second: float, seconds: float
) -> tuple[FloatArray, FloatArray]:
    """Let demand flow past the replicas of every shadow; return the queues and what was late."""
    policy, queue = turn.policy, shadows.queue
    starts, late = turn.observation.start_seconds, np.zeros(len(LEVELS))
    pieces = math.ceil(seconds / _TURN_SECONDS - 1e-6)
    piece = seconds / pieces
    for number in range(pieces):
        middle = shadows.until + (number + 0.5) * piece
        # Most of the time nothing waits in any of them, and nothing will.
        if not np.count_nonzero(queue):
            least = shadows.least_ready(middle, starts[-1]) * policy.demand_per_replica
            if per_second <= least:
                continue
        service = shadows.ready_at(middle, starts) * policy.demand_per_replica
        limit = service * policy.objective.wait_seconds
        after = queue + (per_second - service) * piece
        high, apart = np.maximum(queue, after), np.abs(queue - after)
        # The share of the time for which the queue is longer than can be served in time.
        beyond = (high - limit) / np.maximum(apart, 1e-12)
        share = np.minimum(np.maximum(beyond, 0.0), 1.0)
        late = late + _mean_of_quarters(share) * (per_second * piece)
        longest = _LONGEST_QUEUE_SECONDS * np.maximum(service, per_second)
        queue = np.minimum(np.maximum(after, 0.0), longest)
    return queue, late


def _needs(shadows: Shadows, turn: _Turn, queue: FloatArray) -> FloatArray:
    """Return how many replicas each shadow needs now, [levels] if all quarters need the same."""
    observation, policy, outcomes = turn.observation, turn.policy, turn.outcomes
    values = forecast_within(observation, observation.lead_time_seconds + turn.tick_seconds)
    smooth = outcomes.smooth_per_second
    least = float(sure_need(observation, policy, smooth, blind=values is None))
    if values is None:
        needs = np.full(len(LEVELS), least)
    else:
        peak = highest_demand(values, LEVEL_WEIGHTS, peak_per_second=outcomes.peak_per_second)
        needs = np.maximum(_replicas(peak, policy), least)
    return np.maximum(needs, _clearing(shadows, turn, queue)) if np.count_nonzero(queue) else needs


def _clearing(shadows: Shadows, turn: _Turn, queue: FloatArray) -> FloatArray:
    """Return the replicas that clear each shadow's backlog, as the planner does."""
    observation, capacity = turn.observation, turn.policy.demand_per_replica
    reading = observation.outlook.reading if observation.outlook else None
    rate = reading.per_second if reading else 0.0
    ready = shadows.ready_at(shadows.times[-1], observation.start_seconds)
    ahead = observation.now - turn.until
    backlog = np.maximum(queue + (rate - ready * capacity) * ahead, 0.0)
    serving = (ready + shadows.targets[-1]) / 2 * capacity
    lasting = lasting_seconds(observation.lead_time_seconds)
    smooth, jumps = turn.outcomes.smooth_per_second, turn.outcomes.jumps
    expected = lasting_per_second(jumps, rate, smooth, seconds=lasting)
    in_time = serving * unhurried_seconds(turn.policy)
    left = np.maximum(backlog + (expected - serving) * lasting - in_time, 0.0)
    left[backlog <= 0.0] = 0.0
    soon = clearing(left, turn.outcomes.peak_per_second)
    return np.where(left > 0, _replicas(expected + soon, turn.policy), 0.0)


def _targets(
    shadows: Shadows, needs: FloatArray, now: float, held: float, policy: WorkloadPolicy
) -> FloatArray:
    """Return what each shadow wants: its need, or what it holds."""
    if shadows.times:
        existing = shadows.targets[-1]
        recent = shadows.needs[bisect_left(shadows.times, now - held) :]
        highest = np.maximum.reduce(recent, initial=0.0)
        if policy.limits.max_step is not None:
            needs = np.minimum(needs, existing + policy.limits.max_step)
        needs = np.maximum(needs, np.minimum(highest, existing))
    needs = np.maximum(needs, float(policy.limits.min_replicas))
    most = most_replicas(policy)
    return needs if most is None else np.minimum(needs, float(most))


def _replicas(per_second: FloatArray, policy: WorkloadPolicy) -> FloatArray:
    return np.asarray(np.ceil(per_second / policy.demand_per_replica - 1e-9))


def _mean_of_quarters(each: FloatArray) -> FloatArray:
    return np.asarray(np.add.reduce(each) / START_QUARTERS)
