"""One run of `headstart up` on a real broker and a real Prometheus, as its user sees it.

Demand has risen from 5 to 40 requests a second every two minutes for two hours, which Prometheus
knows. Headstart comes up, learns, and meets the next rise; demand then stays high while the
broker and Prometheus are killed in turn. What is waited for here is a condition, never a time.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.parts.kafka import KafkaBroker
from tests.parts.process import ServerProcess
from tests.parts.prometheus import PrometheusServer
from tests.parts.remote_write import WrittenSeries
from tests.parts.service import HeadstartUp, until
from tests.parts.traffic import Traffic, Wave

QUIET, BUSY = 5.0, 40.0
RISE_SECONDS, PERIOD_SECONDS = 35.0, 120.0
POINTS = ((0.0, QUIET), (RISE_SECONDS, BUSY), (75.0, BUSY), (85.0, QUIET), (PERIOD_SECONDS, QUIET))
HISTORY_SECONDS = 7200.0
#: From the traffic's start to its first rise; the demand before that is quiet.
FIRST_RISE_SECONDS = 40.0
#: Prometheus's answers settle for 5 s, its rate looks back for 5 s, and both have steps of 2 s.
SETTLED_SECONDS = 12.0
AGREE_SECONDS = 10.0
OUTAGE_SECONDS = 20.0
#: Counted events are known 2 s after their step's end, which is 2 s long; a query's answers 5 s.
FRESH_SECONDS = 5.0

CAPACITY, MIN_REPLICAS, RESTORE_SECONDS = 5.5, 3, 3.0
POLICY = f"""\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {{name: chat}}
spec:
  mode: Act
  demand:
    kafka: {{topic: requests}}
    prometheus:
      query: sum(rate(requests_total[5s]))
      stepSeconds: 2
      historyDays: {HISTORY_SECONDS / 86400}
  capacity: {{demandPerReplica: {CAPACITY}}}
  limits: {{minReplicas: {MIN_REPLICAS}, maxReplicas: 12}}
  scaleDown: {{holdSeconds: 5, drainSeconds: 1}}
"""
ENVIRONMENT = f"""\
restore: {{medianSeconds: {RESTORE_SECONDS}, sigma: 0.15}}
standby: {{nodes: 20}}
"""
FILES = {"policy.yaml": POLICY, "world.yaml": ENVIRONMENT}


@dataclass(kw_only=True)
class Outage:
    """When a source was killed and made up for, and what was said in between."""

    killed_at: float
    degraded: Sequence[str]
    metrics: dict[str, float]
    recovered_at: float = math.inf


@dataclass(kw_only=True)
class Run:
    """The run as its user saw it; times in seconds since the epoch.

    ``story`` is (plan, metrics of the same tick, what explain says of it), and ``demand`` is
    (outlook, metrics of the same tick).
    """

    up: HeadstartUp
    traffic: Traffic
    rise_at: float = math.nan
    first_metrics: dict[str, float] = field(default_factory=dict)
    story: tuple[dict[str, Any], dict[str, float], dict[str, Any]] = field(init=False)
    demand: tuple[dict[str, Any], dict[str, float]] = field(init=False)
    outages: dict[str, Outage] = field(default_factory=dict)
    last_metrics: dict[str, float] = field(default_factory=dict)

    def outlooks(self, since: float, before: float) -> list[dict[str, Any]]:
        """Return those of the stream that have a reading, published in a span."""
        seen = self.up.outlooks
        return [one for one in seen if one["reading"] and since <= one["publishedAt"] < before]

    def plans(self, since: float, before: float) -> list[dict[str, Any]]:
        """Return the plans of a span."""
        return [plan for plan in self.up.plans if since <= plan["at"] < before]


def begin_wave(now: float) -> Wave:
    """Return the demand of the past two hours and of what comes."""
    return Wave(points=POINTS, began_at=now + FIRST_RISE_SECONDS)


def write_history(prometheus: PrometheusServer, wave: Wave) -> None:
    """Give Prometheus the counter as it was up to now; it must not have scraped anything yet."""
    now = time.time()
    samples = wave.counter(math.floor(now - HISTORY_SECONDS - 10), now)
    prometheus.remote_write(
        [WrittenSeries(name="requests_total", labels={"job": "history"}, samples=samples)]
    )


def options(broker: KafkaBroker, prometheus: PrometheusServer) -> list[str]:
    """Return what `headstart up` is told."""
    files = ["--policy", "policy.yaml", "--environment", "world.yaml", "--tick-seconds", "1"]
    return [*files, "--kafka", broker.address, "--prometheus", prometheus.url]


def play(run: Run, broker: KafkaBroker, prometheus: PrometheusServer) -> None:
    """Let everything happen, and note it."""
    run.up.watch("chat")
    _meet_a_rise(run)
    run.story = until(lambda: _story(run.up), "a plan and metrics of one tick")
    run.demand = until(lambda: _demand(run.up), "an outlook and metrics of one tick")
    _lose(run, broker, "kafka")
    _lose(run, prometheus, "prometheus")
    _count_everything(run)


def _meet_a_rise(run: Run) -> None:
    """Wait until all is learned, then let the next rise be the last."""
    up = run.up
    until(lambda: up.plans, "a first plan")
    run.first_metrics = up.metrics()
    until(lambda: _is_learned(up.outlooks[-1:]), "a forecast that was fitted")
    until(lambda: up.plans[-1]["leadTimeSeconds"] < 3 * RESTORE_SECONDS, "a learned lead time")
    run.rise_at = run.traffic.wave.next_rise(time.time() + 8)
    top_at = run.rise_at + RISE_SECONDS
    run.traffic.wave = replace(run.traffic.wave, stays_at=top_at)
    enough = top_at + SETTLED_SECONDS + AGREE_SECONDS
    until(lambda: up.plans[-1]["at"] > enough, "plans of the high demand", within_seconds=240)


def _is_learned(newest: Sequence[dict[str, Any]]) -> bool:
    return any(one["forecast"] and one["forecast"]["basis"] == "blend" for one in newest)


def _story(up: HeadstartUp) -> tuple[dict[str, Any], dict[str, float], dict[str, Any]] | None:
    plan, metrics, after = up.get("/v1/plans/chat"), up.metrics(), up.get("/v1/plans/chat")
    if plan is None or plan != after:
        return None
    return plan, metrics, up.explain("chat", at=plan["at"])


def _demand(up: HeadstartUp) -> tuple[dict[str, Any], dict[str, float]] | None:
    outlook, metrics = up.get("/v1/forecasts/chat"), up.metrics()
    return (outlook, metrics) if outlook and outlook == up.get("/v1/forecasts/chat") else None


def _lose(run: Run, server: ServerProcess, source: str) -> None:
    """Kill a server for a while, see what is said of it, and wait until it is made up for."""
    up, killed_at = run.up, time.time()
    server.kill()
    until(lambda: _said_of(up, source) and up.metrics()["headstart_degraded chat"], "an outage")
    outage = Outage(killed_at=killed_at, degraded=_said_of(up, source), metrics=up.metrics())
    run.outages[source] = outage
    until(lambda: time.time() > killed_at + OUTAGE_SECONDS, "the outage's end")
    server.start()
    until(lambda: _is_well(up), f"{source} made up for")
    outage.recovered_at = time.time()


def _said_of(up: HeadstartUp, source: str) -> list[str]:
    return [said for said in up.outlooks[-1]["degraded"] if said.startswith(f"{source}: ")]


def _is_well(up: HeadstartUp) -> bool:
    """Say whether both sources answer, and the newest demand is as new as counted events are."""
    newest, metrics = up.outlooks[-1], up.metrics()
    age_seconds = newest["publishedAt"] - newest["reading"]["measuredAt"]
    answer = all(metrics[f"headstart_source_up {name} chat"] for name in ("kafka", "prometheus"))
    return not newest["degraded"] and age_seconds < FRESH_SECONDS and answer


def _count_everything(run: Run) -> None:
    """Stop the traffic, and give the count time to reach what the broker has acknowledged."""
    run.traffic.stop()
    run.traffic.settle()
    with contextlib.suppress(AssertionError):  # the test says what is wrong with the count
        until(lambda: counted(run.up.metrics()) >= run.traffic.acknowledged, "", within_seconds=60)
    run.last_metrics = run.up.metrics()


def counted(metrics: dict[str, float], kind: str = "events") -> float:
    """Return what the metrics say became of the topic's events."""
    return metrics[f"headstart_events_total {kind} kafka chat"]
