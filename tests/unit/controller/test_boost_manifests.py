from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from controller.adapters.alert_payload import payload_of
from controller.boosts import Boost, BoostLimits
from models.forecast import WorkloadName

FOLDER = Path(__file__).parents[3] / "deploy" / "alertmanager"
CHAT = WorkloadName("inference/chat")
UNITS = {"s": 1, "m": 60}


def document(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def receiver(name: str) -> Any:
    return {one["name"]: one for one in document("alertmanager.yaml")["receivers"]}[name]


def seconds(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def test_the_example_rules_ask_for_boosts_within_the_limits() -> None:
    [group] = document("rules.yaml")["groups"]
    alerts = [
        {"status": "firing", "labels": rule["labels"], "annotations": rule["annotations"]}
        for rule in group["rules"]
    ]
    payload = payload_of(json.dumps({"alerts": alerts}).encode(), [CHAT])
    assert payload.faults == ()
    assert [alert.boost for alert in payload.alerts] == [Boost(replicas=2.0), Boost(multiplier=1.5)]
    limits = BoostLimits()
    assert all(alert.boost.replicas <= limits.most_replicas for alert in payload.alerts)
    assert all(alert.boost.multiplier <= limits.most_multiplier for alert in payload.alerts)


def test_the_example_route_repeats_before_a_boost_ends() -> None:
    [route, everybody] = document("alertmanager.yaml")["route"]["routes"]
    assert route["matchers"] == ['headstart_policy != ""']
    assert (route["continue"], everybody) == (True, {"receiver": "default"})
    # A repeat is sent at the first group_interval after repeat_interval.
    apart = seconds(route["repeat_interval"]) + seconds(route["group_interval"])
    assert apart < BoostLimits().lasts_seconds
    assert seconds(route["group_wait"]) == 0


def test_the_example_receiver_is_the_service_that_is_shipped() -> None:
    [webhook] = receiver("headstart")["webhook_configs"]
    service = yaml.safe_load((FOLDER.parent / "kustomize/base/service.yaml").read_text())
    name, [port] = service["metadata"], service["spec"]["ports"]
    host = f"{name['name']}.{name['namespace']}.svc:{port['port']}"
    assert webhook["url"] == f"http://{host}/v1/alerts"


def test_the_example_receiver_is_the_route_that_is_served() -> None:
    [webhook] = receiver("headstart")["webhook_configs"]
    assert webhook["url"].endswith("/v1/alerts")
    assert webhook["send_resolved"]
    assert webhook["http_config"]["authorization"]["type"] == "Bearer"
