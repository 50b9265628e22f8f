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


class Prior(NamedTuple):
    """What to believe of a key, how many measurements stand behind it, and that in words."""

    belief: Belief
    measurements: int
    basis: str


class Kin:
    """All histories, indexed by snapshot; built once a state, asked by every key."""

    def __init__(self, histories: Mapping[LeadTimeKey, History]) -> None:
        """Sum up the histories."""
        # A cold start says nothing of a restore: each kind has families of its own.
        self._families: dict[tuple[str, str], list[tuple[LeadTimeKey, History]]] = {}
        for key, history in histories.items():
            self._families.setdefault((key.kind, key.snapshot), []).append((key, history))
        self._sums = {name: _sums(family) for name, family in self._families.items()}
        self._sums_of_all = {
            (kind, sized): Moments.together(
                sums[sized]
                for name, sums in self._sums.items()
                if name[0] == kind and sized in sums
            )
            for kind in {name[0] for name in self._sums}
            for sized in (True, False)
        }

    def has_started(self, key: LeadTimeKey) -> bool:
        """Say whether anything was measured of a key's snapshot, here or anywhere."""
        return (key.kind, key.snapshot) in self._families

    def prior(self, key: LeadTimeKey) -> Prior:
        """Return what size and kin say of a key."""
        usual = math.log(key.prior_seconds)
        belief = Belief(mean=usual, strength=PRIOR_STRENGTH, sigma=PRIOR_SIGMA, dof=PRIOR_DOF)
        basis = "prior for an unknown size" if key.size_gib is None else "prior from size"
        count = 0
        for found, (strength, whose) in zip(self._found(key, usual), _LEVELS, strict=True):
            if found.count:
                belief = belief.updated(found).as_prior(strength=strength, dof=MEMORY_DOF)
                count = round(found.count)
                basis = in_words(count, whose)
        return Prior(belief=belief, measurements=count, basis=basis)

    def _found(self, key: LeadTimeKey, usual: float) -> tuple[Moments, Moments, Moments]:
        """Return what kin took; ``usual`` is the logarithm of what the key's size makes likely."""
        family = self._families.get((key.kind, key.snapshot), [])
        others = [(k, h) for k, h in family if k is not key and k != key]
        if not others:
            return self._other_snapshots(key, usual), _NOTHING, _NOTHING
        return (
            self._other_snapshots(key, usual),
            Moments.together([h.ready for k, h in others if k.node_class != key.node_class]),
            Moments.together([h.ready for k, h in others if k.node_class == key.node_class]),
        )

    def _other_snapshots(self, key: LeadTimeKey, usual: float) -> Moments:
        """Return the other snapshots' latencies, as one of this size would have them."""
        # A latency of unknown size says little of one whose size is known, and the reverse.
        sized = key.size_gib is not None
        own = self._sums.get((key.kind, key.snapshot), {}).get(sized, _NOTHING)
        known = self._sums_of_all.get((key.kind, sized), _NOTHING)
        return known.without(own).shifted(usual)


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


def _sums(family: list[tuple[LeadTimeKey, History]]) -> dict[bool, Moments]:
    """Return latencies relative to the prior from size, of keys with a size and those without."""
    relative: dict[bool, list[Moments]] = {}
    for key, history in family:
        shifted = history.ready.shifted(-math.log(key.prior_seconds))
        relative.setdefault(key.size_gib is not None, []).append(shifted)
    return {sized: Moments.together(parts) for sized, parts in relative.items()}
