"""The controller's Prometheus metrics, drawn from tick reports. Must not decide anything."""

from __future__ import annotations

from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from controller.cluster_view import Fleet, Phase
from controller.learned import Learned
from controller.plan import Plan
from controller.policy import Mode
from controller.standby import pool_summary
from controller.start_endings import EndedStart, ended_starts
from controller.tick_report import TickReport
from models.forecast import WorkloadName

#: From a parked process to a cold start of a large model.
_DURATION_BUCKETS_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)

#: The label of the lead time that the plans rest on; the others are numbers.
PLANNED = "planned"

_WORKLOAD_GAUGES = {
    "target_replicas": "Replicas aimed at.",
    "ready_replicas": "Replicas serving.",
    "restoring_replicas": "Replicas on their way.",
    "objective_attained_ratio": "Share of demand served within the objective's wait, so far.",
    "degraded": "1 if demand or forecast is not as it should be.",
}


class ControllerMetrics:
    """Collectors in one registry. ``observe`` is to be subscribed to the reconciler's reports.

    A workload whose policy has gone leaves the gauges; its counters stay, as counters must.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the collectors.

        Raises:
            ValueError: if the registry has them already.
        """
        self._gauges = {
            name: Gauge(f"headstart_{name}", what, ["workload"], registry=registry)
            for name, what in _WORKLOAD_GAUGES.items()
        }
        self._lead_time = Gauge(
            "headstart_lead_time_seconds",
            "From deciding to restore until serving, by quantile.",
            ["workload", "quantile"],
            registry=registry,
        )
        self._restores = Counter(
            "headstart_restores", "Starts ended.", ["workload", "outcome"], registry=registry
        )
        self._durations = Histogram(
            "headstart_restore_duration_seconds",
            "From start to ready.",
            ["workload", "kind"],
            buckets=_DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self._plans = Counter(
            "headstart_plans", "Plans made.", ["workload", "reason"], registry=registry
        )
        self._nodes = Gauge(
            "headstart_standby_nodes", "Nodes of the pool.", ["state"], registry=registry
        )
        self._cluster_up = Gauge(
            "headstart_cluster_up", "1 if the cluster answered the last tick.", registry=registry
        )
        self._refused = Counter(
            "headstart_actions_refused", "Actions the cluster would not do.", registry=registry
        )
        self._last: TickReport | None = None
        self._workloads: frozenset[WorkloadName] = frozenset()
        self._lead_time_labels: set[tuple[str, str]] = set()

    def observe(self, report: TickReport) -> None:
        """Take in one tick."""
        self._cluster_up.set(report.is_cluster_up)
        self._refused.inc(len(report.refused))
        self._forget_all_but(frozenset(report.modes))
        if report.fleet is None:
            return
        for plan in report.plans:
            self._take_plan(plan, is_shown=report.modes.get(plan.workload) is not Mode.OBSERVE)
        self._count_replicas(report.fleet)
        for workload in report.modes:
            outlook = report.outlooks.get(workload)
            is_degraded = outlook is None or bool(outlook.degraded)
            self._gauges["degraded"].labels(workload).set(is_degraded)
        if self._last is not None and self._last.fleet is not None:
            for ended in ended_starts(self._last.fleet, report.fleet, self._last.acted):
                self._take_ending(ended)
        for state, count in pool_summary(report.fleet).counts.items():
            self._nodes.labels(state.value).set(count)
        self._last = report

    def show_learned(self, learned: Learned) -> None:
        """Show what the loop has learned of one workload that has a policy."""
        if learned.workload not in self._workloads:
            return
        if learned.attained_share is not None:
            self._gauges["objective_attained_ratio"].labels(learned.workload).set(
                learned.attained_share
            )
        for quantile, seconds in learned.lead_time_seconds:
            self._show_lead_time(learned.workload, f"{quantile:g}", seconds)

    def _take_plan(self, plan: Plan, *, is_shown: bool) -> None:
        self._plans.labels(plan.workload, plan.reason.value).inc()
        self._show_lead_time(plan.workload, PLANNED, plan.lead_time_seconds)
        if is_shown:
            self._gauges["target_replicas"].labels(plan.workload).set(plan.target)

    def _count_replicas(self, fleet: Fleet) -> None:
        tally = Tally((replica.workload, replica.phase) for replica in fleet.replicas)
        for workload in self._workloads:
            self._gauges["ready_replicas"].labels(workload).set(tally[workload, Phase.READY])
            self._gauges["restoring_replicas"].labels(workload).set(
                tally[workload, Phase.RESTORING]
            )

    def _take_ending(self, ended: EndedStart) -> None:
        self._restores.labels(ended.workload, ended.ending.value).inc()
        if ended.seconds is not None:
            self._durations.labels(ended.workload, ended.kind.value).observe(ended.seconds)

    def _show_lead_time(self, workload: WorkloadName, quantile: str, seconds: float) -> None:
        self._lead_time.labels(workload, quantile).set(seconds)
        self._lead_time_labels.add((workload, quantile))

    def _forget_all_but(self, workloads: frozenset[WorkloadName]) -> None:
        gone = self._workloads - workloads
        for workload in gone:
            for gauge in self._gauges.values():
                gauge.remove(workload)
        for label in [label for label in self._lead_time_labels if label[0] in gone]:
            self._lead_time.remove(*label)
            self._lead_time_labels.discard(label)
        self._workloads = workloads
