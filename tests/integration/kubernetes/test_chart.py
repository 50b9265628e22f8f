"""The chart says the same as the kustomize base, and installs on a real API server."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.command_line import parse
from headstart.kafka_options import kafka_connection
from kafka_link.connection import KafkaConnection
from tests.integration.kubernetes.shipped import DEPLOY, NAMESPACE
from tests.parts.control_plane import ControlPlane

CHART = DEPLOY / "helm" / "headstart"
BASE = DEPLOY / "kustomize" / "base"


class Helm:
    """Runs helm with its own empty home."""

    def __init__(self, program: Path, home: Path) -> None:
        self._program = program
        self._environment = {f"HELM_{kind}_HOME": str(home) for kind in ("CACHE", "CONFIG", "DATA")}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._program), *arguments],
            env={"HOME": "/nonexistent", **self._environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def helm(cluster_programs: dict[str, Path], tmp_path: Path) -> Helm:
    return Helm(cluster_programs["helm"], tmp_path)


def rendered(helm: Helm, *options: str) -> list[dict[str, Any]]:
    done = helm("template", "headstart", str(CHART), "--namespace", NAMESPACE, *options)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


@pytest.mark.parametrize(
    ("folder", "options"),
    [(BASE, ()), (DEPLOY / "kustomize" / "keda", ("--set", "keda.enabled=true"))],
    ids=["base", "keda"],
)
def test_the_chart_renders_what_kustomize_has(
    helm: Helm, cluster_programs: dict[str, Path], folder: Path, options: tuple[str, ...]
) -> None:
    kustomized = subprocess.run(
        [str(cluster_programs["kubectl"]), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    base = by_name([one for one in yaml.safe_load_all(kustomized) if one])
    chart = by_name(rendered(helm, *options))
    del base["Namespace", NAMESPACE]
    kept = chart["CustomResourceDefinition", "prerestorepolicies.headstart.dev"]["metadata"]
    assert kept.pop("annotations") == {"helm.sh/resource-policy": "keep"}
    container = chart["Deployment", "headstart-controller"]["spec"]["template"]["spec"]
    assert container["containers"][0].pop("imagePullPolicy") == "IfNotPresent"
    assert chart.keys() == base.keys()
    for name, one in base.items():
        assert chart[name] == one


def test_helm_finds_no_fault_with_the_chart(helm: Helm) -> None:
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


def test_options_of_the_chart_reach_the_manifests(helm: Helm) -> None:
    objects = by_name(
        rendered(
            helm,
            "--set", "workloadNamespaces={chat,search}",
            "--set", "kafka.servers=kafka:9092",
            "--set", "serviceMonitor.enabled=true",
            "--set", "networkPolicy.enabled=false",
            "--set", "crds.install=false",
            "--set", "agentLabel=app=snapshot-agent",
            "--set", "extraArgs={--tick-seconds=2}",
        )
    )  # fmt: skip
    kinds = [kind for kind, _ in objects]
    assert "NetworkPolicy" not in kinds
    assert "CustomResourceDefinition" not in kinds
    assert "ServiceMonitor" in kinds
    pod = objects["Deployment", "headstart-controller"]["spec"]["template"]["spec"]
    arguments = pod["containers"][0]["args"]
    wanted = {"--kafka=$(KAFKA_SERVERS)", "--agent-label=app=snapshot-agent", "--tick-seconds=2"}
    assert wanted <= set(arguments)
    assert objects["ConfigMap", "headstart-settings"]["data"]["KAFKA_SERVERS"] == "kafka:9092"


def test_a_secured_kafka_is_reached_with_files_of_a_secret(helm: Helm) -> None:
    objects = by_name(
        rendered(
            helm,
            "--set", "kafka.servers=kafka:9093",
            "--set", "kafka.security=SASL_SSL",
            "--set", "kafka.mechanism=SCRAM-SHA-512",
            "--set", "kafka.user=headstart",
            "--set", "kafka.secretName=kafka-credentials",
            "--set", "kafka.secretKeys={password,ca.crt,tls.crt,tls.key}",
            "--set", "kafka.eventsTopic=headstart.events",
            "--set", "kafka.announcementsTopic=headstart.announced",
        )
    )  # fmt: skip
    pod = objects["Deployment", "headstart-controller"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert {"name": "kafka", "secret": {"secretName": "kafka-credentials"}} in pod["volumes"]
    assert "/etc/headstart/kafka" in [one["mountPath"] for one in container["volumeMounts"]]
    words = [word.replace("$(KAFKA_SERVERS)", "kafka:9093") for word in container["args"]]
    arguments = parse(words)
    connection = kafka_connection(arguments)
    assert connection == KafkaConnection(
        bootstrap_servers=("kafka:9093",),
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        user_name="headstart",
        password_file=Path("/etc/headstart/kafka/password"),
        ca_file=Path("/etc/headstart/kafka/ca.crt"),
        certificate_file=Path("/etc/headstart/kafka/tls.crt"),
        key_file=Path("/etc/headstart/kafka/tls.key"),
    )
    assert (arguments.events_topic, str(arguments.events_spool)) == (
        "headstart.events",
        "/tmp/events.db",
    )
    assert arguments.announcements_topic == "headstart.announced"


def test_the_chart_s_alerts_are_those_that_are_tested(helm: Helm) -> None:
    objects = by_name(rendered(helm, "--set", "prometheusRule.enabled=true"))
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
    assert objects["PrometheusRule", "headstart"]["spec"] == rules


def test_the_chart_binds_each_namespace_of_workloads(helm: Helm) -> None:
    objects = rendered(helm, "--set", "workloadNamespaces={chat,search}")
    bound = [
        (one["metadata"]["namespace"], one["subjects"][0]["namespace"])
        for one in objects
        if one["kind"] == "RoleBinding" and one["metadata"]["name"] == "headstart-workloads"
    ]
    assert bound == [("chat", NAMESPACE), ("search", NAMESPACE)]


def test_a_wrong_value_is_refused_by_its_name(helm: Helm) -> None:
    done = helm("template", "headstart", str(CHART), "--set", "replica=3")
    assert done.returncode != 0
    assert "replica" in done.stderr


def test_the_api_server_accepts_the_chart_in_another_namespace(
    control_plane: ControlPlane, helm: Helm, namespace: str
) -> None:
    done = helm("template", "headstart", str(CHART), "--namespace", namespace)
    assert done.returncode == 0, done.stderr
    options = ("--server-side", "--dry-run=server", "--force-conflicts", "-f", "-")
    said = control_plane.kubectl("apply", "-n", namespace, *options, stdin=done.stdout)
    assert "deployment.apps/headstart-controller" in said
    assert NAMESPACE not in done.stdout
