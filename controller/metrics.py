"""The controller's Prometheus metrics, drawn from tick reports. Must not decide anything."""

from __future__ import annotations

from collections import Counter as Tallied

from prometheus_client import CollectorRegistry, Counter, Gauge

from controller.cluster_view import Fleet, Phase
from controller.learned import Learned
from controller.plan import Plan
from controller.policy import Mode
from controller.standby import pool_summary
from controller.start_metrics import StartMetrics
from controller.tallies import Tally
from controller.tick_report import TickReport
from models.forecast import WorkloadName

#: What a plan asks for: shown of plans that somebody may follow, so not in mode Observe.
_PLAN_GAUGES = {
    "target_replicas": "Replicas aimed at.",
    "floor_replicas": "Replicas that the forecast needs.",
    "reactive_replicas": "Replicas that demand already here needs.",
    "waiting_replicas": "Replicas that should start now and find no room.",
    "upcoming_replicas": "Replicas that the forecast needs later, and whose start is not due yet.",
}
_WORKLOAD_GAUGES = {
    "ready_replicas": "Replicas serving.",
    "restoring_replicas": "Replicas on their way.",
    "planned_lead_time_seconds": "From deciding to restore until serving, as planned with.",
    "quantile_level": "Share of outcomes that the demand planned for shall cover.",
    "plan_timestamp_seconds": "When the newest plan was made, since the epoch.",
    "objective_attained_ratio": "Share of demand served within the objective's wait, so far.",
    "objective_attainment_ratio": "Share of demand that the policy wants served in time.",
    "degraded": "1 if demand or forecast is not as it should be.",
}
_WORKLOAD_COUNTERS = {
    "demand": "Demand that arrived, in requests or tokens.",
    "misses": "Demand that waited longer than the objective allows.",
    "hits": "Restores that were ready before anybody waited for them.",
    "waste_gpu_seconds": "GPU time that ready replicas had to spare.",
}


class ControllerMetrics:
    """Collectors in one registry. ``observe`` is to be subscribed to the reconciler's reports.

    A workload whose policy has gone takes its series with it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the collectors.

        Raises:
            ValueError: if the registry has them already.
        """
        self._gauges = {
            name: Gauge(f"headstart_{name}", what, ["workload"], registry=registry)
            for name, what in (*_PLAN_GAUGES.items(), *_WORKLOAD_GAUGES.items())
        }
        self._counters = {
            name: Counter(f"headstart_{name}", what, ["workload"], registry=registry)
            for name, what in _WORKLOAD_COUNTERS.items()
        }
        self._lead_time = Gauge(
            "headstart_lead_time_seconds",
            "From deciding to restore until serving, as learned, by quantile.",
            # Plain "quantile" is reserved for summaries: promtool objects to it.
            ["workload", "quantile_level"],
            registry=registry,
        )
        self._plans = Counter(
            "headstart_plans", "Plans made.", ["workload", "reason"], registry=registry
        )
        self._starts = StartMetrics(registry)
        self._begin_cluster(registry)
        self._workloads: frozenset[WorkloadName] = frozenset()
        self._counted: dict[tuple[str, WorkloadName], float] = {}

    def _begin_cluster(self, registry: CollectorRegistry) -> None:
        self._nodes = Gauge(
            "headstart_standby_nodes", "Nodes of the pool.", ["state"], registry=registry
        )
        self._free = Gauge(
            "headstart_standby_free_gpus", "GPUs of fit nodes that nobody uses.", registry=registry
        )
        self._cluster_up = Gauge(
            "headstart_cluster_up", "1 if the cluster answered the last tick.", registry=registry
        )
        self._refused = Counter(
            "headstart_actions_refused", "Actions the cluster would not do.", registry=registry
        )

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
        self._starts.take(report.fleet, report.acted, report.measured, self._workloads)
        summary = pool_summary(report.fleet)
        self._free.set(summary.free_gpus)
        for state, count in summary.counts.items():
            self._nodes.labels(state.value).set(count)

    def show_learned(self, learned: Learned) -> None:
        """Show what the loop has learned of one workload that has a policy."""
        workload = learned.workload
        if workload not in self._workloads:
            return
        shares = {
            "objective_attained_ratio": learned.attained_share,
            "objective_attainment_ratio": learned.attainment,
        }
        for name, share in shares.items():
            if share is None:
                self._gauges[name].remove_by_labels({"workload": workload})
            else:
                self._gauges[name].labels(workload).set(share)
        self._count("demand", workload, learned.demand)
        for level, seconds in learned.lead_time_seconds:
            self._lead_time.labels(workload, f"{level:g}").set(seconds)

    def show_tally(self, workload: WorkloadName, tally: Tally) -> None:
        """Show what came of the plans for one workload that has a policy."""
        if workload in self._workloads:
            self._count("hits", workload, tally.hits)
            self._count("misses", workload, tally.misses)
            self._count("waste_gpu_seconds", workload, tally.waste_gpu_seconds)

    def _take_plan(self, plan: Plan, *, is_shown: bool) -> None:
        workload = plan.workload
        self._plans.labels(workload, plan.reason.value).inc()
        self._gauges["planned_lead_time_seconds"].labels(workload).set(plan.lead_time_seconds)
        self._gauges["quantile_level"].labels(workload).set(plan.quantile_level)
        self._gauges["plan_timestamp_seconds"].labels(workload).set(plan.at)
        asked = {
            "target_replicas": plan.target,
            "floor_replicas": plan.floor,
            "reactive_replicas": plan.reactive,
            "waiting_replicas": plan.waiting,
            "upcoming_replicas": sum(upcoming.count for upcoming in plan.upcoming),
        }
        for name, replicas in asked.items():
            if is_shown:
                self._gauges[name].labels(workload).set(replicas)
            else:
                self._gauges[name].remove_by_labels({"workload": workload})

    def _count_replicas(self, fleet: Fleet) -> None:
        tally = Tallied((replica.workload, replica.phase) for replica in fleet.replicas)
        for workload in self._workloads:
            self._gauges["ready_replicas"].labels(workload).set(tally[workload, Phase.READY])
            self._gauges["restoring_replicas"].labels(workload).set(
                tally[workload, Phase.RESTORING]
            )

    def _count(self, name: str, workload: WorkloadName, total: float) -> None:
        """Add what a total has grown by; one that fell has begun again."""
        before = self._counted.get((name, workload), 0.0)
        self._counted[name, workload] = total
        self._counters[name].labels(workload).inc(total - before if total >= before else total)

    def _forget_all_but(self, workloads: frozenset[WorkloadName]) -> None:
        for workload in self._workloads - workloads:
            mine: dict[str, str] = {"workload": workload}
            for gauge in self._gauges.values():
                gauge.remove_by_labels(mine)
            for counter in (*self._counters.values(), self._plans):
                counter.remove_by_labels(mine)
            self._lead_time.remove_by_labels(mine)
            self._starts.forget(workload)
            for name in _WORKLOAD_COUNTERS:
                self._counted.pop((name, workload), None)
        self._workloads = workloads
