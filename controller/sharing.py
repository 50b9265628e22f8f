"""Who gets the GPUs of a pool that is too small for all: where they avoid the most missed demand.

The objective, stated: minimize the sum over workloads of ``weight * missed[n]``, where
``missed[n]`` is the demand per second expected to miss with ``n`` replicas, under
``sum(gpus * n) <= pool``. What a replica that is yet to be started avoids counts only in part,
for it serves nothing for a while; so a GPU changes hands only when that pays.

Solved exactly: a knapsack in which one choice is made of each class (Kellerer, Pferschy and
Pisinger 2004, chapter 11), by dynamic programming over GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast import QUANTILES, FloatArray, WorkloadName

#: Of what a running replica avoids, the part that one which has to be started still does.
STARTED_SHARE = 0.5
#: How much demand above the capacity counts, beside all that is late while there is any.
_EXCESS_SHARE = 0.1
#: Each step of priority doubles the weight of a workload's demand. Who is this many steps below
#: weighs a millionth, and is served from what the others leave.
_STEPS_TOGETHER = 20
#: Where the distribution of demand is looked at: the middles of equal shares of probability.
_SHARES = (np.arange(200) + 0.5) / 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Claim:
    """What one workload would take of the pool.

    ``wanted`` is its target, or all that the pool has if that is less; ``running`` how many
    replicas it has, ready or on their way, and ``guaranteed`` how many it must not go below.
    ``missed[n]``, for n from 0 to ``wanted``, is the demand per second expected to miss with n
    replicas, falling. ``gpus`` each replica takes.
    """

    workload: WorkloadName
    wanted: int
    running: int
    guaranteed: int
    missed: FloatArray
    gpus: int = 1
    priority: int = 0


def expected_missed(
    quantiles: FloatArray, capacity: float, wanted: int, *, most: int | None = None
) -> FloatArray:
    """Return the demand per second that misses with 0, 1, … ``most`` replicas, or ``wanted``.

    ``quantiles`` are demand per second at the levels of a forecast. Beyond the last they rise to
    what the ``wanted`` replicas serve: whoever asks for so many has learned that the forecast's
    tail is that long. First in, first out, an overload makes all that arrives late until it is
    over: so of each outcome beyond the capacity all of it counts. What is above counts a little
    besides: the less it is, the sooner the overload is over.
    """
    longest = max(float(quantiles[-1]), capacity * wanted)
    upper = np.interp(_SHARES, (*QUANTILES, 1.0), (*quantiles, longest))
    # Below the median as far under it as the same share lies above it.
    mirrored = 2 * quantiles[0] - np.interp(1 - _SHARES, QUANTILES, quantiles)
    demand = np.where(QUANTILES[0] > _SHARES, np.maximum(mirrored, 0.0), upper)
    servable = capacity * np.arange((wanted if most is None else most) + 1)
    above = np.maximum(demand - servable[:, None], 0.0)
    late = np.where(above > 1e-9, demand, 0.0)
    return np.asarray((late + _EXCESS_SHARE * above).mean(axis=1))


def share(claims: Sequence[Claim], gpus: int) -> dict[WorkloadName, int]:
    """Return how many replicas each workload may have, of a pool of so many GPUs."""
    if sum(claim.wanted * claim.gpus for claim in claims) <= gpus:
        return {claim.workload: claim.wanted for claim in claims}
    least = _guaranteed(claims, gpus)
    left = gpus - sum(least[claim.workload] * claim.gpus for claim in claims)
    granted = dict(least)
    for together in _by_priority(claims):
        more = _shared_among(together, least, left)
        for claim in together:
            granted[claim.workload] += more[claim.workload]
            left -= more[claim.workload] * claim.gpus
    return granted


def _by_priority(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Part the claims so that in each part weights can be compared, the highest priority first."""
    parts: list[list[Claim]] = []
    for claim in sorted(claims, key=lambda claim: -claim.priority):
        if parts and claim.priority > parts[-1][0].priority - _STEPS_TOGETHER:
            parts[-1].append(claim)
        else:
            parts.append([claim])
    return parts


def _shared_among(
    claims: Sequence[Claim], least: dict[WorkloadName, int], gpus: int
) -> dict[WorkloadName, int]:
    """Return how many replicas more than the least each gets; the first has the top priority."""
    best = np.zeros(gpus + 1)
    chosen: list[NDArray[np.intp]] = []
    for claim in claims:
        weight = 2.0 ** (claim.priority - claims[0].priority)
        worth = weight * _avoided(claim)[least[claim.workload] :]
        best, choice = _with(best, worth - worth[0], claim.gpus)
        chosen.append(choice)
    more: dict[WorkloadName, int] = {}
    for claim, choice in zip(reversed(claims), reversed(chosen), strict=True):
        more[claim.workload] = int(choice[gpus])
        gpus -= more[claim.workload] * claim.gpus
    return more


def _guaranteed(claims: Sequence[Claim], gpus: int) -> dict[WorkloadName, int]:
    """Return what each gets first: its guaranteed replicas, as far as the pool goes.

    If it does not go round, the higher priority is served first, then in turn.
    """
    granted = {claim.workload: 0 for claim in claims}
    waiting = sorted(claims, key=lambda claim: (-claim.priority, claim.workload))
    for priority in sorted({claim.priority for claim in claims}, reverse=True):
        turn = [claim for claim in waiting if claim.priority == priority]
        while turn:
            turn = [
                claim
                for claim in turn
                if granted[claim.workload] < min(claim.guaranteed, claim.wanted)
                and claim.gpus <= gpus
            ]
            for claim in turn:
                if claim.gpus <= gpus:
                    granted[claim.workload] += 1
                    gpus -= claim.gpus
    return granted


def _with(best: FloatArray, worth: FloatArray, gpus: int) -> tuple[FloatArray, NDArray[np.intp]]:
    """Add one workload to a pool of 0, 1, … GPUs: what is avoided at best, and by how many."""
    found, choice = best.copy(), np.zeros(len(best), dtype=np.intp)
    for more in range(1, len(worth)):
        taken = more * gpus
        if taken >= len(best):
            break
        with_more = best[:-taken] + worth[more]
        # More only if that is more than a rounding error.
        is_better = with_more > found[taken:] * (1.0 + 1e-12)
        found[taken:][is_better] = with_more[is_better]
        choice[taken:][is_better] = more
    return found, choice


def _avoided(claim: Claim) -> FloatArray:
    """Return the demand per second that 0, 1, … replicas keep from missing."""
    avoided = claim.missed[0] - claim.missed
    running = min(claim.running, claim.wanted)
    started = avoided[running] + STARTED_SHARE * (avoided - avoided[running])
    return np.asarray(np.where(np.arange(len(avoided)) > running, started, avoided))
