"""What all answers about one span of steps say together. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.forecast import FloatArray
from models.outlook import DemandReading
from predictor.adapters.prometheus_answer import NO_SERIES, RangeAnswer
from predictor.adapters.prometheus_memory import PATIENCE_SECONDS
from predictor.adapters.prometheus_samples import Flags

#: For so long a step of a partial answer is waited for; then it is missing, as if never measured.
PARTIAL_PATIENCE_SECONDS = 600.0
_MASKED = "; such steps count as missing"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpanAnswer:
    """The steps of a span, the first one's number since the epoch.

    ``values`` are NaN where missing, odd or partial; ``least`` is what partial answers said of
    their steps, NaN elsewhere. Steps before the number ``complete`` will not change any more.
    """

    first: int
    step_seconds: float
    complete: int
    values: FloatArray
    least: FloatArray
    is_odd: Flags
    is_partial: Flags
    oddities: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def fault(self) -> str:
        """What is wrong with the query, if nothing of late could be demand; else empty."""
        late = slice(
            max(0, self._over - math.ceil(PATIENCE_SECONDS / self.step_seconds)), self._over
        )
        is_fault = (
            self._reaches_present
            and self.is_odd[late].any()
            and np.isnan(self.values[late]).all()
            and not self.is_partial[late].any()
        )
        return "; ".join(self.oddities) if is_fault else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything that is to be said of the span."""
        masked = tuple(oddity + _MASKED for oddity in self.oddities)
        none = () if self._has_series or not len(self.values) else (NO_SERIES,)
        return (*self.remarks, *masked, *none)

    @property
    def partial_from(self) -> int | None:
        """The number of the first complete step of a partial answer; None without one."""
        partial = np.flatnonzero(self.is_partial[: max(0, self._over)])
        return self.first + int(partial[0]) if len(partial) else None

    @property
    def at_least(self) -> DemandReading | None:
        """What demand is at the least, where the present is known from a partial answer alone."""
        if not self._reaches_present or np.isnan(least := self.least[self._over - 1]):
            return None
        return DemandReading(
            measured_at=self.complete * self.step_seconds,
            window_seconds=self.step_seconds,
            per_second=float(least),
            is_at_least=True,
        )

    @property
    def _over(self) -> int:
        return self.complete - self.first

    @property
    def _reaches_present(self) -> bool:
        return 0 < self._over <= len(self.values)

    @property
    def _has_series(self) -> bool:
        """Whether the query has a series; where the span reaches the present, still has one."""
        since = self._over - 1 if self._reaches_present else 0
        is_some = ~np.isnan(self.values) | self.is_odd | self.is_partial
        return bool(is_some[since:].any())


def complete_until(answer: SpanAnswer, *, now: float, partial_since: float | None) -> int:
    """Return the number of the step up to which all is known that ever will be.

    A step of a partial answer is waited for: nothing that follows it is handed on before. But
    once there was no other answer for long, that is not how to get a whole one: only the newest
    steps are waited for then, so that neither history nor the present is held up for ever.
    """
    partial_from = answer.partial_from
    if partial_from is None or partial_since is None:
        return answer.complete
    if now - partial_since < PARTIAL_PATIENCE_SECONDS:
        return partial_from
    given_up = math.floor((now - PARTIAL_PATIENCE_SECONDS) / answer.step_seconds)
    return min(answer.complete, max(partial_from, given_up))


def joined(
    known: FloatArray,
    answers: Sequence[RangeAnswer],
    *,
    first: int,
    complete: int,
    step_seconds: float,
) -> SpanAnswer:
    """Return what is known already with the answers, which go on from there."""
    nothing, no = np.full(len(known), np.nan), np.zeros(len(known), dtype=bool)
    missing = [np.full(len(one.values), np.nan) for one in answers]
    pairs = list(zip(answers, missing, strict=True))
    return SpanAnswer(
        first=first,
        step_seconds=step_seconds,
        complete=complete,
        values=np.concatenate([known, *(m if a.is_partial else a.values for a, m in pairs)]),
        least=np.concatenate([nothing, *(a.values if a.is_partial else m for a, m in pairs)]),
        is_odd=np.concatenate([no, *(one.is_odd for one in answers)]),
        is_partial=np.concatenate([no, *(np.full(len(m), a.is_partial) for a, m in pairs)]),
        oddities=_each_once(one.oddities for one in answers),
        remarks=_each_once(one.warnings for one in answers),
    )


def _each_once(texts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for some in texts for text in some))
