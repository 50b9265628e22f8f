"""Which forecast of one workload is used: our own, or one of others that has proved better."""

from __future__ import annotations

from models.forecast import Forecast
from models.series import DemandSeries
from predictor.told_forecast import fitted, noted, scored
from predictor.workload import Track


def best_forecast(track: Track, own: Forecast, now: float) -> Forecast:
    """Return the others' forecast while it can be used and has earned it, else our own."""
    others = track.demand.others
    if others is None:
        return own
    if others.remark:
        track.remarks = (*track.remarks, f"others' forecasts: {others.remark}")
    told = others.latest()
    if told is None:
        return own
    measured = track.reading.per_second if track.reading is not None else 0.0
    try:
        usable = fitted(told, own, measured=measured, now=now)
    except ValueError as error:
        track.remarks = (*track.remarks, f"others' forecast: {error}; our own is used")
        return own
    track.told = noted(track.told, own, usable)
    return usable if track.told.has_earned_trust else own


def judge_others(track: Track, steps: DemandSeries) -> None:
    """Score both forecasts by what was measured."""
    if track.demand.others is not None and track.forecast is not None:
        track.told = scored(track.told, steps, track.forecast.quantiles)
