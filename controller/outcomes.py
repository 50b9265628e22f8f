"""What came of the plans: demand measured against the replicas that were ready for it.

The controller sees no queue. It reckons one: demand as measured flows in, ready replicas serve
at their capacity, first in first out; what would wait longer than the objective is late. So the
loop needs no signal beyond those that every policy has.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from typing import NamedTuple

from controller.flows import Flow, with_flow
from controller.jumps import Jumps, interrupted, looked_at

_RECENT_SECONDS = 14 * 86400.0
_SMOOTH_SECONDS = 30.0
#: An exponential mean is worth a plain one over twice its time constant.
SMOOTH_WINDOW_SECONDS = 2 * _SMOOTH_SECONDS
_PEAK_SECONDS = 5 * 86400.0
_LONGEST_QUEUE_SECONDS = 300.0
_LONGEST_GAP_SECONDS = 120.0  # what happened in a longer one is not known
_USUAL_SECONDS = 86400.0  # the memory of the long-run mean demand


# A tuple, as is most of what each tick makes anew of every workload: it takes less time to make.
class Outcomes(NamedTuple):
    """Running totals and the reckoned queue; demand in requests (or tokens).

    ``until`` is up to when demand has been taken in. ``ready_log`` has (time, ready replicas)
    from the last change at or before ``until`` on. ``window_*`` collect since ``window_start``,
    ``recent_*`` fade over two weeks. ``peak_per_second`` is the highest half-minute mean, which
    fades over days. ``jumps`` says how much of a jump lasts. ``flows`` are the readings of late.
    """

    until: float | None = None
    queue: float = 0.0
    ready_log: tuple[tuple[float, int], ...] = ()
    demand: float = 0.0
    late: float = 0.0
    idle_gpu_seconds: float = 0.0
    usual_per_second: float = 0.0
    seen_seconds: float = 0.0
    window_start: float = 0.0
    window_demand: float = 0.0
    window_late: float = 0.0
    recent_demand: float = 0.0
    recent_late: float = 0.0
    smooth_per_second: float = 0.0
    peak_per_second: float = 0.0
    jumps: Jumps = Jumps()
    flows: tuple[Flow, ...] = ()


class _Left(NamedTuple):
    """What some demand left when it was served: a queue, what was late, and idle GPUs."""

    queue: float
    late: float
    idle_gpu_seconds: float


def with_ready(
    outcomes: Outcomes, *, now: float, ready: int, ready_at: Iterable[float] = ()
) -> Outcomes:
    """Return the outcomes with the number of ready replicas of now noted.

    ``ready_at`` is since when each is, as far as that is known: those that came since the last look
    have served since then. Of who went nobody knows when, nor of who came back.
    """
    log = outcomes.ready_log
    if log and log[-1][1] == ready:
        return outcomes
    if not log or ready < log[-1][1]:
        return outcomes._replace(ready_log=(*log, (now, ready)))
    looked_at, before = log[-1]
    since = looked_at if outcomes.until is None else max(looked_at, outcomes.until)
    # Others' clocks may be ahead or behind, and who was away comes back: such count from now.
    came = heapq.nlargest(ready - before, [at for at in ready_at if since <= at <= now])
    at_once = ready - before - len(came)
    counts = {at: before + place for place, at in enumerate(reversed(came), start=1)}
    if at_once:
        counts[now] = ready
    return outcomes._replace(ready_log=(*log, *counts.items()))


def served(
    outcomes: Outcomes,
    *,
    until: float,
    per_second: float,
    capacity: float,
    wait_seconds: float,
    longest_gap_seconds: float = 0.0,
) -> Outcomes:
    """Return the outcomes after demand of ``per_second`` from the last time up to ``until``.

    ``capacity`` is what one replica serves per second. What happened in a gap of two minutes,
    or of ``longest_gap_seconds`` if that is longer, is not known.
    """
    since = outcomes.until
    if since is None or until - since > max(_LONGEST_GAP_SECONDS, longest_gap_seconds):
        # Begin again with an empty queue.
        return outcomes._replace(
            until=until,
            queue=0.0,
            window_start=until,
            window_demand=0.0,
            window_late=0.0,
            jumps=interrupted(outcomes.jumps),
        )
    if until <= since:
        return outcomes
    queue, late, idle = outcomes.queue, 0.0, 0.0
    for seconds, ready in _pieces(outcomes.ready_log, since, until):
        service = ready * capacity
        after, missed = _flow(queue, per_second, service, seconds, wait_seconds)
        taken = queue + per_second * seconds - after
        idle += ready * seconds - (taken / capacity if capacity > 0 else 0.0)
        # Who waits for minutes has gone away: nothing that ever came in may stand for good.
        queue = min(after, _LONGEST_QUEUE_SECONDS * max(per_second, service))
        late += missed
    left = _Left(queue=queue, late=late, idle_gpu_seconds=max(idle, 0.0))
    return _counted(outcomes, left, since=since, until=until, demand=per_second * (until - since))


def _counted(
    outcomes: Outcomes,
    left: _Left,
    *,
    since: float,
    until: float,
    demand: float,
) -> Outcomes:
    """Return the outcomes with a while's demand added, and what it left."""
    seconds = until - since
    per_second = demand / seconds
    memory = min(outcomes.seen_seconds + seconds, _USUAL_SECONDS)
    usual = outcomes.usual_per_second
    smooth = _toward(per_second, outcomes.smooth_per_second, seconds)
    peak = outcomes.peak_per_second * math.exp(-seconds / _PEAK_SECONDS)
    fade = math.exp(-seconds / _RECENT_SECONDS)
    jumps, total = outcomes.jumps, outcomes.demand + demand
    if until >= jumps.look_at:
        jumps = looked_at(
            jumps, at=until, per_second=per_second, mean_per_second=smooth, demand=total
        )
    return Outcomes(
        until=until,
        queue=left.queue,
        ready_log=_trimmed(outcomes.ready_log, until),
        demand=total,
        late=outcomes.late + left.late,
        idle_gpu_seconds=outcomes.idle_gpu_seconds + left.idle_gpu_seconds,
        usual_per_second=usual + (per_second - usual) * seconds / memory,
        seen_seconds=outcomes.seen_seconds + seconds,
        window_start=outcomes.window_start,
        window_demand=outcomes.window_demand + demand,
        window_late=outcomes.window_late + left.late,
        recent_demand=outcomes.recent_demand * fade + demand,
        recent_late=outcomes.recent_late * fade + left.late,
        smooth_per_second=smooth,
        peak_per_second=max(peak, smooth),
        jumps=jumps,
        flows=with_flow(outcomes.flows, Flow(seconds, per_second)),
    )


def _toward(per_second: float, smooth: float, seconds: float) -> float:
    """Return the smooth demand after a while of ``per_second``."""
    return per_second + math.exp(-seconds / _SMOOTH_SECONDS) * (smooth - per_second)


def queue_ahead(
    outcomes: Outcomes, *, now: float, per_second: float, window_seconds: float, capacity: float
) -> float:
    """Return the reckoned queue at ``now``.

    Demand is taken to go on as last measured for as long as that was measured for, then at no
    more than the mean of late: the rate of a few seconds says little of the minute after. Of the
    first span the replicas of now are taken, though some became ready within it: restores under
    way work a queue off besides, and to count it exactly asks for them twice.
    """
    if outcomes.until is None or not outcomes.seen_seconds:
        return 0.0
    # What was measured long ago says nothing of the queue since.
    end = min(now, outcomes.until + _LONGEST_GAP_SECONDS)
    turn = min(outcomes.until + window_seconds, end)
    serving = outcomes.ready_log[-1][1] * capacity
    queue = max(outcomes.queue + (per_second - serving) * max(turn - outcomes.until, 0.0), 0.0)
    rate = min(per_second, outcomes.smooth_per_second)
    for seconds, ready in _pieces(outcomes.ready_log, turn, end):
        queue = max(queue + (rate - ready * capacity) * seconds, 0.0)
    return queue


def _pieces(
    log: tuple[tuple[float, int], ...], since: float, until: float
) -> list[tuple[float, int]]:
    """Cut [since, until) where the number of ready replicas changed."""
    ready, pieces, at = (log[0][1] if log else 0), [], since
    for time, count in log:
        if time > since:
            cut = min(time, until)
            if cut > at:
                pieces.append((cut - at, ready))
                at = cut
        ready = count if time < until else ready
    if until > at:
        pieces.append((until - at, ready))
    return pieces


def _trimmed(log: tuple[tuple[float, int], ...], until: float) -> tuple[tuple[float, int], ...]:
    keep = 0
    while keep + 1 < len(log) and log[keep + 1][0] <= until:
        keep += 1
    return log[keep:]


def _flow(
    queue: float, demand: float, service: float, seconds: float, wait_seconds: float
) -> tuple[float, float]:
    """Return the queue after a while of constant rates, and the demand that came too late."""
    slope = demand - service
    limit = service * wait_seconds
    end = queue + slope * seconds
    if service <= 0:
        return end, demand * seconds
    after = max(end, 0.0)
    if queue >= limit and after >= limit:
        late_seconds = seconds
    elif queue < limit and end < limit:
        late_seconds = 0.0
    elif slope > 0:
        late_seconds = seconds - (limit - queue) / slope
    else:
        late_seconds = (queue - limit) / -slope
    return after, demand * min(max(late_seconds, 0.0), seconds)
