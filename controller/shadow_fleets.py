"""What is kept of fleets that would have been, one for each level of sureness."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from controller.level_account import Account
from controller.objective import LevelWeights
from controller.observation import START_QUARTERS, Observation
from controller.outcomes import Outcomes
from controller.policy import WorkloadPolicy
from models.forecast import FloatArray

#: The levels that are shadowed: close where the forecast's last quantiles lie far apart.
LEVELS = np.array(
    [-1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.5, 5, 6, 7, 8, 10, 12], dtype=float
)
LEVEL_WEIGHTS = LevelWeights.of(LEVELS)


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


class Turn(NamedTuple):
    """One turn of all shadows: what is seen, and demand that is taken in up to ``until``."""

    observation: Observation
    policy: WorkloadPolicy
    outcomes: Outcomes
    until: float
    tick_seconds: float
