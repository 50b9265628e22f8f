"""One `headstart up` with a real Prometheus and a real Alertmanager about it.

Prometheus scrapes a server of vLLM and `up` itself, fires the shipped rules, and tells the
Alertmanager with the shipped route, which tells `up`. Only durations are cut: a test has no four
minutes for a repeat. What is waited for is a condition, never a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.conftest import started
from tests.parts.alertmanager import AlertmanagerServer
from tests.parts.exporter import Exporter
from tests.parts.prometheus import PrometheusServer
from tests.parts.relay import Passed, Relay
from tests.parts.service import HeadstartUp, until

DEPLOY = Path(__file__).parents[2] / "deploy"
TOKEN = "s3cret"
QUEUE = 'vllm:num_requests_waiting{service="chat"}'
REQUESTS = "gateway_requests_total"
#: What the shipped rule asks for.
BOOST_REPLICAS = 2
REPEATS = 3
#: Demand, what a replica serves of it, and how many are needed without and with the boost.
PER_SECOND, CAPACITY, NEEDED, BOOSTED = 4.0, 3, 2, 4

POLICY = f"""\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {{name: chat}}
spec:
  mode: Act
  demand:
    prometheus:
      query: sum(rate(gateway_requests_total[5s]))
      stepSeconds: 2
      historyDays: 0.01
  capacity: {{demandPerReplica: {CAPACITY}}}
  limits: {{minReplicas: 0, maxReplicas: 10}}
  scaleDown: {{holdSeconds: 1, drainSeconds: 0}}
"""
ENVIRONMENT = """\
restore: {medianSeconds: 1, sigma: 0.1}
standby: {nodes: 12}
"""
FILES = {"policy.yaml": POLICY, "world.yaml": ENVIRONMENT, "token": TOKEN}
OPTIONS = (
    *("--policy", "policy.yaml", "--environment", "world.yaml"),
    *("--alerts-token-file", "token", "--state", "state.db"),
)


@dataclass(kw_only=True)
class Run:
    """The parts, and what was seen.

    ``plans`` and ``metrics`` are those of ``up`` at the named moments, ``exposition`` is what it
    showed last.
    """

    up: HeadstartUp
    exporter: Exporter
    relay: Relay
    prometheus: PrometheusServer
    alertmanager: AlertmanagerServer
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    exposition: str = ""
    began_at: float = 0.0
    ended_at: float = 0.0

    def note(self, moment: str, ask: Callable[[dict[str, Any]], bool]) -> None:
        """Wait for a plan of which something holds, and keep it under a name."""
        self.plans[moment] = until(lambda: self._plan_if(ask), moment)
        self.metrics[moment] = self.up.metrics()

    def told(self, status: str) -> list[Passed]:
        """Return the notifications of a status that `up` has taken."""
        return [one for one in self.relay.accepted() if json.loads(one.body)["status"] == status]

    def _plan_if(self, ask: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        plan = self.up.get("/v1/plans/chat")
        return plan if plan is not None and ask(plan) else None


def shortened_rules() -> dict[str, Any]:
    """Return the shipped rules, which otherwise wait a while before they fire or end."""
    rules: dict[str, Any] = yaml.safe_load(
        (DEPLOY / "alertmanager" / "rules.yaml").read_text(encoding="utf-8")
    )
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
            rule.pop("keep_firing_for", None)
    return rules


def shipped_route(url: str, token: Path) -> dict[str, Any]:
    """Return the shipped configuration for a receiver at ``url``."""
    configuration: dict[str, Any] = yaml.safe_load(
        (DEPLOY / "alertmanager" / "alertmanager.yaml").read_text(encoding="utf-8")
    )
    [receiver] = [one for one in configuration["receivers"] if one["name"] == "headstart"]
    [webhook] = receiver["webhook_configs"]
    webhook["url"] = f"{url}/v1/alerts"
    webhook["http_config"]["authorization"]["credentials_file"] = str(token)
    return configuration


def begin(
    stack: ExitStack, folder: Path, *, tick_seconds: float = 1.0, repeats: str | None = "1s"
) -> Run:
    """Start everything; each part knows where the next one is.

    ``repeats`` None leaves the route as it is shipped.
    """
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    rules = folder / "rules.yaml"
    rules.write_text(yaml.safe_dump(shortened_rules()), encoding="utf-8")
    exporter = stack.enter_context(Exporter({QUEUE: 0.0}, {REQUESTS: PER_SECOND}))
    relay = stack.enter_context(Relay(""))
    configuration = shipped_route(relay.url, folder / "token")
    if repeats is not None:
        route = configuration["route"]["routes"][0]
        route |= {"group_interval": repeats, "repeat_interval": repeats}
    alertmanager = started(AlertmanagerServer(configuration), stack)
    server = PrometheusServer(rules=[rules], alertmanagers=[alertmanager.address])
    started(server, stack)
    ticks = ("--tick-seconds", f"{tick_seconds:g}")
    up = HeadstartUp([*OPTIONS, "--prometheus", server.url, *ticks], FILES)
    relay.target = up.url
    started(up, stack)
    server.scrape([exporter.target, up.url.removeprefix("http://")])
    return Run(up=up, exporter=exporter, relay=relay, prometheus=server, alertmanager=alertmanager)


def play(run: Run) -> None:
    """Let a queue grow and go, with a refusal, repeats and a crash in between."""
    run.began_at = time.time()
    run.note("before", lambda plan: plan["ready"] >= NEEDED and plan["reason"] != "boost")
    run.relay.faults.append(500)
    run.exporter.values[QUEUE] = 80.0
    run.note("boosted", _is_boosted)
    until(lambda: len(run.told("firing")) >= REPEATS, "repeats")
    run.note("repeated", _is_boosted)
    run.up.kill()
    # No repeat is to be what brings the boost back.
    run.relay.faults.extend([503] * 1000)
    run.up.start()
    run.note("restarted", _is_boosted)
    run.relay.faults.clear()
    run.exporter.values[QUEUE] = 0.0
    run.note("resolved", lambda plan: plan["target"] < BOOSTED and plan["reason"] != "boost")
    run.exposition = requests.get(f"{run.up.url}/metrics", timeout=30).text
    run.ended_at = time.time()


def _is_boosted(plan: dict[str, Any]) -> bool:
    return bool(plan["target"] == BOOSTED and plan["reason"] == "boost")
