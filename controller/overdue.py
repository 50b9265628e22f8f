"""Starts under way that should be ready by now, and what they say of all others."""

from __future__ import annotations

from collections.abc import Sequence

from controller.cluster_view import RESTORING, Replica, StartKind


def overrun_seconds(
    ready: Sequence[Replica], others: Sequence[Replica], usual_seconds: float, *, now: float
) -> float:
    """Return what starts take at the least, if most that should be ready are not; 0 if they are.

    A slowdown shows in starts under way before the first of them ends. One alone may hang, so the
    longest under way does not count, and those that came ready meanwhile speak against it. Of cold
    starts, which take longer anyway, nothing is concluded.
    """
    if len(others) < 2:
        return 0.0
    late = [
        now - one.decided_at
        for one in others
        if one.phase is RESTORING
        and one.deadline_at > now
        and one.kind is StartKind.RESTORE
        and now - one.decided_at > usual_seconds
    ]
    if len(late) < 2:
        return 0.0
    late.sort()
    came = sum(
        usual_seconds < now - one.decided_at <= late[-1]
        for one in ready
        if one.kind is StartKind.RESTORE
    )
    return late[-2] if len(late) > came else 0.0
