"""Lead times, learned from measured starts: frozen state in, new state out.

The logarithm of a latency is taken as normal, with a conjugate belief (lead_time_belief.py) that
starts from the snapshot's size and from the keys next of kin (lead_time_kin.py). Hangs are
separated from slow starts (censored.py), and what is older than a change of regime is forgotten
(lead_time_change.py). Must not read a clock, nor know of clusters.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from models.lead_time_change import find_shift
from models.lead_time_history import History
from models.lead_time_kin import Kin, family_of, in_words
from models.lead_time_values import (
    LeadTimeEstimate,
    LeadTimeKey,
    LeadTimeMeasurement,
    attempt_deadline,
)

__all__ = [
    "LeadTimeEstimate",
    "LeadTimeKey",
    "LeadTimeMeasurement",
    "LeadTimes",
    "attempt_deadline",
    "estimate",
    "learn",
    "measurements",
]

#: The keys heard of longest ago are forgotten beyond this many.
KEYS = 2000
_NOTHING = History()


# No slots: cached_property keeps its value in the instance's dictionary.
@dataclass(frozen=True, kw_only=True, eq=False)
class LeadTimes:
    """Everything learned; at most 2,000 keys of at most 200 measurements each.

    ``histories`` has the key heard of longest ago first.
    """

    histories: Mapping[LeadTimeKey, History] = field(default_factory=dict)

    @cached_property
    def kin(self) -> Kin:
        """The histories, indexed."""
        return Kin(self.histories)

    @cached_property
    def remembered(self) -> dict[tuple[LeadTimeKey | str, float | None], LeadTimeEstimate]:
        """The estimates already asked for, since the planner asks again at every tick.

        Of snapshots that were never started all of one kind and size are alike: one stands for all.
        """
        return {}


def learn(state: LeadTimes, measurement: LeadTimeMeasurement) -> LeadTimes:
    """Return the state after one more attempt ended."""
    key = measurement.key
    histories = dict(state.histories)
    histories[key] = histories.pop(key, _NOTHING).with_measurement(measurement)
    if len(histories) > KEYS:
        del histories[next(iter(histories))]
    learned = LeadTimes(histories=histories)
    if not measurement.ready:
        return _after_waits(learned, key)
    # A slower store shows in every locality and concurrency at once, with few measurements each;
    # a key that it spared gets its measurements back after a few that are as they were.
    family = family_of(key, histories)
    after = _since_shift(learned, family, measurement.at)
    if after is None and len(family) > 1:
        after = _since_shift(learned, [key], measurement.at)
    return after or learned


def estimate(state: LeadTimes, key: LeadTimeKey) -> LeadTimeEstimate:
    """Return what is known of the lead time of a key, seen before or not."""
    asked = (key if state.kin.has_started(key) else key.kind, key.size_gib)
    known = state.remembered.get(asked)
    if known is None:
        known = state.remembered[asked] = _estimate(state, key)
    return known


def measurements(state: LeadTimes) -> tuple[LeadTimeMeasurement, ...]:
    """Return what to store and learn again after a restart, oldest first."""
    held = itertools.chain.from_iterable(h.measurements for h in state.histories.values())
    return tuple(sorted(held, key=lambda measurement: measurement.at))


def _estimate(state: LeadTimes, key: LeadTimeKey) -> LeadTimeEstimate:
    prior = state.kin.prior(key)
    history = state.histories.get(key, _NOTHING)
    found = history.fit(prior.belief)
    count, basis = history.count, prior.basis
    if count:
        basis = in_words(count, "of this snapshot")
    if history.changed_at is not None:
        basis += " since it changed"
    return LeadTimeEstimate(
        belief=found.belief,
        never_share=found.never_share,
        measurements=count or prior.measurements,
        basis=basis,
        changed_at=history.changed_at,
    )


def _after_waits(state: LeadTimes, key: LeadTimeKey) -> LeadTimes:
    """Forget what was before the waits at a key's end, if those can't be chance."""
    history = state.histories[key]
    # One hang says little, and waits that nothing came before have nothing to be compared with.
    if not 2 <= len(history.waits_at_end) < history.count:
        return state
    after = history.after_waits(state.kin.prior(key).belief)
    return LeadTimes(histories={**state.histories, key: after})


def _since_shift(state: LeadTimes, keys: list[LeadTimeKey], at: float) -> LeadTimes | None:
    """Return the state with what is older than a change forgotten, or None without a change."""
    shift = find_shift([state.histories[key].stream() for key in keys])
    if shift is None:
        return None
    histories = dict(state.histories)
    for key, newer in zip(keys, shift.newer, strict=True):
        prior = state.kin.prior(key).belief
        histories[key] = histories[key].since(newer, prior, shift.size, at)
    return LeadTimes(histories=histories)
