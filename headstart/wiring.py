"""The composition root: which parts a process is made of. No decision is made here."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from controller.adapters import http as controller_http
from controller.adapters.simulated_cluster import SimulatedCluster
from controller.boosts import Boost
from controller.cluster_view import Fleet
from controller.environment import Environment
from controller.loop_settings import LoopSettings, Surroundings
from controller.policy import Mode, WorkloadPolicy
from controller.ports import Outlooks
from controller.reconciler import Reconciler
from controller.simulation import SimulatedWorld
from controller.tick import TickResult, tick
from controller.tick_report import Tick, TickReport
from controller.tick_state import TickSettings, TickState
from headstart.alert_wiring import AlertSetting, AlertsIn
from headstart.boost_store import stored_boosts
from headstart.event_wiring import EventSetting, EventsOut, events_out
from headstart.explanation import log_line
from headstart.forecast_options import TopicSetting
from headstart.health import health_routes
from headstart.live_forecaster import LiveForecaster
from headstart.loop_memory import LoopMemory, remembered
from headstart.loop_metrics import LoopMetrics
from headstart.outlook_sources import open_outlooks
from headstart.plan_facts import PlanFacts
from headstart.process import together
from headstart.process_metrics import process_registry, show_predictor
from headstart.reach import reach_seconds
from headstart.service_options import Address
from models.forecast import WorkloadName
from models.outlook import Outlook
from predictor.adapters import http as predictor_http
from predictor.adapters.store import Store
from predictor.fitting import FitPool
from predictor.metrics import PredictorMetrics
from predictor.service import ForecastService
from predictor.settings import ServiceSettings
from predictor.workload import WorkloadDemand

_log = logging.getLogger(__name__)
_SPREAD = random.Random()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every process is given. ``alerts`` None: Alertmanager is not answered."""

    policies: tuple[WorkloadPolicy, ...]
    listen: Address
    tick_seconds: float
    alerts: AlertSetting | None = None
    events: EventSetting | None = None
    on_listening: Callable[[int], None] | None = None


async def run_up(
    setting: Setting,
    demands: Sequence[WorkloadDemand],
    environment: Environment,
    state_file: Path | None,
) -> None:
    """Run predictor, controller, the simulated cluster and one server until cancelled."""
    registry = process_registry()
    pool = FitPool(max_workers=1)
    async with AsyncExitStack() as stack:
        stack.callback(pool.close)
        store = open_store(state_file, stack)
        service = forecast_service(setting, registry, pool, store)
        await service.set_workloads(demands, now=time.time())
        events = events_out(setting.events, stack, registry)
        reconciler, alerts = _reconciler(setting, registry, service, environment, store, events)
        routes = [
            *predictor_http.routes(service, registry),
            *controller_http.routes(reconciler),
            *alerts.routes(),
        ]
        await together(
            routes,
            setting.listen,
            setting.on_listening,
            service.run_forever(time.time, asyncio.sleep),
            reconciler.run_forever(),
        )


async def run_predictor(
    setting: Setting, demands: Sequence[WorkloadDemand], state_file: Path | None
) -> None:
    """Run the forecasting service and its server until cancelled."""
    registry = process_registry()
    pool = FitPool(max_workers=1)
    async with AsyncExitStack() as stack:
        stack.callback(pool.close)
        service = forecast_service(setting, registry, pool, open_store(state_file, stack))
        await service.set_workloads(demands, now=time.time())
        routes = predictor_http.routes(service, registry)
        await together(
            routes,
            setting.listen,
            setting.on_listening,
            service.run_forever(time.time, asyncio.sleep),
        )


async def run_controller(
    setting: Setting, source: str | TopicSetting, environment: Environment, state_file: Path | None
) -> None:
    """Run the controller on a predictor's stream or a topic, and its server, until cancelled."""
    registry = process_registry()
    async with AsyncExitStack() as stack:
        store = open_store(state_file, stack)
        outlooks, following = await open_outlooks(stack, registry, source)
        events = events_out(setting.events, stack, registry)
        reconciler, alerts = _reconciler(setting, registry, outlooks, environment, store, events)
        routes = [
            *health_routes(registry, is_ready=lambda: reconciler.fleet is not None),
            *controller_http.routes(reconciler),
            *alerts.routes(),
        ]
        await together(
            routes, setting.listen, setting.on_listening, *following, reconciler.run_forever()
        )


def open_store(state_file: Path | None, stack: AsyncExitStack) -> Store | None:
    """Return what keeps demand over restarts, if there is to be one; the stack closes it."""
    if state_file is None:
        return None
    store = Store(state_file)
    stack.callback(store.close)
    return store


def forecast_service(
    setting: Setting, registry: CollectorRegistry, pool: FitPool, store: Store | None
) -> ForecastService:
    """Return the forecasting service of a process, without workloads."""
    reach = reach_seconds(setting.policies, tick_seconds=setting.tick_seconds)
    service = ForecastService(
        forecaster=LiveForecaster(pool, reach_seconds=reach, tick_seconds=setting.tick_seconds),
        settings=ServiceSettings(tick_seconds=setting.tick_seconds),
        metrics=PredictorMetrics(registry),
        archive=store,
    )
    show_predictor(registry, pool, service)
    return service


def _reconciler(
    setting: Setting,
    registry: CollectorRegistry,
    outlooks: Outlooks,
    environment: Environment,
    store: Store | None,
    events: EventsOut,
) -> tuple[Reconciler[TickState], AlertsIn]:
    # Else a plan that is carried out in here reads as if pods had started.
    _log.info(
        "the cluster is simulated: no real replica starts or ends (--kubernetes plans for one)"
    )
    world = SimulatedWorld(environment, time.time())
    modes = {policy.workload: policy.mode for policy in setting.policies}
    memory = functools.partial(stored_boosts, store)
    alerts = AlertsIn(setting.alerts, lambda: modes, registry, memory)
    reconciler = Reconciler(
        Surroundings(
            cluster=events.witnessed(SimulatedCluster(world, time.time)),
            outlooks=outlooks,
            clock=time.time,
            luck=_SPREAD.random,
            wait=alerts.wait,
        ),
        _tick(setting, alerts.in_force),
        remembered(store) if store is not None else TickState(),
        modes,
        LoopSettings(tick_seconds=setting.tick_seconds),
    )
    metrics = LoopMetrics(registry, lambda: reconciler.state, lambda: setting.policies)
    reconciler.subscribe(metrics.observe)
    if store is not None:
        reconciler.subscribe(LoopMemory(store, lambda: reconciler.state).observe)
    reconciler.subscribe(events.observe)
    reconciler.subscribe(log_reasons)
    return reconciler, alerts


def _tick(
    setting: Setting, boosts: Callable[[float], Mapping[WorkloadName, Boost]]
) -> Tick[TickState]:
    """Return the decision by the setting's policies, and by the boosts in force at its time."""

    def decide(
        fleet: Fleet, outlooks: Mapping[WorkloadName, Outlook], state: TickState, now: float
    ) -> TickResult:
        settings = TickSettings(tick_seconds=setting.tick_seconds, boosts=boosts(now))
        return tick(fleet, outlooks, state, now, policies=setting.policies, settings=settings)

    return decide


def log_reasons(report: TickReport) -> None:
    """Log what each plan does and why; in mode Recommend what it would do, in Observe nothing."""
    for plan in report.plans:
        mode = report.modes.get(plan.workload)
        line = log_line(PlanFacts.of_plan(plan))
        if line and mode is not Mode.OBSERVE:
            verb = "" if mode is Mode.ACT else "would "
            _log.info("%s: %s%s", plan.workload, verb, line)
