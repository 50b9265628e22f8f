"""Real alerts in, real metrics out: each test looks at one side of a run of `headstart up`."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.monitored_run import (
    BOOST_REPLICAS,
    BOOSTED,
    DEPLOY,
    REPEATS,
    TOKEN,
    Run,
    begin,
    play,
)

CHECKOUT = DEPLOY.parent
BOOSTS = "headstart_boosts_total chat"
DASHBOARD = json.loads((DEPLOY / "grafana" / "headstart.json").read_text(encoding="utf-8"))
QUERIES = [
    (panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]
]
#: What Grafana puts in place of the dashboard's variables.
VARIABLES = {
    "${horizon}": "60",
    "$horizon": "60",
    "$workload": "chat",
    "$__rate_interval": "10s",
}


@pytest.fixture(scope="module")
def run(
    folder_of_alertmanager: Path,
    folder_of_prometheus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Run]:
    with contextlib.ExitStack() as stack:
        run = begin(stack, tmp_path_factory.mktemp("monitored"))
        play(run)
        yield run


def test_a_rule_that_fires_boosts_the_plan_though_it_was_refused_at_first(run: Run) -> None:
    assert [one.status for one in run.relay.passed[:2]] == [500, 200]
    assert run.plans["before"]["target"] < BOOSTED
    assert run.plans["boosted"]["reactive"] == BOOSTED
    assert run.metrics["boosted"][BOOSTS] == 1


def test_repeats_are_one_boost(run: Run) -> None:
    told = [json.loads(one.body)["alerts"][0] for one in run.told("firing")[:REPEATS]]
    assert len({(one["fingerprint"], one["startsAt"]) for one in told}) == 1
    assert run.plans["repeated"]["target"] == BOOSTED
    assert run.metrics["repeated"]["headstart_alerts_total taken"] >= REPEATS
    assert run.metrics["repeated"][BOOSTS] == 1


def test_a_receiver_that_crashed_has_the_boost_again_and_once(run: Run) -> None:
    assert run.plans["restarted"]["target"] == BOOSTED
    assert run.metrics["restarted"]["headstart_alerts_total taken"] == 0
    assert run.metrics["restarted"][BOOSTS] == 0  # it is the one that began before
    assert run.metrics["restarted"]["headstart_boost_replicas chat"] == BOOST_REPLICAS


def test_a_resolved_alert_ends_the_boost(run: Run) -> None:
    assert len(run.told("resolved")) >= 1
    assert run.metrics["resolved"]["headstart_boost_replicas chat"] == 0
    assert run.metrics["resolved"][BOOSTS] == 0


def test_every_metric_is_named_and_explained_as_prometheus_wants_it(
    run: Run, folder_of_prometheus: Path
) -> None:
    checked = subprocess.run(
        [folder_of_prometheus / "promtool", "check", "metrics"],
        input=run.exposition,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.stderr == ""
    assert checked.returncode == 0


@pytest.mark.parametrize(("title", "expression"), QUERIES)
def test_every_panel_of_the_dashboard_has_data(run: Run, title: str, expression: str) -> None:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    # The fan reaches into the future as far as its horizon.
    found = run.prometheus.query_range(
        expression, start=run.began_at, end=run.ended_at + 60, step_seconds=1.0
    )
    values = [float(value) for one in found for _, value in one["values"]]
    assert any(math.isfinite(value) for value in values), title


def test_what_the_rules_look_at_is_there(run: Run) -> None:
    rules = (DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8")
    looked_at = set(re.findall(r"(?<![:\w])headstart_\w+(?=[{\[)\s])", rules))
    shown = {
        sample.name
        for family in text_string_to_metric_families(run.exposition)
        for sample in family.samples
    }
    assert len(looked_at) > 10
    assert looked_at - shown == set()


def test_the_readme_s_commands_work(
    run: Run, folder_of_alertmanager: Path, folder_of_prometheus: Path, tmp_path: Path
) -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    [script] = [block for block in blocks if "amtool" in block]
    (tmp_path / "deploy").symlink_to(DEPLOY)
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    headstart = f'headstart() {{ "{sys.executable}" -m headstart "$@"; }}\n'
    path = [str(folder_of_alertmanager), str(folder_of_prometheus), os.environ["PATH"]]
    said = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=headstart + script.replace("http://127.0.0.1:8080", run.up.url),
        env={**os.environ, "PATH": ":".join(path), "PYTHONPATH": str(CHECKOUT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert '"taken":1' in said.stdout
    assert "the target of chat is" in said.stdout
