"""What a key's next of kin say of it before it has measurements of its own.

Nearest last: the snapshot's size, other snapshots (scaled by size), the same snapshot on other
node classes, the same snapshot and node class in other localities or with other concurrency.
A key's own measurements never count among its kin, so nothing is counted twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from models.lead_time_belief import Belief, Moments
from models.lead_time_history import MEMORY_DOF, History
from models.lead_time_values import LeadTimeKey

#: What the prior from size is worth, in measurements of mean and spread, and its spread: one
#: start in ten takes about three times as long as the prior says.
PRIOR_STRENGTH = 1.5
PRIOR_SIGMA = 0.5
PRIOR_DOF = 4.0
#: What the kin are worth at most, in measurements, and what each is called; nearest last.
_LEVELS = (
    (1.0, "of other snapshots"),
    (1.5, "of this snapshot on other nodes"),
    (2.0, "of this snapshot nearby"),
)
_NOTHING = Moments()

#: The kind and the snapshot of a family of keys.
_Name = tuple[str, str]


class Prior(NamedTuple):
    """What to believe of a key, how many measurements stand behind it, and that in words."""

    belief: Belief
    measurements: int
    basis: str


class Kin:
    """All histories, indexed by snapshot; built once a state, asked by every key."""

    def __init__(self, histories: Mapping[LeadTimeKey, History]) -> None:
        """Sum up the histories."""
        self._histories = histories
        # A cold start says nothing of a restore: each kind has families of its own.
        self._families: dict[_Name, list[LeadTimeKey]] = {}
        for key in histories:
            self._families.setdefault((key.kind, key.snapshot), []).append(key)
        # A latency of unknown size says little of one whose size is known, and the reverse.
        self._sums = {sized: self._summed(sized=sized) for sized in (True, False)}
        self._sums_of_all = {
            (kind, sized): Moments.together(
                [moments for name, moments in self._sums[sized].items() if name[0] == kind]
            )
            for kind in {name[0] for name in self._families}
            for sized in (True, False)
        }

    def has_started(self, key: LeadTimeKey) -> bool:
        """Say whether anything was measured of a key's snapshot, here or anywhere."""
        return (key.kind, key.snapshot) in self._families

    def prior(self, key: LeadTimeKey) -> Prior:
        """Return what size and kin say of a key."""
        usual = math.log(key.prior_seconds)
        belief = Belief(usual, PRIOR_STRENGTH, PRIOR_SIGMA, PRIOR_DOF)
        basis = "prior for an unknown size" if key.size_gib is None else "prior from size"
        count = 0
        for found, (strength, whose) in zip(self._found(key, usual), _LEVELS, strict=False):
            if found.count:
                belief = belief.updated(found).as_prior(strength=strength, dof=MEMORY_DOF)
                count = round(found.count)
                basis = in_words(count, whose)
        return Prior(belief, count, basis)

    def _found(self, key: LeadTimeKey, usual: float) -> tuple[Moments, ...]:
        """Return what kin took, as far as there are any, in the order of the levels.

        ``usual`` is the logarithm of what the key's size makes likely.
        """
        name, sized = (key.kind, key.snapshot), key.size_gib is not None
        own = self._sums[sized].get(name, _NOTHING)
        # The other snapshots' latencies, as one of this size would have them.
        known = self._sums_of_all.get((key.kind, sized), _NOTHING)
        distant = known.without(own).shifted(usual)
        others = [k for k in self._families.get(name, ()) if k is not key and k != key]
        if not others:
            return (distant,)
        return (
            distant,
            self._ready([k for k in others if k.node_class != key.node_class]),
            self._ready([k for k in others if k.node_class == key.node_class]),
        )

    def _ready(self, keys: list[LeadTimeKey]) -> Moments:
        """Return the latencies of some keys together."""
        return Moments.together([self._histories[key].ready for key in keys])

    def _summed(self, *, sized: bool) -> dict[_Name, Moments]:
        """Return each snapshot's latencies relative to the prior from size.

        Of its keys with a known size, or of those without.
        """
        summed: dict[_Name, Moments] = {}
        for name, family in self._families.items():
            parts = [
                self._histories[key].ready.shifted(-math.log(key.prior_seconds))
                for key in family
                if (key.size_gib is not None) is sized
            ]
            if parts:
                summed[name] = Moments.together(parts)
        return summed


def family_of(key: LeadTimeKey, known: Iterable[LeadTimeKey]) -> list[LeadTimeKey]:
    """Return the known keys of the same snapshot and node class, the key itself included."""
    return [
        other
        for other in known
        if other.snapshot == key.snapshot
        and other.kind == key.kind
        and other.node_class == key.node_class
    ]


def in_words(count: int, whose: str) -> str:
    """Say how many measurements there are."""
    return f"{count} measured restore{'' if count == 1 else 's'} {whose}"
