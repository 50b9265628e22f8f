"""Metrics of a process's parts that keep count themselves: read when asked, nothing decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from controller.adapters.predictor import PredictorStream
from predictor.fitting import FitPool
from predictor.service import ForecastService


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


def show_connection(registry: CollectorRegistry, stream: PredictorStream) -> None:
    """Show whether a controller hears its predictor."""
    connected = Gauge(
        "headstart_predictor_connected",
        "1 while the predictor's stream is read.",
        registry=registry,
    )
    connected.set_function(lambda: float(stream.is_connected))
