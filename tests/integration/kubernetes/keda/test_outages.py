"""What becomes of a Deployment while the scaler has no plan, loses a replica, or all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import yaml

from controller.adapters.keda.watchdog import STUCK_EXIT_CODE
from tests.integration.kubernetes.keda.reactive import Reactive
from tests.integration.kubernetes.keda.scaled import Scaled
from tests.integration.kubernetes.keda.scripted_scalers import ScriptedScalers
from tests.integration.kubernetes.shipped import DEPLOY

#: Of the shipped ScaledObjects.
POLL_SECONDS = 5.0
FALLBACK_REPLICAS = 6
#: The scaler's metric, as KEDA calls it, and a change of the ScaledObject that has it start anew.
METRIC = "s0-headstart-target"
ANOTHER_INTERVAL = '{"spec": {"pollingInterval": 6}}'


@pytest.fixture
def reactive() -> Iterator[Reactive]:
    made = Reactive()
    yield made
    made.close()


def test_a_stale_plan_brings_the_fallback_and_a_fresh_one_ends_it(
    chat: Scaled, scalers: ScriptedScalers
) -> None:
    scalers.plan(2)
    chat.scale_by("fallback", scalers.address)
    chat.reaches(2)
    scalers.stop_planning()
    chat.reaches(FALLBACK_REPLICAS)
    chat.becomes("Fallback", "True/")
    scalers.plan(3)
    chat.reaches(3)
    chat.becomes("Fallback", "False/NoFallbackFound")


def test_a_stale_plan_hands_over_to_the_reactive_trigger_and_a_fresh_one_takes_back(
    chat: Scaled, scalers: ScriptedScalers, reactive: Reactive
) -> None:
    scalers.plan(3)
    reactive.turn_to(5)
    chat.scale_by("formula", scalers.address, reactive=reactive.url)
    chat.reaches(3)
    scalers.stop_planning()
    chat.reaches(5)
    reactive.turn_to(8)
    chat.reaches(8)
    scalers.plan(9)
    chat.reaches(9)


def test_a_killed_replica_is_not_noticed(chat: Scaled, scalers: ScriptedScalers) -> None:
    scalers.plan(2)
    chat.scale_by("push", scalers.address)
    chat.reaches(2)
    for replica, target in zip(scalers.replicas, (5, 3), strict=True):
        replica.kill()
        scalers.plan(target)
        chat.reaches(target)
        chat.becomes("Ready", "True/ScaledObjectReady")
        replica.start()
        scalers.plan(target - 1)
        chat.reaches(target - 1)


def test_a_stuck_replica_ends_itself_and_nothing_is_scaled_to_zero(
    chat: Scaled, scalers: ScriptedScalers
) -> None:
    scalers.plan(4)
    chat.scale_by("push", scalers.address)
    chat.reaches(4)
    [stuck, _] = scalers.replicas
    stuck.get_stuck()
    assert stuck.ends() == STUCK_EXIT_CODE
    assert "the event loop is stuck" in stuck.log_tail(400)
    scalers.plan(6)
    chat.stays_up_until(6)
    stuck.start()
    scalers.plan(5)
    chat.stays_up_until(5)


def test_a_frozen_replica_is_ended_by_the_probe_and_nothing_is_scaled_to_zero(
    chat: Scaled, scalers: ScriptedScalers
) -> None:
    scalers.plan(4)
    chat.scale_by("push", scalers.address)
    chat.reaches(4)
    frozen, _ = scalers.replicas
    frozen.freeze()
    scalers.plan(6)
    # KEDA's calls have no deadline, so they hang until the kubelet has ended the process.
    time.sleep(seconds_to_the_kill())
    frozen.kill()
    chat.stays_up_until(6)
    frozen.start()
    scalers.plan(5)
    chat.stays_up_until(5)


def seconds_to_the_kill() -> float:
    """Return how long the shipped probe takes to have a silent process killed."""
    text = (DEPLOY / "kustomize" / "base" / "deployment.yaml").read_text(encoding="utf-8")
    [container] = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    probe = container["livenessProbe"]
    misses = probe["failureThreshold"] * probe["periodSeconds"]
    return float(misses + probe["timeoutSeconds"] + probe["terminationGracePeriodSeconds"])


def test_without_any_replica_nothing_moves_until_one_is_back(
    chat: Scaled, scalers: ScriptedScalers, reactive: Reactive
) -> None:
    """The limits that deploy/keda names: KEDA 2.21 then ignores the reactive trigger too.

    And afterwards it may ask that trigger alone, until the ScaledObject is changed.
    """
    scalers.plan(3)
    reactive.turn_to(5)
    chat.scale_by("formula", scalers.address, reactive=reactive.url)
    chat.reaches(3)
    for replica in scalers.replicas:
        replica.kill()
    reactive.turn_to(8)
    chat.becomes("HPAActive", "False")
    end = time.monotonic() + 3 * POLL_SECONDS
    while time.monotonic() < end:
        assert chat.replicas() == 3
        time.sleep(1.0)
    # Upwards, as the shipped formula waits a minute before it goes down.
    scalers.plan(9)
    scalers.replicas[0].start()
    chat.plane.until(lambda: chat.replicas() in (8, 9), "it moves again", within_seconds=120.0)
    # In its silence KEDA has struck the scaler's metric off the list of those that it asks for.
    # The scaler's stream has it put back, but what was cached by then goes by the old list.
    chat.plane.until(lambda: METRIC in chat.metrics(), "the metric is listed", within_seconds=180.0)
    chat.kubectl("patch", "scaledobject", "chat", "--type=merge", "-p", ANOTHER_INTERVAL)
    chat.reaches(9)
