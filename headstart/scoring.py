"""The verdict on a run: which share of demand attained the objective, and what GPUs it cost.

The world is a fluid first-in-first-out queue. Demand inside a bin arrives evenly, all ready
replicas together serve ``capacity_per_replica`` each, and a request waits until the service
since its arrival exceeds the queue that it met. The solution is exact: queue and service are
piecewise linear, so they are followed from one change to the next, never in small time steps.
The queue is Lindley's (1952): net arrivals above their running minimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.policy import Cost
from headstart.trial import Capacity, Trial
from models.forecast import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a run attained and cost.

    ``demand`` and ``missed`` are requests of the scored part; ``missed`` ones waited too long.
    ``violation_seconds`` is how long requests that arrived were going to wait too long.
    ``idle_gpu_seconds`` were paid but served nothing, restores included.
    """

    attained_share: float
    demand: float
    missed: float
    gpu_seconds: float
    idle_gpu_seconds: float
    violation_seconds: float
    duration_seconds: float

    def money(self, cost: Cost) -> float:
        """Return what GPUs and missed requests cost."""
        return self.gpu_seconds / 3600 * cost.gpu_hour + self.missed * cost.missed_request

    @property
    def mean_gpus(self) -> float:
        """How many GPUs were paid on average."""
        return self.gpu_seconds / self.duration_seconds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueueCurve:
    """The queue and the service over time, linear between knots.

    ``queued[i]`` is the demand that waits at ``times[i]``. ``servable[i]`` is what the ready
    replicas could have served from the start until then, used or not; beyond the last knot
    they go on at ``last_service_per_second``.
    """

    times: FloatArray
    queued: FloatArray
    servable: FloatArray
    last_service_per_second: float

    def queue_at(self, instants: FloatArray) -> FloatArray:
        """Return the demand that waits at each instant."""
        return np.asarray(np.interp(instants, self.times, self.queued))

    def servable_until(self, instants: FloatArray) -> FloatArray:
        """Return what could have been served from the start until each instant."""
        beyond = np.maximum(instants - self.times[-1], 0.0)
        within = np.interp(instants, self.times, self.servable)
        return np.asarray(within + beyond * self.last_service_per_second)


def follow_queue(trial: Trial, capacity: Capacity) -> QueueCurve:
    """Follow the queue through the scored part, from empty at its start."""
    changes = capacity.ready.times
    changes = changes[(changes > trial.start) & (changes < trial.end)]
    times = np.union1d(trial.edges(), changes)
    widths = np.diff(times)
    service = trial.capacity_per_replica * capacity.ready.at(times[:-1])
    net = trial.rate_at(times[:-1] + widths / 2) - service
    level = np.concatenate([[0.0], np.cumsum(net * widths)])
    lowest = np.minimum.accumulate(level)
    queued = level - lowest
    servable = np.concatenate([[0.0], np.cumsum(service * widths)])

    # Where the queue runs empty inside a segment the curve has a knot that no change marks.
    empties = (queued[:-1] > 0) & (level[1:] < lowest[:-1])
    knots = times[:-1][empties] - queued[:-1][empties] / net[empties]
    order = np.argsort(np.concatenate([times, knots]), kind="stable")
    return QueueCurve(
        times=np.concatenate([times, knots])[order],
        queued=np.concatenate([queued, np.zeros(len(knots))])[order],
        servable=np.concatenate([servable, np.interp(knots, times, servable)])[order],
        last_service_per_second=float(service[-1]),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Segments:
    """The scored part cut so that in each piece all is linear."""

    middles: FloatArray
    widths: FloatArray
    demand: FloatArray
    late_share: FloatArray


def _judge(trial: Trial, curve: QueueCurve, cuts: FloatArray) -> _Segments:
    """Say for each piece of the scored part which share of its demand is late.

    A request at t is late if the service of (t, t + wait] does not exceed the queue at t.
    """
    wait = trial.wait_seconds
    # The service of the next ``wait`` seconds bends also ``wait`` before each change.
    bends = curve.times - wait
    bends = bends[(bends > trial.start) & (bends < trial.end)]
    times = np.union1d(np.union1d(curve.times, bends), cuts)
    ahead = curve.servable_until(times + wait) - curve.servable_until(times)
    spare = ahead - curve.queue_at(times)
    low = np.minimum(spare[:-1], spare[1:])
    high = np.maximum(spare[:-1], spare[1:])
    span = np.where(high > low, high - low, 1.0)
    late = np.where(high <= 0, 1.0, np.clip(-low / span, 0.0, 1.0))
    widths = np.diff(times)
    middles = times[:-1] + widths / 2
    return _Segments(
        middles=middles, widths=widths, demand=trial.rate_at(middles) * widths, late_share=late
    )


def score(trial: Trial, capacity: Capacity) -> Score:
    """Judge one run of replicas exactly.

    A scored part without any demand counts as attained in full.
    """
    curve = follow_queue(trial, capacity)
    pieces = _judge(trial, curve, np.empty(0))
    demand = float(pieces.demand.sum())
    missed = float(np.dot(pieces.demand, pieces.late_share))
    gpu_seconds = trial.gpus_per_replica * capacity.paid.area(trial.start, trial.end)
    served = demand - float(curve.queued[-1])
    busy_gpu_seconds = trial.gpus_per_replica * served / trial.capacity_per_replica
    late_seconds = np.where(pieces.demand > 0, pieces.widths * pieces.late_share, 0.0)
    return Score(
        attained_share=max(demand - missed, 0.0) / demand if demand > 0 else 1.0,
        demand=demand,
        missed=missed,
        gpu_seconds=gpu_seconds,
        idle_gpu_seconds=max(0.0, gpu_seconds - busy_gpu_seconds),
        violation_seconds=float(late_seconds.sum()),
        duration_seconds=trial.end - trial.start,
    )


def is_late_within(
    trial: Trial, capacity: Capacity, begins: FloatArray, ends: FloatArray
) -> NDArray[np.bool_]:
    """Say for each span [begin, end) whether any request that arrived in it was late."""
    spans = np.clip(np.stack([begins, ends]), trial.start, trial.end)
    pieces = _judge(trial, follow_queue(trial, capacity), spans.ravel())
    is_late = (pieces.demand > 0) & (pieces.late_share > 1e-9)
    seen = np.concatenate([[0], np.cumsum(is_late)])
    first, last = np.searchsorted(pieces.middles, spans)
    return np.asarray(seen[last] > seen[first])


def late_share_per_bin(
    trial: Trial, capacity: Capacity, *, bin_seconds: float = 60.0
) -> FloatArray:
    """Return the share of demand that is late in each bin from the start; NaN without demand."""
    count = max(1, int(np.ceil((trial.end - trial.start) / bin_seconds - 1e-9)))
    cuts = np.asarray(trial.start + np.arange(1, count) * bin_seconds, dtype=np.float64)
    pieces = _judge(trial, follow_queue(trial, capacity), cuts)
    place = np.minimum(((pieces.middles - trial.start) / bin_seconds).astype(np.int64), count - 1)
    demand = np.bincount(place, pieces.demand, count)
    late = np.bincount(place, pieces.demand * pieces.late_share, count)
    return np.asarray(np.divide(late, demand, out=np.full(count, np.nan), where=demand > 0))
