"""Metrics of the alerts that came in, and of the boosts in force: read when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.adapters.alertmanager import AlertIntake


def show_alerts(
    registry: CollectorRegistry, intake: AlertIntake, clock: Callable[[], float]
) -> None:
    """Show what an intake has taken."""
    registry.register(_Alerts(intake, clock))


class _Alerts(Collector):
    """Requests by status code, alerts by outcome, boosts by workload."""

    def __init__(self, intake: AlertIntake, clock: Callable[[], float]) -> None:
        self._intake, self._clock = intake, clock

    def collect(self) -> Iterator[Metric]:
        """Yield everything as it is now."""
        counts = self._intake.counts
        requests = CounterMetricFamily(
            "headstart_alert_requests", "Webhook requests answered.", labels=["code"]
        )
        for code, count in counts.requests.items():
            requests.add_metric([str(code)], count)
        alerts = CounterMetricFamily(
            "headstart_alerts", "Alerts that came in, repeats too.", labels=["outcome"]
        )
        for outcome, count in counts.alerts.items():
            alerts.add_metric([outcome], count)
        yield from (requests, alerts, *self._boosts())

    def _boosts(self) -> Iterator[Metric]:
        begun = CounterMetricFamily(
            "headstart_boosts", "Boosts begun; repeats begin none.", labels=["workload"]
        )
        replicas = GaugeMetricFamily(
            "headstart_boost_replicas",
            "Replicas' worth of demand that alerts add.",
            labels=["workload"],
        )
        multiplier = GaugeMetricFamily(
            "headstart_boost_multiplier_ratio",
            "What alerts multiply measured demand by.",
            labels=["workload"],
        )
        in_force = self._intake.in_force(self._clock())
        for workload in self._intake.workloads():
            begun.add_metric([workload], self._intake.counts.begun[workload])
            boost = in_force.get(workload)
            replicas.add_metric([workload], boost.replicas if boost else 0.0)
            multiplier.add_metric([workload], boost.multiplier if boost else 1.0)
        yield from (begun, replicas, multiplier)
