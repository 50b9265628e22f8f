from __future__ import annotations

from pathlib import Path

import yaml

from headstart.command_line import parse
from headstart.kubernetes_options import kubernetes_setting

DEPLOY = Path(__file__).parents[3] / "deploy"


def test_the_flags_that_the_deployment_adds_are_understood() -> None:
    text = (DEPLOY / "kustomize/components/keda/deployment.yaml").read_text(encoding="utf-8")
    added = [one["value"] for one in yaml.safe_load(text) if one["path"].endswith("/args/-")]
    setting = kubernetes_setting(parse(["up", "--kubernetes", *added]))
    assert setting.scaler is not None
    assert setting.scaler.tls is not None
    assert str(setting.scaler.tls.client_ca) == "/etc/headstart/scaler/ca.crt"
