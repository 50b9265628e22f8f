"""The measurements of one key since its last change, and what is remembered from before."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from functools import cached_property

from models.censored import CureFit, chance_of_wait, fit
from models.lead_time_belief import Belief, Moments
from models.lead_time_change import WINDOWS, Stream
from models.lead_time_trend import without_trend
from models.lead_time_values import LeadTimeMeasurement

#: How many measurements are kept one by one.
KEPT = 200
#: What older ones of the same regime may weigh. At a spread of 0.35 the 0.95 quantile of 200
#: measurements alone has a standard error of 4 %, of 600 one of 2 %.
ARCHIVED = 400.0
#: What a regime that ended is worth to the next one, in measurements: mean, and spread.
MEMORY_STRENGTH = 0.5
MEMORY_DOF = 8.0
#: So improbable a row of waits is no chance: four at a hang share of 5 %, seven at one of 20 %.
WAITS_BY_CHANCE = 2e-5
#: Instants of decisions are differences of large numbers: so close they are the same.
_SAME_SECONDS = 1e-3
#: A change is judged again from so many measurements on, and is beyond doubt after so many.
PROOF = 6
PROVED = 30
#: Regimes whose means differ by less than this many standard errors are one and the same.
ALIKE = 1.5


# No slots: cached_property keeps its value in the instance's dictionary. Every key's estimate is
# made anew whenever any key has learned, and its own measurements are nearly always the same.
@dataclass(frozen=True, kw_only=True)
class History:
    """One key's measurements, oldest first; all of one regime.

    ``archive`` sums up the ready ones and ``archived_never`` counts the others that were too many
    to keep; ``ready`` has the logarithms of all that became ready. ``memory`` is what was believed
    when the last change was noticed, at ``changed_at``; None before any. ``set_aside`` are the
    ready ones of the regime before, until the new one has proved itself.
    """

    measurements: tuple[LeadTimeMeasurement, ...] = ()
    archive: Moments = field(default_factory=Moments)
    archived_never: float = 0.0
    memory: Belief | None = None
    changed_at: float | None = None
    set_aside: Moments = field(default_factory=Moments)
    ready: Moments = field(init=False)

    def __post_init__(self) -> None:
        """Sum up the ready measurements once: every key of the same snapshot asks for it."""
        ready = self.archive.joined(Moments.of(m.log for m in self.measurements if m.ready))
        object.__setattr__(self, "ready", ready)

    def with_measurement(self, measurement: LeadTimeMeasurement) -> History:
        """Return the history with one more, the oldest moved to the archive if need be."""
        held = replace(self, measurements=(*self.measurements, measurement))
        return held._archived()._judged()

    @property
    def count(self) -> int:
        """How many measurements of this regime there are, archived ones included."""
        return len(self.measurements) + round(self.archive.count + self.archived_never)

    def stream(self) -> Stream:
        """Return the ready measurements, for the search for changes."""
        newest = [m for m in self.measurements if m.ready][-WINDOWS[-1] :]
        return Stream(
            times=tuple(m.at for m in newest),
            logs=tuple(m.log for m in newest),
            total=self.ready,
        )

    def fit(self, prior: Belief) -> CureFit:
        """Return what this regime says, starting from memory, or else from the prior."""
        return fit(self.memory or prior, self._as_of_now, self._given_up, self._failed)

    def since(self, newer: int, prior: Belief, shift: float, at: float) -> History:
        """Return the history that begins with the newest so many ready ones, the rest forgotten.

        With none of its own to begin with, the old belief stands in, moved by the ``shift`` that
        was noticed ``at`` that time.
        """
        before = self._before(newer)
        old = before.fit(prior).belief
        if newer == 0:
            moved = old.as_prior(strength=1.0, dof=MEMORY_DOF, shift=shift)
            return History(memory=moved, changed_at=at, set_aside=before.ready)
        start = [i for i, m in enumerate(self.measurements) if m.ready][-newer]
        return _regime(self.measurements[start:], old, before.ready)

    @cached_property
    def waits_at_end(self) -> tuple[LeadTimeMeasurement, ...]:
        """The newest attempts that were given up, one after the other, and not overtaken."""
        run = itertools.takewhile(lambda m: not (m.ready or m.failed), reversed(self.measurements))
        return tuple(m for m in run if not self._is_overtaken(m))[::-1]

    def after_waits(self, prior: Belief) -> History:
        """Return the history that begins with the waits at its end, if they can't be chance.

        One hang says little, but several in a row, at the rate that hangs had until then, say that
        starts have become slower than the deadline (or that none comes any more). Those that began
        together and end together say it only if none that began since has come.
        """
        waits = self.waits_at_end
        in_row = set(map(id, waits))
        before = tuple(m for m in self.measurements if id(m) not in in_row)
        old = replace(self, measurements=before).fit(prior)
        chance = 1.0
        for measurement in waits:
            chance *= chance_of_wait(measurement.log, old.belief, old.never_share)
        if chance > WAITS_BY_CHANCE:
            return self
        return _regime(waits, old.belief, self.ready)

    def _is_overtaken(self, measurement: LeadTimeMeasurement) -> bool:
        """Say whether an attempt decided no sooner had come by its end: then starts do come."""
        since = measurement.decided_at - _SAME_SECONDS
        return any(
            m.ready and m.decided_at >= since and m.at <= measurement.at for m in self.measurements
        )

    @cached_property
    def _given_up(self) -> tuple[float, ...]:
        return tuple(m.log for m in self.measurements if not m.ready and not m.failed)

    @cached_property
    def _failed(self) -> float:
        return self.archived_never + sum(m.failed for m in self.measurements)

    @cached_property
    def _as_of_now(self) -> Moments:
        return self.archive.joined(
            Moments.of(without_trend([m.log for m in self.measurements if m.ready]))
        )

    def _archived(self) -> History:
        if len(self.measurements) <= KEPT:
            return self
        oldest, rest = self.measurements[0], self.measurements[1:]
        if not oldest.ready:
            never = min(self.archived_never + 1, ARCHIVED)
            return replace(self, measurements=rest, archived_never=never)
        archive = self.archive.joined(Moments.of([oldest.log])).at_most(ARCHIVED)
        return replace(self, measurements=rest, archive=archive)

    def _judged(self) -> History:
        """Take back a change that more measurements don't bear out: it was chance."""
        if not self.set_aside.count or self.ready.count < PROOF:
            return self
        both = self.set_aside.joined(self.ready)
        variance = (self.set_aside.squares + self.ready.squares) / both.count
        apart = (self.ready.mean - self.set_aside.mean) ** 2
        standard_error = variance * (1 / self.ready.count + 1 / self.set_aside.count)
        if apart < ALIKE**2 * standard_error:
            archive = self.archive.joined(self.set_aside).at_most(ARCHIVED)
            return History(
                measurements=self.measurements,
                archive=archive,
                archived_never=self.archived_never,
            )
        return replace(self, set_aside=Moments()) if self.ready.count >= PROVED else self

    def _before(self, newer: int) -> History:
        ready = [i for i, m in enumerate(self.measurements) if m.ready]
        end = ready[-newer] if newer else len(self.measurements)
        return replace(self, measurements=self.measurements[:end])


def _regime(
    measurements: tuple[LeadTimeMeasurement, ...], old: Belief, set_aside: Moments
) -> History:
    return History(
        measurements=measurements,
        memory=old.as_prior(strength=MEMORY_STRENGTH, dof=MEMORY_DOF),
        changed_at=measurements[0].at,
        set_aside=set_aside,
    )
