"""Joins what several sources say of one workload's demand. Pure: no I/O, no clock.

Missing is never zero: a step that nobody knows stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast import FloatArray
from models.outlook import DemandReading
from models.series import (
    DemandSeries,
    merge,
    without_glitches,
    without_leaps,
    without_outages,
)
from predictor.ports import SourceReading

#: Sources that differ by more than this factor measure different things.
AGREEMENT_FACTOR = 1.25
#: A step that is not believed is named for as many steps, or until it has lasted.
SAID_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one source, by name, said of the span asked for."""

    source: str
    reading: SourceReading


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedDemand:
    """One workload's demand from all its sources.

    ``series`` covers the span asked for; its steps up to ``finished_until`` will not change.
    ``reading`` is the newest step known, or what the most trusted source knows since; None if
    there is no step. It may be of a leap that is missing from the series while it may soon end.
    """

    series: DemandSeries
    finished_until: float
    reading: DemandReading | None


def combine(answers: Sequence[Answer], *, now: float, patience_seconds: float) -> CombinedDemand:
    """Join the answers, the most trusted first, each of the same span.

    A step is finished once the most trusted source knows it, all say that no more will come,
    or one does and ``patience_seconds`` have passed since its end.

    Raises:
        ValueError: if there is no answer.
    """
    if not answers:
        raise ValueError("answers: none given")
    complete = [_complete(answer.reading) for answer in answers]
    believed = [without_leaps(series) for series in complete]
    learned = [without_glitches(series) for series in complete]
    masked = [without_outages(series) for series in learned]
    series = read = _joined(masked, believed)
    if any(_differ(*pair) for pair in zip(learned, believed, strict=True)):
        read = _joined([without_outages(one) for one in believed], believed)
    finished = _finished(answers, masked[0].values, now - patience_seconds)
    steps = len(finished) if finished.all() else int(np.argmin(finished))
    reading, recent = _reading(read, answers), answers[0].reading.recent
    if recent is not None and not _is_doubted(recent, complete[0], believed[0]):
        reading = _newest_of(reading, recent, believed[0])
    return CombinedDemand(
        series=series,
        finished_until=series.start + steps * series.step_seconds,
        reading=reading,
    )


def _differ(learned: DemandSeries, believed: DemandSeries) -> bool:
    return not np.array_equal(learned.values, believed.values, equal_nan=True)


def _joined(masked: Sequence[DemandSeries], believed: Sequence[DemandSeries]) -> DemandSeries:
    """Return each step by the first source that knows it, and zero where sources agree on that."""
    merged = merge(masked)
    return replace(merged, values=np.where(_agreed_idle(believed), 0.0, merged.values))


def agreement(first: DemandSeries, second: DemandSeries) -> float | None:
    """Return the second's demand as a share of the first's, over the steps both know.

    None if no step is known to both, or the first was idle throughout.
    """
    both = ~np.isnan(first.values) & ~np.isnan(second.values)
    total = float(first.values[both].sum())
    return float(second.values[both].sum()) / total if total > 0 else None


def disagreements(answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return a sentence for each source that differs much from the most trusted one."""
    sentences = []
    for other in answers[1:]:
        first = answers[0]
        until = min(first.reading.complete_until, other.reading.complete_until)
        span = first.reading.series.start, until
        ratio = agreement(first.reading.series.between(*span), other.reading.series.between(*span))
        if ratio is not None and not 1 / AGREEMENT_FACTOR <= ratio <= AGREEMENT_FACTOR:
            sentences.append(f"{other.source}: disagrees with {first.source} by a large factor")
    return tuple(sentences)


def doubts(answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return a sentence for each source whose demand of late leapt beyond belief, or nearly so."""
    sentences = []
    for answer in answers:
        series = _complete(answer.reading)
        learned = without_glitches(series).values
        leaps = np.flatnonzero(np.isnan(learned) & ~np.isnan(series.values))
        last = int(leaps[-1]) if len(leaps) else -1
        if 0 <= last >= len(learned) - SAID_STEPS and not _has_lasted(series, learned, last):
            is_believed = not np.isnan(without_leaps(series).values[last])
            sentences.append(
                f"{answer.source}: a demand of {series.values[last]:g} at "
                f"{series.start + (last + 1) * series.step_seconds:.3f} is beyond all of the hour "
                f"before; not {'learned' if is_believed else 'believed'} unless it lasts"
            )
    return tuple(sentences)


def _has_lasted(series: DemandSeries, learned: FloatArray, leap: int) -> bool:
    """Say whether the first step learned after a leap was as far beyond what came before it."""
    later = np.flatnonzero(~np.isnan(learned[leap + 1 :]))
    if not len(later):
        return False
    # As if it were the first of the leap, whose other steps are missing here.
    until = replace(series, values=learned[: leap + 2 + int(later[0])])
    return bool(np.isnan(without_glitches(until).values[-1]))


def _complete(reading: SourceReading) -> DemandSeries:
    """Return what will not change: a step still growing must not stand before another's whole."""
    series = reading.series
    ends = series.start + series.step_seconds * np.arange(1, len(series.values) + 1)
    # Half a millisecond: the ends are sums of floats.
    values = np.where(ends <= reading.complete_until + 5e-4, series.values, np.nan)
    return DemandSeries(start=series.start, step_seconds=series.step_seconds, values=values)


def _agreed_idle(believed: Sequence[DemandSeries]) -> NDArray[np.bool_]:
    """Mark the steps where two sources or more say zero and none says more: no outage then."""
    values = np.array([series.values for series in believed])
    zeros = (values == 0).sum(axis=0)
    busy = (values > 0).any(axis=0)
    agreed: NDArray[np.bool_] = (zeros >= 2) & ~busy
    return agreed


def _finished(
    answers: Sequence[Answer], preferred: FloatArray, patient_until: float
) -> NDArray[np.bool_]:
    series = answers[0].reading.series
    ends = series.start + series.step_seconds * np.arange(1, len(preferred) + 1)
    # Half a millisecond: the ends are sums of floats.
    complete = np.array([ends <= one.reading.complete_until + 5e-4 for one in answers])
    known = complete[0] & ~np.isnan(preferred)
    finished: NDArray[np.bool_] = (
        known | complete.all(axis=0) | (complete.any(axis=0) & (ends <= patient_until))
    )
    return finished


def _reading(series: DemandSeries, answers: Sequence[Answer]) -> DemandReading | None:
    newest = _newest(series, max(answer.reading.complete_until for answer in answers))
    if newest is None:
        return None
    per_source = []
    for answer in answers:
        last = _newest(answer.reading.series, answer.reading.complete_until)
        if last is not None:
            per_source.append((answer.source, float(answer.reading.series.values[last])))
    return DemandReading(
        measured_at=series.start + (newest + 1) * series.step_seconds,
        window_seconds=series.step_seconds,
        per_second=float(series.values[newest]),
        sources=tuple(per_source),
    )


def _newest_of(
    reading: DemandReading | None, recent: DemandReading, believed: DemandSeries
) -> DemandReading | None:
    """Return the reading, renewed by what the most trusted source knows besides ``believed``.

    Of the others nothing newer is taken: from step to step, what they measure may differ. Sources
    are compared by whole steps. What demand is at the least is news only if that is more.
    """
    if reading is None:
        return recent if recent.is_at_least else None
    if recent.measured_at < reading.measured_at:
        return reading
    if recent.is_at_least and recent.per_second <= reading.per_second:
        return reading
    if recent.per_second == 0 and _looks_like_outage(believed):
        return reading
    return replace(recent, sources=reading.sources)


def _is_doubted(recent: DemandReading, complete: DemandSeries, believed: DemandSeries) -> bool:
    """Say whether the newest demand is a leap after what is complete, or of what is believed of it.

    It may share seconds with the step before, so it does not show that a leap there has lasted.
    """
    before = believed if np.isnan(believed.values[-1:]).any() else complete
    return bool(np.isnan(without_leaps(_longer(before, recent.per_second)).values[-1]))


def _looks_like_outage(believed: DemandSeries) -> bool:
    """Say whether a zero after a series would be taken for an outage."""
    return bool(np.isnan(without_outages(_longer(believed, 0.0)).values[-1]))


def _longer(series: DemandSeries, per_second: float) -> DemandSeries:
    return replace(series, values=np.append(series.values, per_second))


def _newest(series: DemandSeries, complete_until: float) -> int | None:
    """Return the index of the last known step that is complete."""
    complete = math.floor((complete_until - series.start) / series.step_seconds + 1e-6)
    known = np.flatnonzero(~np.isnan(series.values[: max(0, complete)]))
    return int(known[-1]) if len(known) else None
