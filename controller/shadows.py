"""Fleets that would have been: one for each level of sureness, had it always been in force.

Demand does not depend on the replicas that serve it, so what every level would have cost and
missed can be reckoned from the demand that was measured and the forecasts that were made: no
level need be tried out on requests. Each shadow plans as the planner does, and its queue is a
fluid, first in, first out. Each level is played by four fleets, in which each replica takes as long
to start as the quarter of all starts that it has drawn: one replica more is ready soon or late,
never by a quarter, and a queue loses more by a late start than it gains by an early one. Shadows of
many workloads are reckoned together: an array of all takes hardly longer than one of a few.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from controller.flows import TURN_SECONDS, Flow, newest_of
from controller.hold import hold_seconds
from controller.level_account import Account
from controller.observation import START_QUARTERS
from controller.shadow_fleets import LEVELS, NOTHING, Flown, Shadows, Turn
from controller.shadow_plans import needed, targeted
from models.forecast import FloatArray

#: What is remembered: most of two weeks to choose from, and some hours to notice a change by.
_MEMORY_SECONDS, _SHORT_MEMORY_SECONDS = 14 * 86400.0, 6 * 3600.0
#: No queue stands for longer: who waits for minutes has gone away.
_LONGEST_QUEUE_SECONDS = 300.0
#: So many workloads are reckoned together, and no more: their arrays stay in the caches.
_TOGETHER = 256


class _Row(NamedTuple):
    """What one workload's shadows need and want now, [fleets, levels]."""

    needs: FloatArray
    targets: FloatArray
    least: float
    held_seconds: float


def shadowed(turns: Sequence[Turn]) -> list[Shadows]:
    """Return shadows after the demand that outcomes have taken in since, and one more plan.

    Nothing happens to a workload's until some seconds of its demand are new. After a gap, of which
    outcomes say nothing, its queues begin empty.
    """
    after = [turn.shadows for turn in turns]
    due = [at for at, turn in enumerate(turns) if _is_due(turn)]
    for first in range(0, len(due), _TOGETHER):
        places = due[first : first + _TOGETHER]
        taken = _taken([turns[place] for place in places])
        for place, shadows in zip(places, taken, strict=True):
            after[place] = shadows
    return after


def _is_due(turn: Turn) -> bool:
    # Before any demand was measured this is no number, and nothing is due.
    return turn.until - turn.shadows.until >= TURN_SECONDS - 1e-6


def _taken(turns: Sequence[Turn]) -> list[Shadows]:
    """Return the shadows of workloads after a turn of all of them."""
    flown = [_flown(turn) for turn in turns]
    existing = np.concatenate(
        [turn.shadows.targets[-1] if turn.shadows.targets else NOTHING for turn in turns]
    ).reshape(-1, *NOTHING.shape)
    accounts = _accounted(turns, flown, existing)
    # As long as replicas are held in the long run: what a longer hold of the first hour spares
    # says nothing of a level.
    held = [hold_seconds(turn.observation.lead_time_seconds, turn.policy) for turn in turns]
    needs = needed(turns, flown)
    targets = targeted(turns, flown, needs, existing, held)
    least = np.minimum.reduce(targets, axis=(1, 2)).tolist()
    rows = map(_Row, needs, targets, least, held)
    return [_after(*one) for one in zip(turns, flown, accounts, rows, strict=True)]


def _after(turn: Turn, flown: Flown, accounts: tuple[Account, Account], row: _Row) -> Shadows:
    """Return one workload's shadows after a turn."""
    shadows, outcomes, now = turn.shadows, turn.outcomes, turn.observation.now
    # Twice what the slowest take: by the next turn starts may be known to be slower.
    slowest = max(row.held_seconds, 2 * turn.observation.start_seconds[-1])
    kept = 2 * turn.until - now - slowest - 60.0
    first = max(bisect_left(shadows.times, kept) - 1, 0)
    # Rows are copied: a part of an array keeps all of it, and one workload that falls silent would
    # keep those of all others.
    return Shadows(
        began_at_level=shadows.began_at_level,
        asked=shadows.asked,
        until=turn.until,
        demand=outcomes.demand,
        seconds=outcomes.seen_seconds,
        times=(*shadows.times[first:], now),
        needs=(*shadows.needs[first:], row.needs.copy()),
        targets=(*shadows.targets[first:], row.targets.copy()),
        least=(*shadows.least[first:], row.least),
        queue=flown.queue,
        long=accounts[0],
        short=accounts[1],
    )


def _flown(turn: Turn) -> Flown:
    """Return what the demand since a workload's last turn left."""
    shadows, outcomes = turn.shadows, turn.outcomes
    since = turn.until - shadows.until
    seconds, demand = outcomes.seen_seconds - shadows.seconds, outcomes.demand - shadows.demand
    if not (shadows.times and 0 < since < seconds + 1.0):
        return Flown(NOTHING)
    flows = newest_of(outcomes.flows, seconds=seconds, demand=demand)
    queue, late = _served(turn, flows)
    return Flown(queue, bool(np.count_nonzero(queue)), late, demand, seconds)


def _accounted(
    turns: Sequence[Turn], flown: Sequence[Flown], existing: FloatArray
) -> list[tuple[Account, Account]]:
    """Return the long and the short account of each workload, what there was having faded."""
    before = np.concatenate(
        [account.of_levels for turn in turns for account in (turn.shadows.long, turn.shadows.short)]
    ).reshape(len(turns), 2, 2, len(LEVELS))
    fades = [
        (math.exp(-one.seconds / _MEMORY_SECONDS), math.exp(-one.seconds / _SHORT_MEMORY_SECONDS))
        for one in flown
    ]
    after = before * np.array(fades)[:, :, None, None]
    seconds = np.array([one.seconds for one in flown])
    after[:, :, 1] += (_mean_of_fleets(existing) * seconds[:, None])[:, None]
    accounts = []
    for turn, one, (fade, short_fade), of_levels in zip(turns, flown, fades, after, strict=True):
        if one.late is not None:
            of_levels[:, 0] += one.late
        long, short = turn.shadows.long.demand * fade, turn.shadows.short.demand * short_fade
        kept = of_levels.copy()
        accounts.append((Account(long + one.demand, kept[0]), Account(short + one.demand, kept[1])))
    return accounts


def _served(turn: Turn, flows: Sequence[Flow]) -> tuple[FloatArray, FloatArray | None]:
    """Let demand flow past the replicas of every shadow; return the queues and what was late."""
    shadows, policy, starts = turn.shadows, turn.policy, turn.observation.start_seconds
    queue, late, at = shadows.queue, None, shadows.until
    for seconds, per_second in _pieces(flows):
        middle = at + seconds / 2
        at += seconds
        # Most of the time nothing waits in any of them, and nothing will.
        if not np.count_nonzero(queue):
            least = shadows.least_ready(middle, starts[-1]) * policy.demand_per_replica
            if per_second <= least:
                continue
        service = shadows.ready_at(middle, starts) * policy.demand_per_replica
        limit = service * policy.objective.wait_seconds
        after = queue + (per_second - service) * seconds
        high, apart = np.maximum(queue, after), np.abs(queue - after)
        # The share of the time for which the queue is longer than can be served in time.
        beyond = (high - limit) / np.maximum(apart, 1e-12)
        share = np.minimum(np.maximum(beyond, 0.0), 1.0)
        missed = _mean_of_fleets(share) * (per_second * seconds)
        late = missed if late is None else late + missed
        longest = _LONGEST_QUEUE_SECONDS * np.maximum(service, per_second)
        queue = np.minimum(np.maximum(after, 0.0), longest)
    return queue, late


def _pieces(flows: Sequence[Flow]) -> Iterator[Flow]:
    """Cut flows into pieces of a turn at the most, each with one number of replicas."""
    for seconds, per_second in flows:
        count = math.ceil(seconds / TURN_SECONDS - 1e-6)
        for _ in range(count):
            yield Flow(seconds / count, per_second)


def _mean_of_fleets(each: FloatArray) -> FloatArray:
    """Return the mean over fleets of [..., fleets, levels]."""
    return np.asarray(np.add.reduce(each, axis=-2) / START_QUARTERS)
