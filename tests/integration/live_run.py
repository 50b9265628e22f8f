"""One run of `headstart up` on a real broker and a real Prometheus, as its user sees it.

Demand is a recorded one: nine days of a production model, each played in 240 s (what was done to
them is said in tests/data/README.md). Prometheus holds the days before. Headstart comes up in the
eighth day's night, learns, and meets that day's morning, a rise that no history holds: mornings
before rose from other levels, at other hours, and to other heights. Should the machine be so slow
that this morning has begun before all is learned, the ninth day's is met.
Demand then stays where the rise ended while the broker and Prometheus are killed in turn. What is
waited for here is a condition, never a time.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.parts.kafka import KafkaBroker
from tests.parts.process import ServerProcess
from tests.parts.prometheus import PrometheusServer
from tests.parts.remote_write import WrittenSeries
from tests.parts.service import HeadstartUp, until
from tests.parts.traffic import Trace, Traffic, recorded

RECORDED = Path(__file__).parents[1] / "data" / "servegen_m_small_600s.csv"
#: Seven days are then more steps of 2 s than a first fit needs.
DAY_SECONDS = 240.0
BIN_SECONDS = DAY_SECONDS / 144
#: So many requests in ten recorded minutes are one request a second here.
PER_RATE = 20_000.0
#: Mornings that may be met: those of the eighth and the ninth day, from 06:00 to 12:00.
MORNINGS_SECONDS = tuple((day + 6 / 24) * DAY_SECONDS for day in (7, 8))
RISE_SECONDS = 6 / 24 * DAY_SECONDS
#: From the traffic's start to its first morning; it begins at midnight.
FIRST_RISE_SECONDS = 60.0
#: How far back is asked for: what there is of days before the traffic, and not more.
HISTORY_SECONDS = MORNINGS_SECONDS[0] - FIRST_RISE_SECONDS - 10
#: Prometheus's answers settle for 5 s, its rate looks back for 5 s, and both have steps of 2 s.
SETTLED_SECONDS = 12.0
AGREE_SECONDS = 10.0
OUTAGE_SECONDS = 20.0
#: Counted events are known 2 s after their step's end, which is 2 s long; a query's answers 5 s.
FRESH_SECONDS = 5.0

CAPACITY, RESTORE_SECONDS = 3.0, 3.0
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
  limits: {{minReplicas: 3, maxReplicas: 24}}
  scaleDown: {{holdSeconds: 5, drainSeconds: 1}}
"""
ENVIRONMENT = f"""\
restore: {{medianSeconds: {RESTORE_SECONDS}, sigma: 0.15}}
standby: {{nodes: 30}}
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

    ``rise_at`` is when the morning that is met begins, ``busy`` the demand per second at its end.
    ``story`` is (plan, metrics of the same tick, what explain says of it), and ``demand`` is
    (outlook, metrics of the same tick).
    """

    up: HeadstartUp
    traffic: Traffic
    rise_at: float = math.nan
    busy: float = math.nan
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


def begin_trace(now: float) -> Trace:
    """Return the demand of the past days and of those that come."""
    return Trace(
        rates=recorded(RECORDED, per_rate=PER_RATE),
        bin_seconds=BIN_SECONDS,
        began_at=now + FIRST_RISE_SECONDS - MORNINGS_SECONDS[0],
    )


def write_history(prometheus: PrometheusServer, trace: Trace) -> None:
    """Give Prometheus the counter as it was up to now; it must not have scraped anything yet."""
    now = time.time()
    samples = trace.counter(now)
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
    """Wait until all is learned, then let the next morning be the last."""
    up = run.up
    until(lambda: up.plans, "a first plan")
    run.first_metrics = up.metrics()
    until(lambda: _is_learned(up.outlooks[-1:]), "a forecast that was fitted")
    until(lambda: up.plans[-1]["leadTimeSeconds"] < 3 * RESTORE_SECONDS, "a learned lead time")
    run.rise_at = _next_morning(run.traffic.trace, time.time() + 8)
    top_at = run.rise_at + RISE_SECONDS
    run.traffic.trace = replace(run.traffic.trace, stays_at=top_at)
    run.busy = run.traffic.trace.per_second(top_at)
    enough = top_at + SETTLED_SECONDS + AGREE_SECONDS
    until(lambda: up.plans[-1]["at"] > enough, "plans of the high demand", within_seconds=450)


def _next_morning(trace: Trace, after: float) -> float:
    mornings = [trace.began_at + morning for morning in MORNINGS_SECONDS]
    left = [at for at in mornings if at > after]
    assert left, "the recorded days are over before all was learned"
    return left[0]


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
