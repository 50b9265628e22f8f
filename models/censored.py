"""Latency and hang share together, out of attempts of which some never came.

An attempt that was given up after a while either would have come later (a right-censored
latency) or never (a defective one). The mixture cure model tells them apart by how unlikely so
long a wait would be: Boag 1949 (J. R. Stat. Soc. B 11), Farewell 1982 (Biometrics 38). Solved by
expectation-maximization (Dempster, Laird and Rubin 1977) with the moments of the truncated normal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, stdtr

from models.forecast import FloatArray
from models.lead_time_belief import Belief, Moments

#: A Beta prior for the share that never comes: 2 %, worth 2.5 attempts.
NEVER_PRIOR = 0.05
COMES_PRIOR = 2.45
#: Weights settle to a percent within ten rounds in all streams tried; the rest is margin.
ROUNDS = 20
_LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)


class CureFit(NamedTuple):
    """Latency of the attempts that come (in logarithms), and the share that never does."""

    belief: Belief
    never_share: float


def fit(prior: Belief, ready: Moments, given_up: Sequence[float], failed: float = 0.0) -> CureFit:
    """Return what the attempts say.

    ``ready`` are the logarithms of the seconds of the attempts that came, ``given_up`` those of
    the waits that were ended without knowing; ``failed`` attempts are known not to come.
    As long as none came, waits count as slow starts: planning with too long a lead time costs
    idle seconds, with too short a one it misses demand.
    """
    belief = prior.updated(ready)
    attempts = ready.count + failed + len(given_up)
    never_share = _never_share(failed, attempts)
    if not given_up:
        return CureFit(belief=belief, never_share=never_share)
    waits = np.asarray(given_up, dtype=np.float64)
    if ready.count == 0:
        # A wait of unknown kind is as likely as not at its half (Gott 1993, Nature 363): the
        # likelihood of nothing but waits has no maximum, so maximization would run away.
        belief = prior.updated(Moments.of(waits + math.log(2)))
        return CureFit(belief=belief, never_share=never_share)
    for _ in range(ROUNDS):
        slow = _slow_weights(waits, belief, never_share)
        never_share = _never_share(failed + float(np.sum(1 - slow)), attempts)
        belief = prior.updated(ready.joined(_truncated_moments(waits, slow, belief)))
    return CureFit(belief=belief, never_share=never_share)


def chance_of_wait(wait: float, belief: Belief, never_share: float) -> float:
    """Return the probability that an attempt is not there after ``wait`` (a logarithm)."""
    late = float(stdtr(belief.dof, (belief.mean - wait) / belief.scale))
    return never_share + (1 - never_share) * late


def _never_share(never: float, attempts: float) -> float:
    return (NEVER_PRIOR + never) / (NEVER_PRIOR + COMES_PRIOR + attempts)


def _slow_weights(waits: FloatArray, belief: Belief, never_share: float) -> FloatArray:
    """Return for each wait the probability that the attempt would have come."""
    late = (1 - never_share) * stdtr(belief.dof, (belief.mean - waits) / belief.scale)
    return np.asarray(late / (never_share + late), dtype=np.float64)


def _truncated_moments(waits: FloatArray, slow: FloatArray, belief: Belief) -> Moments:
    """Return the moments that the latencies beyond the waits are expected to have."""
    count = float(slow.sum())
    if count < 1e-9:
        return Moments()
    depth = (waits - belief.mean) / belief.sigma
    hazard = np.exp(-0.5 * depth**2 - _LOG_ROOT_TWO_PI - log_ndtr(-depth))
    means = belief.mean + belief.sigma * hazard
    variances = belief.sigma**2 * np.maximum(1 + depth * hazard - hazard**2, 0.0)
    mean = float(slow @ means) / count
    return Moments(count=count, mean=mean, squares=float(slow @ (variances + (means - mean) ** 2)))
