"""Whether a forecast is to be leaned on: what it said of demand, held against demand that came.

Whoever makes forecasts judges them too, over days and by small margins. This is the last guard,
for a forecast that is wildly wrong for whatever reason: far worse than to say that demand stays as
it is. Minutes of that are enough to plan without it, an hour or two of good ones to go back.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from models.forecast import KNOWN_EVENTS, Forecast
from models.outlook import DemandReading, Outlook

#: How long errors are remembered.
_MEMORY_SECONDS = 1800.0
#: Before so much was compared nothing is said.
_ENOUGH_SECONDS = 60.0
#: How far ahead forecasts are judged. What is wildly wrong throughout is noticed soonest there.
#: Errors that begin later are left to whoever forecasts: minutes ahead of sudden bursts an earnest
#: forecast is far off too, and still better than none.
_SOON_SECONDS = 30.0
#: A forecast may err as much as the plain one and by so much of demand besides. In replays of spiky
#: five-minute traffic earnest forecasts were never given up so.
_SHARE_OF_DEMAND = 0.2
#: Readings may be late: with steps of a second some minutes' forecasts are awaited, and no more.
_MOST_AWAITED = 1024


class Awaited(NamedTuple):
    """The median forecast of one instant, and the demand that was usual when it was made."""

    due_at: float
    said: float
    plain: float
    seconds: float


class ForecastTrust(NamedTuple):
    """What is remembered of the forecasts of one workload.

    ``excess`` is the error beyond what is allowed, in requests (or tokens), fading; ``seconds``
    is how long forecasts have been compared.
    """

    awaited: tuple[Awaited, ...] = ()
    issued_at: float = -math.inf
    measured_at: float = -math.inf
    excess: float = 0.0
    seconds: float = 0.0

    @property
    def is_lost(self) -> bool:
        """Say whether to plan without the forecast."""
        return self.excess > 0.0 and self.seconds >= _ENOUGH_SECONDS


def judged(
    trust: ForecastTrust,
    outlook: Outlook | None,
    *,
    now: float,
    plain_per_second: float,
) -> ForecastTrust:
    """Return the trust after a new reading and a new forecast, if there are.

    What a forecast says of half a minute ahead, or of half a minute after what was known, is
    compared, once that is measured, with what came and with ``plain_per_second``, the mean demand
    of now.
    """
    if outlook is None:
        return trust
    reading = outlook.reading
    # Of a part of demand nobody can tell whether the forecast of all of it was right.
    if reading and not reading.is_at_least and reading.measured_at > trust.measured_at:
        trust = _compared(trust, reading)
    forecast = outlook.forecast
    if forecast is None or forecast.issued_at <= trust.issued_at or _is_announced(forecast):
        return trust
    # What was known when it was issued is no forecast.
    known_until = forecast.issued_at + forecast.known_steps * forecast.step_seconds
    due_at = max(now, known_until) + _SOON_SECONDS
    return _awaiting(trust, forecast, due_at, plain_per_second)


def trusted(outlook: Outlook | None, trust: ForecastTrust) -> Outlook | None:
    """Return the outlook without its forecast if that can't be leaned on.

    What was announced is nobody's guess, and stays.
    """
    if outlook is None or outlook.forecast is None or not trust.is_lost:
        return outlook
    return outlook if _is_announced(outlook.forecast) else replace(outlook, forecast=None)


def _awaiting(
    trust: ForecastTrust, forecast: Forecast, due_at: float, plain_per_second: float
) -> ForecastTrust:
    """Return the trust that awaits what a new forecast says of an instant."""
    awaited, said = trust.awaited, _said(forecast, due_at)
    if said is not None:
        since = min(forecast.issued_at - trust.issued_at, forecast.step_seconds)
        coming = Awaited(due_at=due_at, said=said, plain=plain_per_second, seconds=since)
        awaited = (*awaited, coming)[-_MOST_AWAITED:]
    return ForecastTrust(
        awaited=awaited,
        issued_at=forecast.issued_at,
        measured_at=trust.measured_at,
        excess=trust.excess,
        seconds=trust.seconds,
    )


def _is_announced(forecast: Forecast) -> bool:
    return forecast.basis.endswith(KNOWN_EVENTS)


def _said(forecast: Forecast, due_at: float) -> float | None:
    """Return the median forecast of an instant, None beyond the horizon."""
    step = int(max(due_at - forecast.issued_at, 0.0) / forecast.step_seconds)
    return float(forecast.values[step, 0]) if step < len(forecast.values) else None


def _compared(trust: ForecastTrust, reading: DemandReading) -> ForecastTrust:
    """Return the trust after the demand of a while was measured."""
    until, actual = reading.measured_at, reading.per_second
    since = until - reading.window_seconds
    excess, seconds, awaited = trust.excess, trust.seconds, trust.awaited
    due = [one for one in awaited if one.due_at <= until]
    for one in due:
        if one.due_at > since:  # what was due before that was never measured
            allowed = abs(actual - one.plain) + _SHARE_OF_DEMAND * actual
            more = (abs(actual - one.said) - allowed) * one.seconds
            excess = excess * math.exp(-one.seconds / _MEMORY_SECONDS) + more
            seconds += one.seconds
    if due:
        awaited = tuple([one for one in awaited if one.due_at > until])
    return ForecastTrust(
        awaited=awaited,
        issued_at=trust.issued_at,
        measured_at=until,
        excess=excess,
        seconds=seconds,
    )
