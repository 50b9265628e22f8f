"""`headstart up` with a real broker hears of a campaign, and gives it up when nothing comes."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaProducer

from tests.conftest import started
from tests.parts.kafka import KafkaBroker
from tests.parts.service import HeadstartUp, until

STEP_SECONDS, TICK_SECONDS, GRACE_SECONDS, HOLD_SECONDS = 10.0, 0.5, 6.0, 3.0
#: A busy machine may come to a tick late.
LATE_SECONDS = 6.0
POLICY = f"""\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {{name: chat}}
spec:
  mode: Act
  demand:
    kafka: {{topic: campaign-requests}}
  capacity: {{demandPerReplica: 1}}
  limits: {{minReplicas: 4, maxReplicas: 30}}
  scaleDown: {{holdSeconds: {HOLD_SECONDS}, drainSeconds: 1}}
"""
ENVIRONMENT = "restore: {medianSeconds: 1, sigma: 0.1}\nstandby: {nodes: 40}\n"
pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture
def up(kafka_broker: KafkaBroker) -> Iterator[HeadstartUp]:
    kafka_broker.create_topic("campaign-requests")
    kafka_broker.create_topic("campaigns")
    options = ["--policy", "policy.yaml", "--environment", "world.yaml", "--tick-seconds", "0.5"]
    options += ["--kafka", kafka_broker.address, "--announcements-topic", "campaigns"]
    options += ["--announcements-grace-seconds", f"{GRACE_SECONDS}"]
    files = {"policy.yaml": POLICY, "world.yaml": ENVIRONMENT}
    with contextlib.ExitStack() as stack:
        stack.enter_context(requests_sent(kafka_broker))
        yield started(HeadstartUp(options, files), stack)


@contextlib.contextmanager
def requests_sent(broker: KafkaBroker) -> Iterator[None]:
    """Have had two requests a second for ten minutes, and have them go on."""
    producer = KafkaProducer(bootstrap_servers=broker.address, metrics_enabled=False)
    now = time.time()
    for half in range(-1200, 0):
        producer.send("campaign-requests", value=b"{}", timestamp_ms=round((now + half / 2) * 1000))
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.wait(0.5):
            producer.send("campaign-requests", value=b"{}")

    thread = threading.Thread(target=go_on, name="requests")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        producer.close(timeout=30)


def announce(broker: KafkaBroker, start: float, **attributes: Any) -> None:
    event = {
        "specversion": "1.0",
        "id": "sale",
        "source": "/marketing",
        "type": "dev.headstart.demand.announced",
        "data": {"workload": "chat", "start": start, "end": start + 3600, "floorPerSecond": 20},
        **attributes,
    }
    producer = KafkaProducer(bootstrap_servers=broker.address, metrics_enabled=False)
    producer.send("campaigns", value=b"poison")
    producer.send("campaigns", value=json.dumps(event).encode())
    producer.close(timeout=30)


def test_a_campaign_that_never_comes_raises_the_plan_in_time_and_is_given_up(
    up: HeadstartUp, kafka_broker: KafkaBroker
) -> None:
    up.watch("chat")
    until(lambda: up.plans and up.plans[-1]["leadTimeSeconds"] < 8, "a learned lead time")
    before = up.plans[-1]["target"]
    start = time.time() + 14
    announce(kafka_broker, start)
    until(lambda: up.plans[-1]["target"] >= 20, "a plan for the campaign")
    raised = next(plan for plan in up.plans if plan["target"] >= 20)
    lead_time_seconds = raised["leadTimeSeconds"]
    # Whatever touches a forecast's step counts for all of it.
    assert raised["at"] >= start - lead_time_seconds - STEP_SECONDS - TICK_SECONDS
    assert raised["at"] <= start - lead_time_seconds + LATE_SECONDS
    until(lambda: up.plans[-1]["target"] <= before + 2, "the campaign given up")
    lasted_until = max(plan["at"] for plan in up.plans if plan["target"] >= 20)
    # It was announced for an hour.
    assert lasted_until <= start + GRACE_SECONDS + HOLD_SECONDS + 5 * LATE_SECONDS
    assert up.says("campaigns-0: announcement at offset 0 skipped: event: is no JSON")
    assert up.says("announcement sale: its demand did not come")
    assert up.metrics()["headstart_announcements_total poison"] == 1
