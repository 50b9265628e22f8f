"""The composition root of processes that work on a cluster. No decision is made here."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from headstart.demand_sources import Connections
from headstart.forecast_options import TopicSetting
from headstart.health import health_routes
from headstart.kubernetes_cluster import ClusterKind
from headstart.kubernetes_demands import WatchedDemands
from headstart.kubernetes_loop import kubernetes_loop
from headstart.kubernetes_options import KubernetesSetting
from headstart.live_forecaster import LiveForecaster
from headstart.outlook_sources import open_outlooks
from headstart.process import together
from headstart.process_metrics import process_registry, show_predictor
from headstart.reach import LONGEST_REACH_SECONDS
from predictor.adapters import http as predictor_http
from predictor.fitting import FitPool
from predictor.metrics import PredictorMetrics
from predictor.service import ForecastService
from predictor.settings import ServiceSettings


async def run_kubernetes_controller(
    setting: KubernetesSetting, kind: ClusterKind, source: str | TopicSetting
) -> None:
    """Run the controller on a cluster and a predictor's stream or a topic until cancelled."""
    registry = process_registry()
    async with AsyncExitStack() as stack:
        outlooks, following = await open_outlooks(stack, registry, source)
        loop = await kubernetes_loop(stack, setting, kind, registry, outlooks)
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
            forecaster=LiveForecaster(
                pool, reach_seconds=LONGEST_REACH_SECONDS, tick_seconds=setting.tick_seconds
            ),
            settings=ServiceSettings(tick_seconds=setting.tick_seconds),
            metrics=PredictorMetrics(registry),
        )
        show_predictor(registry, pool, service)
        loop = await kubernetes_loop(stack, setting, kind, registry, service)
        demands = WatchedDemands(service, replace(connections, clock=loop.clock), loop.clock)
        loop.policies.subscribe(demands.receive)
        routes = [
            *predictor_http.routes(service, registry),
            *loop.routes(),
        ]
        forecasting = service.run_forever(loop.clock, asyncio.sleep)
        parts = (forecasting, demands.run_forever(), *loop.parts())
        await together(routes, setting.listen, setting.on_listening, *parts)
