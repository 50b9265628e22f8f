"""What is shipped for Prometheus and Alertmanager, judged by their own tools."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"


def tool(*command: str | Path) -> str:
    """Run a tool and return what it says; it must be content."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("file", ["prometheus/rules.yaml", "alertmanager/rules.yaml"])
def test_promtool_takes_the_rules(file: str, folder_of_prometheus: Path) -> None:
    rules = DEPLOY / file
    count = sum(len(group["rules"]) for group in yaml.safe_load(rules.read_text())["groups"])
    said = tool(folder_of_prometheus / "promtool", "check", "rules", "--lint-fatal", rules)
    assert f"SUCCESS: {count} rules found" in said


def test_the_rules_do_what_their_tests_say(folder_of_prometheus: Path) -> None:
    tests = DEPLOY / "prometheus" / "rules_test.yaml"
    assert "SUCCESS" in tool(folder_of_prometheus / "promtool", "test", "rules", tests)


def test_every_alert_is_tested_to_fire_and_to_be_silent() -> None:
    alerts = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    tests = yaml.safe_load((DEPLOY / "prometheus" / "rules_test.yaml").read_text(encoding="utf-8"))
    cases = [case for test in tests["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == alerts


def test_amtool_takes_the_receiver(folder_of_alertmanager: Path) -> None:
    file = DEPLOY / "alertmanager" / "alertmanager.yaml"
    assert "2 receivers" in tool(folder_of_alertmanager / "amtool", "check-config", file)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [(["headstart_policy=inference/chat"], "headstart,default"), (["severity=page"], "default")],
)
def test_only_alerts_that_name_a_policy_go_to_headstart(
    labels: list[str], receiver: str, folder_of_alertmanager: Path
) -> None:
    file = DEPLOY / "alertmanager" / "alertmanager.yaml"
    amtool = folder_of_alertmanager / "amtool"
    said = tool(amtool, "config", "routes", "test", f"--config.file={file}", *labels)
    assert said.strip() == receiver
