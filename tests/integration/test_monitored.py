"""Real alerts in, real metrics out: each test looks at one side of a run of `headstart up`."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.monitored_run import BOOST_REPLICAS, REPEATS, Run, begin, play

BOOSTS = "headstart_boosts_total chat"


@pytest.fixture(scope="module")
def run(
    folder_of_alertmanager: Path,
    folder_of_prometheus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Run]:
    with contextlib.ExitStack() as stack:
        run = begin(
            stack,
            alertmanagers=folder_of_alertmanager,
            prometheus=folder_of_prometheus,
            folder=tmp_path_factory.mktemp("monitored"),
        )
        play(run)
        yield run


def test_a_rule_that_fires_boosts_the_plan_though_it_was_refused_at_first(run: Run) -> None:
    assert [one.status for one in run.relay.passed[:2]] == [500, 200]
    plan = run.plans["boosted"]
    assert (plan["target"], plan["reactive"]) == (BOOST_REPLICAS, BOOST_REPLICAS)
    assert run.metrics["boosted"][BOOSTS] == 1


def test_repeats_are_one_boost(run: Run) -> None:
    told = [json.loads(one.body)["alerts"][0] for one in run.told("firing")[:REPEATS]]
    assert len({(one["fingerprint"], one["startsAt"]) for one in told}) == 1
    assert run.plans["repeated"]["target"] == BOOST_REPLICAS
    assert run.metrics["repeated"]["headstart_alerts_total taken"] >= REPEATS
    assert run.metrics["repeated"][BOOSTS] == 1


def test_a_receiver_that_crashed_has_the_boost_again_and_once(run: Run) -> None:
    assert run.plans["restarted"]["target"] == BOOST_REPLICAS
    assert run.metrics["restarted"][BOOSTS] == 1
    assert run.metrics["restarted"]["headstart_boost_replicas chat"] == BOOST_REPLICAS


def test_a_resolved_alert_ends_the_boost(run: Run) -> None:
    assert len(run.told("resolved")) >= 1
    assert run.metrics["resolved"]["headstart_boost_replicas chat"] == 0
    assert run.metrics["resolved"][BOOSTS] == 1


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
