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
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from controller.demand_curve import held_seconds
from controller.flows import TURN_SECONDS, Flow, newest_of
from controller.level_account import Account
from controller.observation import START_QUARTERS, Observation
from controller.outcomes import Outcomes
from controller.policy import WorkloadPolicy
from controller.shadow_fleets import LEVELS, Shadows, Turn
from controller.shadow_plans import needed, targeted
from models.forecast import FloatArray

#: What is remembered: most of two weeks to choose from, and some hours to notice a change by.
_MEMORY_SECONDS, _SHORT_MEMORY_SECONDS = 14 * 86400.0, 6 * 3600.0
#: No queue stands for longer: who waits for minutes has gone away.
_LONGEST_QUEUE_SECONDS = 300.0


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
    if outcomes.until is None or outcomes.until - shadows.until < TURN_SECONDS - 1e-6:
        return shadows
    turn = Turn(
        observation=observation,
        policy=policy,
        outcomes=outcomes,
        until=outcomes.until,
        tick_seconds=tick_seconds,
    )
    queue, long, short = _caught_up(shadows, turn)
    # As long as replicas are held in the long run: what a longer hold of the first hour spares
    # says nothing of a level.
    now, held = observation.now, held_seconds(observation, policy, tick_seconds)
    needs = needed(shadows, turn, queue)
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
        targets=_with_row(shadows.targets[first:], targeted(shadows, turn, needs, queue, held)),
        queue=queue,
        long=long,
        short=short,
    )


def _with_row(rows: FloatArray, row: FloatArray) -> FloatArray:
    """Return rows [times, quarters, levels] with one more, which may be the same for quarters."""
    longer = np.empty((len(rows) + 1, START_QUARTERS, len(LEVELS)))
    longer[:-1], longer[-1] = rows, row
    return longer


def _caught_up(shadows: Shadows, turn: Turn) -> tuple[FloatArray, Account, Account]:
    """Return the queues and accounts after the demand since the last turn."""
    outcomes, since = turn.outcomes, turn.until - shadows.until
    seconds, demand = outcomes.seen_seconds - shadows.seconds, outcomes.demand - shadows.demand
    if not (shadows.times and 0 < since < seconds + 1.0):
        return np.zeros_like(shadows.queue), shadows.long, shadows.short
    flows = newest_of(outcomes.flows, seconds=seconds, demand=demand)
    queue, late = _served(shadows, turn, flows)
    more = Account.of(demand, late, _mean_of_quarters(shadows.targets[-1]) * seconds)
    return (
        queue,
        shadows.long.after(more, fade=math.exp(-seconds / _MEMORY_SECONDS)),
        shadows.short.after(more, fade=math.exp(-seconds / _SHORT_MEMORY_SECONDS)),
    )


def _served(shadows: Shadows, turn: Turn, flows: Sequence[Flow]) -> tuple[FloatArray, FloatArray]:
    """Let demand flow past the replicas of every shadow; return the queues and what was late."""
    policy, queue = turn.policy, shadows.queue
    starts, late = turn.observation.start_seconds, np.zeros(len(LEVELS))
    at = shadows.until
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
        late = late + _mean_of_quarters(share) * (per_second * seconds)
        longest = _LONGEST_QUEUE_SECONDS * np.maximum(service, per_second)
        queue = np.minimum(np.maximum(after, 0.0), longest)
    return queue, late


def _pieces(flows: Sequence[Flow]) -> Iterator[Flow]:
    """Cut flows into pieces of a turn at the most, each with one number of replicas."""
    for seconds, per_second in flows:
        count = math.ceil(seconds / TURN_SECONDS - 1e-6)
        for _ in range(count):
            yield Flow(seconds / count, per_second)


def _mean_of_quarters(each: FloatArray) -> FloatArray:
    return np.asarray(np.add.reduce(each) / START_QUARTERS)
