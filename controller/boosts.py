"""Boosts: more demand than was measured, announced by alerts, for a while. Pure.

A boost only ever adds, within bounds of the server's and the policy's own, and ends by itself: an
alert may be wrong, come twice, come late, or never be resolved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from controller.policy import WorkloadPolicy
from models.forecast import WorkloadName
from models.outlook import SET_BACK_SECONDS

#: Of a SHA-256 in hexadecimal: 96 bits.
_ID_LETTERS = 24
#: A repeat that adds less than this share of a boost's time changes nothing worth keeping.
_WORTH_KEEPING = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Boost:
    """So many replicas' worth of demand more, and demand times so much; each may be neutral."""

    replicas: float = 0.0
    multiplier: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert that asks for a boost of one workload; resolved ones end it.

    ``fingerprint`` stands for its labels, which make it the same alert whoever tells it. When it
    began does not: where several Prometheis tell it, the earliest beginning comes to be told.
    ``moment`` is when it began, or ended once resolved, by the clock of who saw it (seconds since
    the epoch); None if that is not told.
    """

    fingerprint: str
    workload: WorkloadName
    boost: Boost
    is_firing: bool = True
    moment: float | None = None

    @property
    def id(self) -> str:
        """A short text that stands for the fingerprint, whatever that is made of."""
        words = json.dumps(self.fingerprint).encode()
        return hashlib.sha256(words).hexdigest()[:_ID_LETTERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostLimits:
    """The most that alerts may do, whatever they ask for; above it the policy's limits hold."""

    most_replicas: float = 10.0
    most_multiplier: float = 3.0
    lasts_seconds: float = 600.0
    most_alerts: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An alert's boost, None once resolved, and when it is forgotten.

    ``since`` is the latest moment told: of its beginning, or of its end.
    """

    workload: WorkloadName
    boost: Boost | None
    ends_at: float
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosts:
    """Everything heard that has not ended by its own time, by the ids of the alerts."""

    heard: Mapping[str, Heard] = field(default_factory=lambda: MappingProxyType({}))

    def with_alerts(
        self, alerts: Iterable[Alert], *, now: float, limits: BoostLimits
    ) -> tuple[Boosts, int]:
        """Return the boosts after these alerts, and how many found no room.

        Repeats of a firing start its time anew, near enough. Moments decide what counts, not the
        order in which they are told: what began after the end fires again; what began before was
        told late, by a second Alertmanager say, and does not bring back what was resolved.
        """
        heard = dict(self.at(now, limits).heard)
        left_out = 0
        for alert in alerts:
            before = heard.get(alert.id)
            if before is None and len(heard) >= limits.most_alerts:
                left_out += 1
                continue
            if before is None or not _is_old_news(before, alert):
                heard[alert.id] = _after(before, alert, now, limits)
        return replace(self, heard=MappingProxyType(heard)), left_out

    def changed_since(self, before: Boosts) -> Mapping[str, Heard]:
        """Return what is known here otherwise than before."""
        return {key: one for key, one in self.heard.items() if before.heard.get(key) != one}

    def begun_since(self, before: Boosts) -> tuple[WorkloadName, ...]:
        """Return the workload of each alert that asks for a boost here, and did not before."""
        return tuple(
            one.workload
            for key, one in self.heard.items()
            if one.boost is not None and not before.is_boosted_by(key)
        )

    def is_boosted_by(self, key: str) -> bool:
        """Say whether an alert asks for a boost."""
        known = self.heard.get(key)
        return known is not None and known.boost is not None

    def at(self, now: float, limits: BoostLimits) -> Boosts:
        """Return what has not ended by ``now``.

        What would end later than a boost that begins now is of before the clock was set back: when
        it should end nobody knows any more, so it has.
        """
        latest = now + limits.lasts_seconds + SET_BACK_SECONDS
        left = {key: one for key, one in self.heard.items() if now < one.ends_at <= latest}
        return self if len(left) == len(self.heard) else Boosts(heard=MappingProxyType(left))

    def in_force(self, now: float, limits: BoostLimits) -> Mapping[WorkloadName, Boost]:
        """Return the boost of each workload that has one.

        Of several alerts the strongest word counts, not their sum: they often tell one story.
        """
        strongest: dict[WorkloadName, Boost] = {}
        for one in self.at(now, limits).heard.values():
            if one.boost is not None:
                known = strongest.get(one.workload, Boost())
                strongest[one.workload] = Boost(
                    replicas=max(known.replicas, one.boost.replicas),
                    multiplier=max(known.multiplier, one.boost.multiplier),
                )
        return MappingProxyType(strongest)


def boost_per_second(boost: Boost | None, per_second: float, policy: WorkloadPolicy) -> float:
    """Return the demand that a boost adds to what is measured: the larger of its two words."""
    if boost is None:
        return 0.0
    by_replicas = boost.replicas * policy.demand_per_replica
    return max(by_replicas, (boost.multiplier - 1.0) * per_second, 0.0)


def _is_old_news(before: Heard, alert: Alert) -> bool:
    """Say whether an alert is told late, or its end once more; a firing told again is no old news.

    Whoever tells no moment means now.
    """
    if before.boost is not None:
        return not alert.is_firing and alert.moment is not None and alert.moment < before.since
    # An end that is repeated must not hold down for longer what may fire again.
    if alert.moment is None:
        return not alert.is_firing
    return alert.moment <= before.since


def _after(before: Heard | None, alert: Alert, now: float, limits: BoostLimits) -> Heard:
    """Return what is known of an alert once it was told."""
    since = now if alert.moment is None else alert.moment
    if before is not None:
        is_repeat = alert.is_firing and before.boost is not None
        since = before.since if is_repeat and alert.moment is None else max(since, before.since)
    told = Heard(
        workload=alert.workload,
        boost=_bounded(alert.boost, limits) if alert.is_firing else None,
        ends_at=now + limits.lasts_seconds,
        since=since,
    )
    return before if before is not None and _says_as_much(before, told, limits) else told


def _says_as_much(known: Heard, told: Heard, limits: BoostLimits) -> bool:
    is_same = replace(known, ends_at=told.ends_at) == told
    return is_same and told.ends_at - known.ends_at < _WORTH_KEEPING * limits.lasts_seconds


def _bounded(boost: Boost, limits: BoostLimits) -> Boost:
    return Boost(
        replicas=min(max(boost.replicas, 0.0), limits.most_replicas),
        multiplier=min(max(boost.multiplier, 1.0), limits.most_multiplier),
    )
