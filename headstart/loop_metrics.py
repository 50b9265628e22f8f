"""What a loop's ticks, its memory and what came of it are shown as, in one registry."""

from __future__ import annotations

from collections.abc import Callable, Collection

from prometheus_client import CollectorRegistry

from controller.cluster_view import Fleet
from controller.learned import learned
from controller.metrics import ControllerMetrics
from controller.policy import WorkloadPolicy
from controller.tallies import Tally, restores_ready, tallied
from controller.tick_report import TickReport
from controller.tick_state import TickState, WorkloadState
from models.forecast import WorkloadName


class LoopMetrics:
    """``observe`` is to be subscribed to the reconciler's reports.

    ``state`` is what the loop remembers, ``policies`` are those in force. Hits, misses and waste
    count from the process's start, as Prometheus expects of counters.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        state: Callable[[], TickState],
        policies: Callable[[], Collection[WorkloadPolicy]],
    ) -> None:
        """Register the collectors."""
        self._metrics = ControllerMetrics(registry)
        self._state, self._policies = state, policies
        self._tallies: dict[WorkloadName, Tally] = {}
        self._fleet: Fleet | None = None

    def observe(self, report: TickReport) -> None:
        """Take in one tick."""
        self._metrics.observe(report)
        if report.fleet is None:
            return
        state, policies = self._state(), self._policies()
        ready = restores_ready(self._fleet, report.fleet)
        self._tallies = {
            policy.workload: tallied(
                self._tallies.get(policy.workload, Tally()),
                policy,
                state.workloads.get(policy.workload, WorkloadState()).outcomes,
                now=report.fleet.seen_at,
                ready=ready.get(policy.workload, 0),
            )
            for policy in policies
        }
        self._fleet = report.fleet
        for policy in policies:
            self._metrics.show_learned(learned(state, policy))
            self._metrics.show_tally(policy.workload, self._tallies[policy.workload])
