"""How much of a jump in demand lasts: learned of each workload, by what became of earlier ones.

The rate of the last seconds may be the first of a burst, or chance. Where few and long requests
make demand, nearly all that it stands above the mean of late is gone within the minute; where
demand is steps, all of it stays. What is still to be expected of it a minute on is a regression
through the origin: of what the mean of the next minute was above that of late, on what the rate
was. Jumps by far higher than all of these are no part of what was learned: they are expected to
last.
"""

from __future__ import annotations

import math
from typing import NamedTuple

#: For how long a jump is watched, and how often is looked whether there is one. No whole minute:
#: what begins on the minute shall not always be met at the same of its seconds.
_WATCHED_SECONDS = 65.0
#: By so much of the mean must a rate stand above it.
_LEAST_SHARE = 0.03
#: And by so much at the least, which is one request in thirty years: its square is above zero.
_LEAST_PER_SECOND = 1e-9
#: Late requests cost more than replicas: so many times what lasts of jumps is provided for.
_SURELY = 2.0
#: A jump is like others up to so many times their root mean square, which so many tell.
_USUAL_JUMPS, _ENOUGH_JUMPS = 3.0, 10.0
#: The mean of late knows demand after four of its time constants.
_SETTLING_SECONDS = 120.0
#: What is believed of a jump before any was watched, and how many jumps that is worth.
_BELIEVED_SHARE, _BELIEVED_JUMPS = 0.75, 5.0
#: A jump counts for less with each that follows, by so much: a day of them is remembered.
MOST_JUMPS = 1440.0
_KEPT = 1.0 - 1.0 / MOST_JUMPS


class Jumps(NamedTuple):
    """What jumps have come to: of each, the ``share`` that lasts a minute.

    ``seen``, ``products`` and ``squares`` are sums that fade. One jump at a time is watched:
    ``excess`` per second above ``mean``, at ``since``, when ``demand`` had come in all; none if 0.
    There is nothing to do before ``look_at``.
    """

    share: float = _BELIEVED_SHARE
    seen: float = 0.0
    products: float = 0.0
    squares: float = 0.0
    excess: float = 0.0
    mean: float = 0.0
    demand: float = 0.0
    since: float = 0.0
    look_at: float = -math.inf


def interrupted(jumps: Jumps) -> Jumps:
    """Return the jumps after a gap: the one under watch is forgotten, and the mean is old."""
    return jumps._replace(excess=0.0, look_at=-math.inf)


def summed(*, seen: float, products: float, squares: float) -> Jumps:
    """Return the jumps whose sums these are, none of them under watch."""
    measured = min(max(products / squares, 0.0), 1.0) if squares > 0.0 else 0.0
    share = seen * measured / (seen + _BELIEVED_JUMPS) + _believed(seen)
    return Jumps(share=share, seen=seen, products=products, squares=squares)


def looked_at(
    jumps: Jumps, *, at: float, per_second: float, mean_per_second: float, demand: float
) -> Jumps:
    """Return the jumps after a look at the rate, the mean of late, and all demand so far."""
    if jumps.look_at == -math.inf:
        return jumps._replace(look_at=at + _SETTLING_SECONDS)
    if jumps.excess > 0.0:
        jumps = _with_watched(jumps, at=at, demand=demand)
    excess = per_second - mean_per_second
    return jumps._replace(
        excess=excess if excess > max(_LEAST_SHARE * mean_per_second, _LEAST_PER_SECOND) else 0.0,
        mean=mean_per_second,
        demand=demand,
        since=at,
        look_at=at + _WATCHED_SECONDS,
    )


def lasting_per_second(jumps: Jumps, rate: float, mean: float, *, seconds: float) -> float:
    """Return the rate to expect of the next ``seconds``, from that of now and the mean of late.

    Of a jump it is twice the share that lasts, and all by which it is higher than jumps are: that
    is something new. In less than the time that was watched less of a jump decays.
    """
    excess = rate - mean
    beyond = max(excess - _USUAL_JUMPS * _usual(jumps), 0.0)
    lasting: float = jumps.share ** (seconds / _WATCHED_SECONDS)
    share = min(_SURELY * lasting, 1.0)
    return mean + share * excess + (1.0 - share) * beyond


def doubt(jumps: Jumps) -> float:
    """Return how many standard deviations of a count to take for chance, not for a jump.

    One, before any jump was seen to last, towards none as more of them did: demand that is no count
    of single requests, or one of very many, does not scatter like one.
    """
    return min(max(1.0 - (jumps.share - _believed(jumps.seen)), 0.0), 1.0)


def _believed(seen: float) -> float:
    """Return what of a share is belief, once so many jumps were seen."""
    return _BELIEVED_JUMPS * _BELIEVED_SHARE / (seen + _BELIEVED_JUMPS)


def _usual(jumps: Jumps) -> float:
    """Return how high jumps are: their root mean square, 0 before the first."""
    return math.sqrt(jumps.squares / jumps.seen) if jumps.seen else 0.0


def _with_watched(jumps: Jumps, *, at: float, demand: float) -> Jumps:
    """Return the jumps with what has become of the one under watch."""
    lasted = (demand - jumps.demand) / (at - jumps.since) - jumps.mean
    # Squared, one spike would outweigh all jumps for weeks; and so would the end of a higher one
    # that the jump was part of.
    lasted = min(max(lasted, -jumps.excess), jumps.excess)
    counted = 1.0
    if jumps.seen >= _ENOUGH_JUMPS:
        counted = min(_USUAL_JUMPS * _usual(jumps) / jumps.excess, 1.0)
    excess, lasted = counted * jumps.excess, counted * lasted
    return summed(
        seen=jumps.seen * _KEPT + 1.0,
        products=jumps.products * _KEPT + excess * lasted,
        squares=jumps.squares * _KEPT + excess * excess,
    )._replace(look_at=at)
