"""Says in sentences what is wrong with one workload's forecast. Pure: no I/O, no clock."""

from __future__ import annotations

from models.forecast import MOVING_AVERAGE, Forecast
from predictor.workload import Track

#: Demand this much older than a step is said to be old, if no source is known to be down.
OLD_SECONDS = 60.0
_LOST = "forecast: lost to a moving average of late, which is used instead"


def degraded(track: Track, forecast: Forecast | None, *, now: float) -> tuple[str, ...]:
    """Return a short sentence for each thing that is not as it should be."""
    sentences = [
        f"{source}: {problem}; {_last_answer(track.answered_at.get(source), now)}"
        for source, problem in track.failures.items()
    ]
    sentences += track.remarks
    if _is_old(track, now) and track.reading is not None:
        age_seconds = now - track.reading.measured_at
        sentences.append(f"demand: the newest that is known is {age_seconds:.0f} s old")
    if forecast is None:
        sentences.append(_no_forecast(track, now))
    elif _is_plain(track):
        sentences.append(_LOST)
    return tuple(sentences)


def causes(track: Track, forecast: Forecast | None, *, now: float) -> frozenset[str]:
    """Return the same without what changes every second, to log each change once."""
    faults = {f"{source}: {problem}" for source, problem in track.failures.items()}
    faults |= set(track.remarks)
    if _is_old(track, now):
        faults.add("demand: nothing new is known")
    if forecast is None:
        faults.add("forecast: none yet" if track.forecast is None else "forecast: ran out")
    elif _is_plain(track):
        faults.add(_LOST)
    return frozenset(faults)


def unheard(track: Track) -> frozenset[str]:
    """Return the remarks that may still hold: of sources that fail now, nobody can tell."""
    return frozenset(
        remark
        for remark in track.remarked.difference(track.remarks)
        for source in track.failures
        # The other of two that disagree is named within.
        if remark.startswith(f"{source}: ") or f" {source} " in remark
    )


def _is_plain(track: Track) -> bool:
    # As the forecaster made it: a calendar adds to the basis.
    return track.forecast is not None and track.forecast.basis == MOVING_AVERAGE


def _is_old(track: Track, now: float) -> bool:
    if track.reading is None or track.failures or track.is_behind:
        return False
    return now - track.reading.measured_at > OLD_SECONDS + track.demand.step_seconds


def _last_answer(answered_at: float | None, now: float) -> str:
    return "no answer yet" if answered_at is None else f"last answer {now - answered_at:.0f} s ago"


def _no_forecast(track: Track, now: float) -> str:
    if track.forecast is not None:
        ended_at = track.forecast.issued_at + track.forecast.horizon_seconds
        return f"forecast: the last one ran out {now - ended_at:.0f} s ago"
    if track.is_behind and track.has_demand:
        return "forecast: none yet, history is being read"
    return "forecast: none yet"
