"""Events on Kafka of a loop on a real control plane: leaders change, each thing is told once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conftest import started
from tests.integration.controller.told_topic import everything, replica_stages, without_repeats
from tests.integration.kubernetes.shipped import install_definition
from tests.parts.control_plane import ControlPlane
from tests.parts.kafka import KafkaBroker
from tests.parts.ports import free_port
from tests.parts.service import HeadstartUp
from tests.unit.controller.event_schemas import fitting

TOPIC, POOL, REPLICAS = "cluster-events", "headstart.dev/pool", 3
pytestmark = [pytest.mark.trial, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture
def own_nodes(control_plane: ControlPlane, namespace: str) -> Iterator[None]:
    """Nodes of the namespace's own pool."""
    install_definition(control_plane)
    names = control_plane.add_gpu_nodes(namespace, REPLICAS, gpus=1, labels={POOL: namespace})
    yield
    control_plane.kubectl("delete", "prerestorepolicy", "--all", "-n", namespace)
    control_plane.delete_nodes(names)


def a_policy(namespace: str) -> dict[str, Any]:
    """Return a policy whose least replicas are all that it ever needs."""
    template = {
        "metadata": {"annotations": {"lab/restore-seconds": "12"}},
        "spec": {"containers": [{"name": "worker", "image": "none"}]},
    }
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {
            "mode": "Act",
            "demand": {"prometheus": {"query": "d", "stepSeconds": 5, "historyDays": 0.01}},
            "capacity": {"demandPerReplica": 10},
            "target": {"podTemplate": template, "podSnapshotName": "chat-warm"},
            "restore": {"driver": "NvidiaSnapshot", "sizeGiB": 1, "timeoutSeconds": 60},
            "standby": {"nodeSelector": {POOL: namespace}},
            "limits": {"minReplicas": REPLICAS},
            "scaleDown": {"holdSeconds": 2, "drainSeconds": 1},
        },
    }


def a_controller(
    plane: ControlPlane, broker: KafkaBroker, namespace: str, name: str
) -> HeadstartUp:
    # Nobody measures demand here: the limits alone ask for replicas.
    nowhere = f"http://127.0.0.1:{free_port()}"
    words = ["--kubernetes", "--kubeconfig", str(plane.admin), "--namespace", namespace]
    words += ["--identity", name, "--prometheus", nowhere, "--tick-seconds", "1"]
    words += ["--kafka", broker.address, "--events-topic", TOPIC]
    return HeadstartUp(words, {})


def lives(broker: KafkaBroker) -> dict[str, list[tuple[str, str]]]:
    """Return what was told of each replica, repeats dropped."""
    return replica_stages(without_repeats(fitting(everything(broker, TOPIC))))


def test_lives_are_told_once_and_whole_though_the_leader_is_killed_in_between(
    control_plane: ControlPlane, namespace: str, own_nodes: None, kafka_broker: KafkaBroker
) -> None:
    plane = control_plane
    kafka_broker.create_topic(TOPIC, 3)
    whole = [("restore.started", ""), ("restore.ready", ""), ("replica.released", "released")]

    def are_told(stages: int) -> bool:
        told = lives(kafka_broker)
        assert all(life == whole[: len(life)] for life in told.values()), told
        return [len(life) for life in told.values()] == [stages] * REPLICAS

    with ExitStack() as stack:
        leader = started(a_controller(plane, kafka_broker, namespace, "leader"), stack)
        plane.until(lambda: leader.metrics().get("headstart_leader") == 1.0, "the first leads")
        heir = started(a_controller(plane, kafka_broker, namespace, "heir"), stack)
        plane.apply(a_policy(namespace))
        plane.until(lambda: are_told(1), "starts told", within_seconds=120.0)
        assert heir.metrics()["headstart_events_out_sent"] == 0
        leader.kill()
        plane.until(lambda: are_told(2), "replicas told ready", within_seconds=120.0)
        plane.kubectl("delete", "prp", "chat", "-n", namespace)
        plane.until(lambda: are_told(3), "releases told", within_seconds=120.0)
        # It tells the starts anew as well: whether the other could, nobody knows.
        assert heir.metrics()["headstart_events_out_sent"] >= 3 * REPLICAS
        assert not heir.says("Traceback")
