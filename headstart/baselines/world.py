"""The world that baselines live in: what they can measure, and its nodes."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

import numpy as np

from controller.environment import Environment
from headstart.baselines.start_times import StartTimes
from headstart.trial import Trial
from models.forecast import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineReplica:
    """One replica that a baseline started; None where a time never came."""

    started_at: float
    ready_at: float | None
    released_at: float | None


class BaselineFleet:
    """Replicas of one baseline on the standby nodes: those that restore, and those that are ready.

    Each goes to the emptiest node. What a node takes with it when it is lost is started anew at
    once, as far as there is room. Whatever is asked for, it keeps to the policy's limits.
    """

    def __init__(self, trial: Trial, environment: Environment) -> None:
        """Begin without replicas, every node empty."""
        pool = environment.standby
        self._start_times = StartTimes(environment, origin=trial.origin)
        self._node_changes = _node_changes(environment, origin=trial.origin)
        self._end = trial.end
        self._within_limits = trial.within_limits
        self._room = pool.gpus_per_node // trial.gpus_per_replica
        self._used = dict.fromkeys(range(pool.nodes), 0)
        # Nodes by replicas; one whose count has changed since is passed over.
        self._emptiest = [(0, node) for node in self._used]
        self._wanted = 0
        self._restoring: list[tuple[float, float, int]] = []
        self._ready: list[tuple[float, float, int]] = []
        self._gone: list[BaselineReplica] = []

    @property
    def ready(self) -> int:
        """How many replicas serve."""
        return len(self._ready)

    @property
    def count(self) -> int:
        """How many replicas there are, restoring ones included."""
        return len(self._ready) + len(self._restoring)

    def begin(self, count: int, now: float) -> None:
        """Have replicas ready at once, at the beginning."""
        self.advance(now)
        self._wanted = self._within_limits(count)
        self._ready = [(now, now, self._place()) for _ in range(self._missing())]

    def advance(self, now: float) -> None:
        """Move time: restores end, nodes go and come back."""
        while self._node_changes and self._node_changes[0][0] <= now:
            at, node, is_back = self._node_changes.popleft()
            self._end_restores(at)
            if is_back:
                self._bring_back(node)
            else:
                self._lose(node, at)
            self._start_missing(at)
        self._end_restores(now)

    def scale_to(self, count: int, now: float) -> None:
        """Start what is missing; let go of those that restore first, then of the newest."""
        self._wanted = self._within_limits(count)
        self._start_missing(now)
        for _ in range(self.count - self._wanted):
            if self._restoring:
                last = max(self._restoring)
                self._restoring.remove(last)
                heapq.heapify(self._restoring)
                self._let_go(last[1], None, last[2], now)
            else:
                self._let_go(*self._ready.pop(), now)

    def replicas(self) -> tuple[BaselineReplica, ...]:
        """Return every replica ever started, when the trial has ended."""
        self.advance(self._end)
        staying = [
            BaselineReplica(started_at=started_at, ready_at=ready_at, released_at=None)
            for started_at, ready_at, _ in self._ready
        ]
        coming = [
            BaselineReplica(started_at=started_at, ready_at=ready_at, released_at=None)
            for ready_at, started_at, _ in self._restoring
        ]
        return (*self._gone, *staying, *coming)

    def _missing(self) -> int:
        """Return how many replicas are wanted more than there are, as far as there is room."""
        return min(self._wanted, self._room * len(self._used)) - self.count

    def _start_missing(self, now: float) -> None:
        for _ in range(self._missing()):
            ready_at = self._start_times.ready_at(now)
            heapq.heappush(self._restoring, (ready_at, now, self._place()))

    def _end_restores(self, now: float) -> None:
        while self._restoring and self._restoring[0][0] <= now:
            ready_at, started_at, node = heapq.heappop(self._restoring)
            self._ready.append((started_at, ready_at, node))

    def _place(self) -> int:
        """Take room on the emptiest node, the first of them by number."""
        used, node = heapq.heappop(self._emptiest)
        while self._used.get(node) != used:
            used, node = heapq.heappop(self._emptiest)
        self._use(node, used + 1)
        return node

    def _use(self, node: int, used: int) -> None:
        self._used[node] = used
        heapq.heappush(self._emptiest, (used, node))

    def _let_go(self, started_at: float, ready_at: float | None, node: int, now: float) -> None:
        self._use(node, self._used[node] - 1)
        self._gone.append(
            BaselineReplica(started_at=started_at, ready_at=ready_at, released_at=now)
        )

    def _lose(self, node: int, now: float) -> None:
        """End what is on a node, and have the node no more."""
        for one in [one for one in self._ready if one[2] == node]:
            self._let_go(*one, now)
        for _, started_at, _ in [one for one in self._restoring if one[2] == node]:
            self._let_go(started_at, None, node, now)
        self._ready = [one for one in self._ready if one[2] != node]
        self._restoring = [one for one in self._restoring if one[2] != node]
        heapq.heapify(self._restoring)
        self._used.pop(node, None)

    def _bring_back(self, node: int) -> None:
        if node not in self._used:
            self._use(node, 0)


def _node_changes(environment: Environment, *, origin: float) -> deque[tuple[float, int, bool]]:
    """Return when which node goes, or is back (True), in the order of time."""
    changes = []
    for loss in environment.node_losses:
        changes.append((origin + loss.at_seconds, loss.node, False))
        if loss.back_at_seconds is not None:
            changes.append((origin + loss.back_at_seconds, loss.node, True))
    return deque(sorted(changes, key=lambda change: change[0]))


def ticks(trial: Trial, every_seconds: float) -> FloatArray:
    """Return the instants of a control loop from the start of the scored part to its end."""
    count = int(np.ceil((trial.end - trial.start) / every_seconds))
    return np.asarray(trial.start + np.arange(count) * every_seconds, dtype=np.float64)


def measured_rates(
    trial: Trial, environment: Environment, instants: FloatArray, window_seconds: float
) -> FloatArray:
    """Return the demand per second that is measured at each instant; NaN without a measurement.

    It is the mean over the window that ended one metrics delay ago, of what of it is known.
    """
    values = trial.demand_per_second
    known = ~np.isnan(values)
    edges = trial.origin + np.arange(len(values) + 1) * trial.bin_seconds
    arrived = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values) * trial.bin_seconds)])
    seconds = np.concatenate([[0.0], np.cumsum(known * trial.bin_seconds)])
    last = instants - environment.metrics.delay_seconds
    first = last - window_seconds
    count = np.interp(last, edges, arrived) - np.interp(first, edges, arrived)
    span = np.interp(last, edges, seconds) - np.interp(first, edges, seconds)
    rates = np.divide(count, span, out=np.full(len(instants), np.nan), where=span > 1e-6)
    for outage in environment.metrics.outages:
        begin, end = trial.origin + outage.from_seconds, trial.origin + outage.to_seconds
        rates[(last >= begin) & (last < end)] = np.nan
    return np.asarray(rates)


def rate_at_start(trial: Trial, environment: Environment) -> float:
    """Return the demand per second of the minute measured at the start, else of the first bin."""
    rate = measured_rates(trial, environment, np.array([trial.start]), 60.0)[0]
    first = trial.rate_at(np.array([trial.start]))[0]
    return float(first if np.isnan(rate) else rate)
