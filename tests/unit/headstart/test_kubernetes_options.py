"""What ``--kubernetes`` and its like say, as a setting or as one line of refusal."""

from __future__ import annotations

import argparse

import pytest

from controller.adapters.kubernetes.lease_rules import LeaseSettings
from headstart.commands import up
from headstart.errors import UsageError
from headstart.kubernetes_options import (
    KubernetesSetting,
    kubernetes_setting,
    refuse_kubernetes_options,
)


def setting_of(*options: str) -> KubernetesSetting:
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)
    return kubernetes_setting(parser.parse_args(["--kubernetes", *options]))


def test_a_lease_lasts_as_long_as_usual_or_as_is_said() -> None:
    usual = setting_of("--namespace", "home").lease
    assert usual == LeaseSettings(namespace="home", identity=usual.identity)
    quick = setting_of("--lease-seconds", "6").lease
    assert (quick.duration_seconds, quick.fence_seconds, quick.renew_seconds) == (6.0, 4.0, 2.0)
    assert quick.identity != setting_of("--lease-seconds", "6").lease.identity


@pytest.mark.parametrize("seconds", ["2.9", "301", "nan"])
def test_a_lease_that_nobody_could_keep_is_refused(seconds: str) -> None:
    line = f"--lease-seconds: {float(seconds):g} is not allowed: must be from 3 to 300"
    with pytest.raises(UsageError) as error:
        setting_of("--lease-seconds", seconds)
    assert str(error.value) == line


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--kubeconfig", "config"),
        ("--agent-label", "app=agent"),
        ("--keda-listen", "127.0.0.1:9443"),
        ("--keda-certificate", "c.pem"),
        ("--keda-key", "k.pem"),
        ("--keda-client-ca", "ca.pem"),
    ],
)
def test_what_is_of_a_cluster_alone_is_refused_without_one(option: str, value: str) -> None:
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)
    with pytest.raises(UsageError) as error:
        refuse_kubernetes_options(parser.parse_args(["--policy", "policy.yaml", option, value]))
    assert str(error.value) == f"{option}: needs --kubernetes"


def test_the_agent_s_label_is_a_key_and_a_value() -> None:
    assert setting_of().agent_label is None
    told = setting_of("--agent-label", "app.kubernetes.io/name=snapshot-agent")
    assert told.agent_label == ("app.kubernetes.io/name", "snapshot-agent")


@pytest.mark.parametrize(
    "text", ["", "agent", "=agent", "app=", "app=a=b", "app=a b", "app in (a)"]
)
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        setting_of("--agent-label", text)
    line = f"--agent-label: {text!r} is not allowed: must be KEY=VALUE, a pod's label"
    assert str(error.value) == line
