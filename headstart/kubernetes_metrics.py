"""Metrics of what a controller in Kubernetes stands on: the lease, the caches, the API."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.exchange import Exchange
from controller.adapters.kubernetes.lease import Leadership
from controller.tick_report import TickReport

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def show_leadership(registry: CollectorRegistry, leadership: Leadership) -> None:
    """Show who leads."""
    leader = Gauge("headstart_leader", "1 while this controller may act.", registry=registry)
    leader.set_function(lambda: float(leadership.is_held()))
    epoch = Gauge("headstart_lease_epoch", "How often the lease changed hands.", registry=registry)
    epoch.set_function(lambda: float(leadership.epoch))


def show_caches(
    registry: CollectorRegistry, caches: Sequence[ObjectCache], clock: Callable[[], float]
) -> None:
    """Show how much each cache holds, and how old its view is."""
    objects = Gauge("headstart_cache_objects", "Objects held.", ["path"], registry=registry)
    age = Gauge(
        "headstart_cache_age_seconds",
        "How long ago the objects were known to be right; infinite before the first list.",
        ["path"],
        registry=registry,
    )
    for cache in caches:
        objects.labels(cache.path).set_function(functools.partial(_count, cache))
        age.labels(cache.path).set_function(functools.partial(_age_seconds, cache, clock))
    registry.register(_Lists(caches))


def _count(cache: ObjectCache) -> float:
    return float(len(cache.objects))


def _age_seconds(cache: ObjectCache, clock: Callable[[], float]) -> float:
    now = clock()
    return now - cache.fresh_at(now)


class _Lists(Collector):
    """How many full lists each cache has read."""

    def __init__(self, caches: Sequence[ObjectCache]) -> None:
        self._caches = caches

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counts as they are now."""
        lists = CounterMetricFamily("headstart_cache_lists", "Full lists read.", labels=["path"])
        for cache in self._caches:
            lists.add_metric([cache.path], cache.relists)
        yield lists


class ApiMetrics:
    """Counts requests; ``observe`` is to be subscribed to the loop's reports."""

    def __init__(self, registry: CollectorRegistry, api: KubernetesApi) -> None:
        """Begin to listen."""
        self._api, self._at_last_tick = api, api.requests
        ahead = Gauge(
            "headstart_server_clock_ahead_seconds",
            "By how much the API server's clock is ahead of this machine's, once that is seconds.",
            registry=registry,
        )
        ahead.set_function(lambda: api.clock.ahead_seconds)
        self._requests = Counter(
            "headstart_api_requests", "Requests ended.", ["verb", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "headstart_api_request_duration_seconds",
            "Time to the answer, watches left out.",
            ["verb"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._per_tick = Gauge(
            "headstart_tick_api_requests", "Requests sent since the tick before.", registry=registry
        )
        api.subscribe(self._count)

    def observe(self, _: TickReport) -> None:
        """Take in that a tick has ended."""
        self._per_tick.set(self._api.requests - self._at_last_tick)
        self._at_last_tick = self._api.requests

    def _count(self, seen: Exchange) -> None:
        self._requests.labels(seen.verb, seen.outcome).inc()
        if seen.verb != "watch":
            self._seconds.labels(seen.verb).observe(seen.seconds)
