"""`headstart up` on a real broker and a real Prometheus: one run, told by what its user can read.

The run: demand has risen from 5 to 40 requests a second every two minutes for two hours, which
Prometheus knows. Headstart comes up, learns, and meets the next rise; demand then stays high
while the broker and Prometheus are killed in turn. Each test looks at one side of that run.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import started
from tests.parts.kafka import KafkaBroker
from tests.parts.process import ServerProcess
from tests.parts.prometheus import PrometheusServer
from tests.parts.remote_write import WrittenSeries
from tests.parts.service import HeadstartUp, until
from tests.parts.traffic import Traffic, Wave

pytestmark = pytest.mark.timeout(900)

QUIET, BUSY, CAPACITY = 5.0, 40.0, 5.0
RISE_SECONDS, STEP_SECONDS, RESTORE_SECONDS = 35.0, 2.0, 3.0
POINTS = [(0.0, QUIET), (RISE_SECONDS, BUSY), (75.0, BUSY), (85.0, QUIET), (120.0, QUIET)]
HISTORY_SECONDS = 7200.0
OUTAGE_SECONDS = 20.0
AGREE_SECONDS = 16.0
#: Prometheus's answers settle for 5 s, and its rate looks back another 5 s.
SETTLED_SECONDS = 12.0

POLICY = """\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec:
  mode: Act
  demand:
    kafka: {topic: requests}
    prometheus:
      query: sum(rate(requests_total[5s]))
      stepSeconds: 2
      historyDays: 0.0833333
  capacity: {demandPerReplica: 5}
  limits: {minReplicas: 3, maxReplicas: 12}
  scaleDown: {holdSeconds: 5, drainSeconds: 1}
"""
ENVIRONMENT = "restore: {medianSeconds: 3, sigma: 0.15}\nstandby: {nodes: 20}\n"


@dataclass(kw_only=True)
class Outage:
    """When a source was killed and had recovered, and what Headstart said in between."""

    killed_at: float
    metrics: dict[str, float]
    degraded: list[str]
    recovered_at: float = math.inf


@dataclass(kw_only=True)
class Run:
    """The run as its user saw it; times in seconds since the epoch."""

    up: HeadstartUp
    traffic: Traffic
    rise_at: float = math.nan
    first_metrics: dict[str, float] = field(default_factory=dict)
    outages: dict[str, Outage] = field(default_factory=dict)
    last_metrics: dict[str, float] = field(default_factory=dict)

    def outlooks(self, since: float, until: float) -> list[dict[str, Any]]:
        """Return those of the stream that have a reading, published in a span."""
        seen = self.up.outlooks
        return [one for one in seen if one["reading"] and since <= one["publishedAt"] < until]

    def plans(self, since: float, until: float) -> list[dict[str, Any]]:
        return [plan for plan in self.up.plans if since <= plan["at"] < until]


@pytest.fixture(scope="module")
def run(jars_of_kafka: Path, folder_of_prometheus: Path) -> Iterator[Run]:
    with contextlib.ExitStack() as stack:
        broker = started(KafkaBroker(jars=jars_of_kafka), stack)
        prometheus = started(PrometheusServer(binaries=folder_of_prometheus), stack)
        broker.create_topic("requests", partitions=2)
        wave = Wave(points=POINTS, began_at=time.time() + 40)
        traffic = stack.enter_context(Traffic(wave, broker=broker.address, topic="requests"))
        write_history(prometheus, wave)
        prometheus.scrape([traffic.target])
        addresses = ["--kafka", broker.address, "--prometheus", prometheus.url]
        options = ["--policy", "policy.yaml", "--environment", "world.yaml", "--tick-seconds", "1"]
        files = {"policy.yaml": POLICY, "world.yaml": ENVIRONMENT}
        up = started(HeadstartUp([*options, *addresses], files), stack)
        up.watch("chat")
        story = Run(up=up, traffic=traffic)
        meet_a_rise(story)
        lose(story, broker, "kafka")
        lose(story, prometheus, "prometheus")
        count_everything(story)
        yield story
    # kafka-python leaves the socket of each refused connection behind, unclosed.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def write_history(prometheus: PrometheusServer, wave: Wave) -> None:
    now = time.time()
    samples = wave.counter(math.floor(now - HISTORY_SECONDS - 10), now)
    prometheus.remote_write(
        [WrittenSeries(name="requests_total", labels={"job": "history"}, samples=samples)]
    )


def meet_a_rise(run: Run) -> None:
    """Wait until all is learned, then let the next rise be the last."""
    up = run.up
    run.first_metrics = until(lambda: "headstart_lead_time_seconds planned chat" in (
        metrics := up.metrics()) and metrics, "a first plan")
    until(lambda: any(is_learned(one) for one in up.outlooks[-1:]), "a forecast that was fitted")
    until(lambda: up.plans[-1]["leadTimeSeconds"] < 10, "a lead time that was learned")
    run.rise_at = run.traffic.wave.next_rise(time.time() + 12)
    top_at = run.rise_at + RISE_SECONDS
    run.traffic.wave = replace(run.traffic.wave, stays_at=top_at)
    enough = top_at + SETTLED_SECONDS + AGREE_SECONDS
    until(lambda: up.plans[-1]["at"] > enough, "plans on the plateau", within_seconds=240)


def is_learned(outlook: dict[str, Any]) -> bool:
    return bool(outlook["forecast"]) and outlook["forecast"]["basis"] == "blend"


def lose(run: Run, server: ServerProcess, source: str) -> None:
    """Kill a server for a while, see what is said of it, and wait until it is made up for."""
    up, killed_at = run.up, time.time()
    server.kill()
    until(lambda: says_of(up, source), f"{source} called down")
    outage = Outage(killed_at=killed_at, metrics=up.metrics(), degraded=says_of(up, source))
    run.outages[source] = outage
    until(lambda: time.time() > killed_at + OUTAGE_SECONDS, "the outage's end")
    server.start()
    is_up = f"headstart_source_up {source} chat"
    until(lambda: not up.outlooks[-1]["degraded"] and up.metrics()[is_up], f"{source} is back")
    outage.recovered_at = time.time()


def says_of(up: HeadstartUp, source: str) -> list[str]:
    return [said for said in up.outlooks[-1]["degraded"] if said.startswith(f"{source}: ")]


def count_everything(run: Run) -> None:
    """Stop the traffic, and wait until as many events are counted as the broker has."""
    run.traffic.stop()
    run.traffic.settle()
    with contextlib.suppress(AssertionError):
        until(lambda: counted(run.up.metrics()) == run.traffic.sent, "all", within_seconds=40)
    run.last_metrics = run.up.metrics()


def counted(metrics: dict[str, float], kind: str = "events") -> float:
    return metrics[f"headstart_events_total {kind} kafka chat"]
