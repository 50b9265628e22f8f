"""Demand of late as it was read, piece by piece: a mean of two readings hides what fell between.

Where demand is chance from one ten seconds to the next, half of one reading and half of the next
are calmer than either, and who reckons queues by their mean finds too little of what is late.
"""

from __future__ import annotations

from typing import NamedTuple

#: How often the shadows take their turn: two ticks are as good as one for comparing levels. What
#: came before that and the newest reading was of an earlier turn, and is forgotten.
TURN_SECONDS = 10.0


class Flow(NamedTuple):
    """Demand that came evenly, for so many seconds."""

    seconds: float
    per_second: float


def with_flow(flows: tuple[Flow, ...], newest: Flow) -> tuple[Flow, ...]:
    """Return the flows with one more, the newest last; readings alike are one flow."""
    if flows and flows[-1].per_second == newest.per_second:
        return (*flows[:-1], Flow(flows[-1].seconds + newest.seconds, newest.per_second))
    since, first = 0.0, len(flows)
    while first > 0 and since < TURN_SECONDS - 1e-6:
        first -= 1
        since += flows[first].seconds
    return (*flows[first:], newest)


def newest_of(flows: tuple[Flow, ...], *, seconds: float, demand: float) -> list[Flow]:
    """Return the flows of the last seconds, in which so much demand came in all.

    Of what came before the first that is remembered the mean is all that is known.
    """
    newest: list[Flow] = []
    left, missing = seconds, demand
    for flow in reversed(flows):
        if left <= 1e-6:
            break
        taken = Flow(min(flow.seconds, left), flow.per_second)
        newest.append(taken)
        left -= taken.seconds
        missing -= taken.seconds * taken.per_second
    if left > 1e-6:
        newest.append(Flow(left, max(missing, 0.0) / left))
    newest.reverse()
    return newest
