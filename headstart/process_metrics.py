"""Metrics of a process's parts that keep count themselves: read when asked, nothing decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from controller.adapters.forecast_topic import ForecastTopic
from predictor.fitting import FitPool
from predictor.ports import PublishCounts
from predictor.service import ForecastService
from predictor.sharding import ShardReport


class _Count(Collector):
    """A count that somebody else keeps, shown as a counter."""

    def __init__(self, name: str, what: str, read: Callable[[], int]) -> None:
        self._name, self._what, self._read = name, what, read

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the count as it is now."""
        yield CounterMetricFamily(self._name, self._what, value=self._read())


def process_registry() -> CollectorRegistry:
    """Return a registry with what any process shows: its memory, CPU, files, and its version."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build = Gauge("headstart_build_info", "1.", ["version"], registry=registry)
    build.labels(version("headstart")).set(1)
    return registry


def show_predictor(registry: CollectorRegistry, pool: FitPool, service: ForecastService) -> None:
    """Show what a predictor's parts have lost so far."""
    crashes = "Worker processes that died at a fit."
    dropped = "Clients of the stream that were too slow and had to connect again."
    registry.register(_Count("headstart_fit_crashes", crashes, lambda: pool.crashes))
    registry.register(
        _Count("headstart_stream_clients_dropped", dropped, lambda: service.dropped_listeners)
    )


def show_connection(registry: CollectorRegistry, is_connected: Callable[[], bool]) -> None:
    """Show whether a controller hears its predictors."""
    connected = Gauge(
        "headstart_predictor_connected",
        "1 while the predictor's stream, or the forecast topic, is read.",
        registry=registry,
    )
    connected.set_function(lambda: float(is_connected()))


class _Kinds(Collector):
    """Counts by kind that somebody else keeps, shown as a counter."""

    def __init__(self, name: str, what: str, read: Callable[[], Mapping[str, int]]) -> None:
        self._name, self._what, self._read = name, what, read

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counts as they are now."""
        family = CounterMetricFamily(self._name, self._what, labels=["kind"])
        for kind, count in self._read().items():
            family.add_metric([kind], count)
        yield family


def show_forecast_topic(registry: CollectorRegistry, topic: ForecastTopic) -> None:
    """Show what became of the records that a controller read."""
    what = "Records of the forecast topic: taken, late (of one that had lost its turn), poison."
    registry.register(
        _Kinds(
            "headstart_forecast_records",
            what,
            lambda: {"taken": topic.records, "late": topic.late, "poison": topic.poison},
        )
    )


def show_shard(
    registry: CollectorRegistry,
    report: Callable[[], ShardReport],
    counts: Callable[[], PublishCounts],
) -> None:
    """Show what a predictor has of the whole, and what became of its forecasts."""
    gauges: tuple[tuple[str, str, Callable[[], float]], ...] = (
        (
            "headstart_shard_partitions_assigned",
            "Partitions of the forecast topic that are this predictor's.",
            lambda: len(report().assigned),
        ),
        (
            "headstart_shard_partitions_publishing",
            "Partitions that it may publish for just now.",
            lambda: len(report().publishing),
        ),
        (
            "headstart_shard_workloads",
            "Workloads that it forecasts.",
            lambda: len(report().workloads),
        ),
        (
            "headstart_shard_member",
            "1 while the group confirms that it takes part.",
            lambda: report().problem is None,
        ),
    )
    for name, what, read in gauges:
        Gauge(name, what, registry=registry).set_function(read)
    what = "Records for the forecast topic: published, failed, shortened, refused."
    registry.register(_Kinds("headstart_forecasts_published", what, lambda: asdict(counts())))
