"""The composition root of processes that work on a cluster. No decision is made here."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from controller.adapters import http as controller_http
from controller.adapters.keda.server import ScalerSettings
from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.events import EventWriter
from controller.adapters.kubernetes.lease import Leadership
from controller.adapters.kubernetes.lease_rules import LeaseSettings
from controller.adapters.kubernetes.policies import WatchedPolicies, policies_path
from controller.adapters.kubernetes.policy_book import PolicyBook
from controller.adapters.kubernetes.status import StatusWriter
from controller.adapters.kubernetes.status_boosts import StatusBoosts
from controller.loop_settings import LoopSettings, Surroundings
from controller.ports import Outlooks
from controller.reconciler import Reconciler
from controller.tick_state import TickSettings, TickState
from headstart.alert_wiring import AlertsIn
from headstart.demand_sources import Connections
from headstart.event_wiring import EventsOut, events_out
from headstart.forecast_options import TopicSetting
from headstart.health import health_routes
from headstart.keda_wiring import keda_parts
from headstart.kubernetes_cluster import ClusterKind, ClusterNeeds, RunningCluster
from headstart.kubernetes_demands import WatchedDemands
from headstart.kubernetes_metrics import ApiMetrics, show_caches, show_leadership
from headstart.kubernetes_options import KubernetesSetting
from headstart.kubernetes_tick import KubernetesTick
from headstart.live_forecaster import LiveForecaster
from headstart.loop_metrics import LoopMetrics
from headstart.outlook_sources import open_outlooks
from headstart.process import monotonic_seconds, together
from headstart.process_metrics import process_registry, show_predictor
from headstart.reach import LONGEST_REACH_SECONDS
from headstart.wiring import log_reasons
from predictor.adapters import http as predictor_http
from predictor.fitting import FitPool
from predictor.metrics import PredictorMetrics
from predictor.service import ForecastService
from predictor.settings import ServiceSettings

_SPREAD = random.Random()


async def run_kubernetes_controller(
    setting: KubernetesSetting, kind: ClusterKind, source: str | TopicSetting
) -> None:
    """Run the controller on a cluster and a predictor's stream or a topic until cancelled."""
    registry = process_registry()
    async with AsyncExitStack() as stack:
        outlooks, following = await open_outlooks(stack, registry, source)
        loop = await _loop(stack, setting, kind, registry, outlooks)
        routes = [
            *health_routes(registry, is_ready=loop.is_ready),
            *loop.routes(),
        ]
        parts = (*following, *loop.parts())
        await together(routes, setting.listen, setting.on_listening, *parts)


async def run_kubernetes_up(
    setting: KubernetesSetting, kind: ClusterKind, connections: Connections
) -> None:
    """Run predictor and controller in one process, on the cluster's policies, until cancelled."""
    registry = process_registry()
    pool = FitPool(max_workers=1)
    async with AsyncExitStack() as stack:
        stack.callback(pool.close)
        service = ForecastService(
            forecaster=LiveForecaster(pool, reach_seconds=LONGEST_REACH_SECONDS),
            settings=ServiceSettings(tick_seconds=setting.tick_seconds),
            metrics=PredictorMetrics(registry),
        )
        show_predictor(registry, pool, service)
        loop = await _loop(stack, setting, kind, registry, service)
        demands = WatchedDemands(service, connections, loop.clock)
        loop.policies.subscribe(demands.receive)
        routes = [
            *predictor_http.routes(service, registry),
            *loop.routes(),
        ]
        forecasting = service.run_forever(loop.clock, asyncio.sleep)
        parts = (forecasting, demands.run_forever(), *loop.parts())
        await together(routes, setting.listen, setting.on_listening, *parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loop:
    """A controller's loop with all that it works with; ``clock`` is the API server's."""

    clock: Callable[[], float]
    policies: WatchedPolicies
    leadership: Leadership
    cluster: RunningCluster
    reconciler: Reconciler[TickState]
    status: StatusWriter
    events: EventWriter
    alerts: AlertsIn
    scaler: ScalerSettings | None

    def routes(self) -> Sequence[BaseRoute]:
        """Return what is served of plans, and to Alertmanager."""
        return (*controller_http.routes(self.reconciler), *self.alerts.routes())

    def is_ready(self) -> bool:
        """Say whether policies and cluster have been seen."""
        return self.policies.cache.is_synced and self.reconciler.fleet is not None

    def parts(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Return what is to run until the process ends."""
        caches = (self.policies.cache, *self.cluster.caches)
        return (
            *(cache.run_forever() for cache in caches),
            self.leadership.run_forever(),
            self.cluster.run_forever(),
            self.reconciler.run_forever(),
            self.status.run_forever(),
            self.events.run_forever(),
            *keda_parts(self.scaler, self.reconciler, lambda: self.policies.book.good, self.clock),
        )


async def _loop(
    stack: AsyncExitStack,
    setting: KubernetesSetting,
    kind: ClusterKind,
    registry: CollectorRegistry,
    outlooks: Outlooks,
) -> _Loop:
    api = await KubernetesApi.connect(setting.kubeconfig)
    stack.push_async_callback(api.close)
    cache = ObjectCache(api, policies_path(), clock=api.clock, luck=_SPREAD.random)
    policies = WatchedPolicies(cache, kind.drivers)
    leadership = Leadership(
        api,
        LeaseSettings(namespace=setting.namespace, identity=setting.identity),
        monotonic=monotonic_seconds,
        clock=api.clock,
    )
    needs = ClusterNeeds(
        api=api, leadership=leadership, policies=policies, clock=api.clock, luck=_SPREAD.random
    )
    events = events_out(setting.events, stack, registry, is_leading=leadership.is_held)
    memory = functools.partial(StatusBoosts, api, cache)
    alerts = AlertsIn(setting.alerts, lambda: policies.book.good, registry, memory, api.clock)
    loop = _made(setting, needs, kind.make(needs), outlooks, events, alerts)
    _subscribe(loop, registry, api)
    loop.reconciler.subscribe(events.observe)
    return loop


def _made(
    setting: KubernetesSetting,
    needs: ClusterNeeds,
    cluster: RunningCluster,
    outlooks: Outlooks,
    events: EventsOut,
    alerts: AlertsIn,
) -> _Loop:
    api, policies, leadership = needs.api, needs.policies, needs.leadership
    witnessed, luck = events.witnessed(cluster), _SPREAD.random
    surroundings = Surroundings(
        cluster=witnessed, outlooks=outlooks, clock=needs.clock, luck=luck, wait=alerts.wait
    )
    reconciler = _reconciler(setting, needs, surroundings, alerts, cluster)
    return _Loop(
        clock=needs.clock,
        alerts=alerts,
        scaler=setting.scaler,
        policies=policies,
        leadership=leadership,
        cluster=cluster,
        reconciler=reconciler,
        status=StatusWriter(
            api,
            policies,
            lambda: reconciler.state,
            is_leading=leadership.is_held,
            clock=api.clock,
            obstacles=cluster.obstacles,
        ),
        events=EventWriter(
            api,
            lambda: policies.cache.objects,
            instance=setting.identity,
            is_leading=leadership.is_held,
            clock=api.clock,
        ),
    )


def _subscribe(loop: _Loop, registry: CollectorRegistry, api: KubernetesApi) -> None:
    """Have everybody told of each tick who wants to know."""
    api_metrics, policies, leadership = ApiMetrics(registry, api), loop.policies, loop.leadership
    reconciler = loop.reconciler
    metrics = LoopMetrics(registry, lambda: reconciler.state, lambda: policies.book.good.values())
    show_leadership(registry, leadership)
    show_caches(registry, (policies.cache, *loop.cluster.caches), api.clock)
    for observe in (
        policies.observe,
        loop.cluster.take,
        loop.status.observe,
        loop.events.observe,
        api_metrics.observe,
        metrics.observe,
        lambda report: log_reasons(report) if leadership.is_held() else None,
    ):
        reconciler.subscribe(observe)


def _reconciler(
    setting: KubernetesSetting,
    needs: ClusterNeeds,
    surroundings: Surroundings,
    alerts: AlertsIn,
    cluster: RunningCluster,
) -> Reconciler[TickState]:
    decide = KubernetesTick(
        needs.policies,
        is_leading=needs.leadership.is_held,
        settings=TickSettings(tick_seconds=setting.tick_seconds, has_scale_targets=True),
        boosts=alerts.in_force,
        obstacles=cluster.obstacles,
    )
    settings = LoopSettings(tick_seconds=setting.tick_seconds)
    reconciler = Reconciler(surroundings, decide, TickState(), {}, settings)

    def take(book: PolicyBook) -> None:
        reconciler.change_policies(decide, book.modes)

    needs.policies.subscribe(take)
    return reconciler
