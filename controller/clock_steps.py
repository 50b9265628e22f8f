"""What is remembered of a workload once the clock was set back: no time in it has yet to come.

Else nothing would be learned, and what had just been wanted would be held, until that time has
come again. Forwards a clock may step: that is as if nobody had looked for a while.
"""

from __future__ import annotations

from dataclasses import replace

from controller.forecast_trust import ForecastTrust
from controller.jumps import interrupted
from controller.outcomes import Outcomes
from controller.shadow_fleets import Shadows
from controller.tick_state import WorkloadState
from models.outlook import SET_BACK_SECONDS


def set_right(state: WorkloadState, *, now: float) -> WorkloadState:
    """Return what is remembered, as it is unless the clock was set back since the last tick.

    ``now`` is in seconds since the epoch. What our clock has dated moves with it; what the clock of
    a source has dated, which may be another, is of now at the latest. The hold sets itself right.
    """
    back = state.hold.seconds_ahead(now)
    if back <= SET_BACK_SECONDS:
        return state
    shadows, began_at = state.shadows, state.began_at
    return state._replace(
        outcomes=_outcomes(state.outcomes, back, now),
        shadows=None if shadows is None else _shadows(shadows, back, now),
        trust=_trust(state.trust, now),
        began_at=None if began_at is None else began_at - back,
    )


def _outcomes(outcomes: Outcomes, back: float, now: float) -> Outcomes:
    return outcomes._replace(
        until=None if outcomes.until is None else min(outcomes.until, now),
        ready_log=tuple([(at - back, ready) for at, ready in outcomes.ready_log]),
        window_start=min(outcomes.window_start, now),
        jumps=interrupted(outcomes.jumps),
    )


def _shadows(shadows: Shadows, back: float, now: float) -> Shadows:
    times = tuple([at - back for at in shadows.times])
    return replace(shadows, until=min(shadows.until, now), times=times)


def _trust(trust: ForecastTrust, now: float) -> ForecastTrust:
    """Return the trust without what is awaited: nobody will measure those instants any more."""
    return trust._replace(
        awaited=(),
        issued_at=min(trust.issued_at, now),
        measured_at=min(trust.measured_at, now),
    )
