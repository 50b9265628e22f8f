"""A controller's loop on a cluster, put together from its parts. No decision is made here."""

from __future__ import annotations

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
from controller.adapters.kubernetes.policies import WatchedPolicies, policies_path
from controller.adapters.kubernetes.policy_book import PolicyBook
from controller.adapters.kubernetes.status import StatusWriter
from controller.adapters.kubernetes.status_boosts import StatusBoosts
from controller.loop_settings import LoopSettings, Surroundings
from controller.ports import Outlooks
from controller.reconciler import Reconciler
from controller.tick_state import TickSettings, TickState
from headstart.alert_wiring import AlertsIn
from headstart.clock_doubts import ClockDoubts
from headstart.demand_watch import DemandWatch
from headstart.event_wiring import EventsOut, events_out
from headstart.keda_wiring import keda_parts
from headstart.kubernetes_cluster import ClusterKind, ClusterNeeds, RunningCluster
from headstart.kubernetes_metrics import ApiMetrics, show_caches, show_leadership
from headstart.kubernetes_options import KubernetesSetting
from headstart.kubernetes_tick import KubernetesTick
from headstart.loop_metrics import LoopMetrics
from headstart.process import monotonic_seconds
from headstart.settled_memory import SettledMemory
from headstart.wiring import log_reasons

_SPREAD = random.Random()


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesLoop:
    """A controller's loop with all that it works with; ``clock`` is the API server's."""

    clock: Callable[[], float]
    policies: WatchedPolicies
    leadership: Leadership
    cluster: RunningCluster
    reconciler: Reconciler[TickState]
    status: StatusWriter
    events: EventWriter
    alerts: AlertsIn
    demand: DemandWatch
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
            self.demand.run_forever(),
            self.status.run_forever(),
            self.events.run_forever(),
            *keda_parts(self.scaler, self.reconciler, lambda: self.policies.book.good, self.clock),
        )


async def kubernetes_loop(
    stack: AsyncExitStack,
    setting: KubernetesSetting,
    kind: ClusterKind,
    registry: CollectorRegistry,
    outlooks: Outlooks,
) -> KubernetesLoop:
    """Return a loop on a cluster; ``stack`` ends its connections."""
    api = await KubernetesApi.connect(setting.kubeconfig)
    stack.push_async_callback(api.close)
    cache = ObjectCache(api, policies_path(), clock=api.clock, luck=_SPREAD.random)
    policies = WatchedPolicies(cache, kind.drivers)
    leadership = Leadership(
        api,
        setting.lease,
        monotonic=monotonic_seconds,
        clock=api.clock,
    )
    needs = ClusterNeeds(
        api=api,
        leadership=leadership,
        policies=policies,
        clock=api.clock,
        luck=_SPREAD.random,
        agent_label=setting.agent_label,
    )
    events = events_out(setting.events, stack, registry, is_leading=leadership.is_held)
    memory = functools.partial(StatusBoosts, api, cache)
    alerts = AlertsIn(setting.alerts, lambda: policies.known, registry, memory, api.clock)
    doubted = ClockDoubts(outlooks, lambda: api.clock.ahead_seconds)
    loop = _made(setting, needs, kind.make(needs), doubted, events, alerts)
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
) -> KubernetesLoop:
    api, policies, leadership = needs.api, needs.policies, needs.leadership
    witnessed, luck = events.witnessed(cluster), _SPREAD.random
    surroundings = Surroundings(
        cluster=witnessed, outlooks=outlooks, clock=needs.clock, luck=luck, wait=alerts.wait
    )
    reconciler = _reconciler(setting, needs, surroundings, alerts, cluster)
    return KubernetesLoop(
        clock=needs.clock,
        alerts=alerts,
        demand=DemandWatch(
            outlooks,
            lambda: policies.book.in_force,
            lambda: {} if reconciler.is_in_trouble else reconciler.plans,
            alerts.cut_short,
        ),
        scaler=setting.scaler,
        policies=policies,
        leadership=leadership,
        cluster=cluster,
        reconciler=reconciler,
        status=_status(needs, cluster, reconciler),
        events=EventWriter(
            api,
            lambda: policies.cache.objects,
            instance=setting.lease.identity,
            is_leading=leadership.is_held,
            clock=api.clock,
        ),
    )


def _status(
    needs: ClusterNeeds, cluster: RunningCluster, reconciler: Reconciler[TickState]
) -> StatusWriter:
    return StatusWriter(
        needs.api,
        needs.policies,
        lambda: reconciler.state,
        is_leading=needs.leadership.is_held,
        clock=needs.clock,
        obstacles=lambda: {**cluster.refused_starts(), **cluster.obstacles()},
    )


def _subscribe(loop: KubernetesLoop, registry: CollectorRegistry, api: KubernetesApi) -> None:
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
        SettledMemory().observe,
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
