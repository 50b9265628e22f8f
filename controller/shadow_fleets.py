"""What is kept of fleets that would have been, one for each level of sureness."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from controller.drawn_starts import ready_by_lot
from controller.level_account import Account
from controller.objective import LevelWeights
from controller.observation import START_QUARTERS, Observation
from controller.outcomes import Outcomes
from controller.policy import Objective, WorkloadPolicy
from models.forecast import FloatArray

#: The levels that are shadowed: close where the forecast's last quantiles lie far apart.
LEVELS = np.array(
    [-1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.5, 5, 6, 7, 8, 10, 12], dtype=float
)
LEVEL_WEIGHTS = LevelWeights.of(LEVELS)
#: By so much capacity and wait may change before what was late by them says nothing any more.
_ALIKE = 1.5
#: Of each fleet and each level: nothing. Shared by all, and never written to. There are as many
#: fleets as starts have quarters.
NOTHING = np.zeros((START_QUARTERS, len(LEVELS)))
NOTHING.flags.writeable = False


class Asked(NamedTuple):
    """What shadows are reckoned for: what a replica serves per second, and the objective."""

    demand_per_replica: float = 0.0
    objective: Objective = Objective()

    def is_like(self, other: Asked) -> bool:
        """Say whether what was late by one says about as much by the other."""
        pairs = (
            (self.demand_per_replica, other.demand_per_replica),
            (self.objective.wait_seconds, other.objective.wait_seconds),
        )
        return all(max(pair) <= _ALIKE * min(pair) for pair in pairs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shadows:
    """The shadows of one workload.

    ``times[i]`` is when ``needs[i]`` and ``targets[i]`` [fleets, levels] were reckoned,
    ``least[i]`` is the least of the targets; ``queue`` [fleets, levels] is what waits
    in each. ``until`` is up to when demand has been taken in, ``demand`` and ``seconds`` are the
    running totals of then. ``began_at_level`` is the level believed in before any evidence,
    ``asked`` what they were first reckoned for.
    """

    began_at_level: float
    asked: Asked = field(default_factory=Asked)
    until: float = -math.inf
    demand: float = 0.0
    seconds: float = 0.0
    times: tuple[float, ...] = ()
    needs: tuple[FloatArray, ...] = ()
    targets: tuple[FloatArray, ...] = ()
    least: tuple[float, ...] = ()
    queue: FloatArray = field(default_factory=lambda: NOTHING)
    long: Account = field(default_factory=lambda: Account.nothing(len(LEVELS)))
    short: Account = field(default_factory=lambda: Account.nothing(len(LEVELS)))

    def ready_at(self, instant: float, start_seconds: Sequence[float]) -> FloatArray:
        """Return the replicas that were ready [fleets, levels]: wanted ever since a start before.

        The youngest are let go first, so what is ready is the least that was wanted.
        """
        last = max(bisect_right(self.times, instant) - 1, 0)
        firsts = [
            min(max(bisect_right(self.times, instant - start) - 1, 0), last)
            for start in start_seconds
        ]
        begin = min(firsts)
        targets = np.array(self.targets[begin : last + 1])
        wanted = np.empty((START_QUARTERS, *NOTHING.shape))
        for of_quarter, first in zip(wanted, firsts, strict=True):
            np.minimum.reduce(targets[first - begin :], out=of_quarter)
        return ready_by_lot(wanted, instant)

    def least_ready(self, instant: float, longest_start: float) -> float:
        """Return what all had ready, and perhaps more by far: it is found sooner than all of it."""
        last = max(bisect_right(self.times, instant) - 1, 0)
        first = min(max(bisect_right(self.times, instant - longest_start) - 1, 0), last)
        return min(self.least[first : last + 1])


class Turn(NamedTuple):
    """One turn of all shadows of one workload: what is seen, and outcomes with new demand."""

    shadows: Shadows
    observation: Observation
    policy: WorkloadPolicy
    outcomes: Outcomes
    tick_seconds: float

    @property
    def until(self) -> float:
        """Up to when demand is taken in; before all time if none was measured."""
        until = self.outcomes.until
        return -math.inf if until is None else until


class Flown(NamedTuple):
    """What demand since the last turn left: ``queue`` [fleets, levels].

    ``late`` [levels] is None if nothing can have been late in any of them; ``waits`` says that
    something still is in the queue. Of a gap nothing is known: no demand, no seconds.
    """

    queue: FloatArray
    waits: bool = False
    late: FloatArray | None = None
    demand: float = 0.0
    seconds: float = 0.0
