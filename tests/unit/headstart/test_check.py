from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from headstart.commands import check

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"


def run_check(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return check.run(parser.parse_args([str(word) for word in words]))


def test_valid_files_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    policy, environment = EXAMPLES / "policy.yaml", EXAMPLES / "environment.yaml"
    assert run_check(policy, "--environment", environment) == 0
    assert capsys.readouterr().out == (
        f"{policy}: 2 policies, all valid\n"
        "  inference/chat: Observe; demand from Prometheus and 1 calendar entry; "
        "4.2 demand per second a replica; 99 % served within 2 s; 1 to 24 replicas; "
        "actuator Pods, restore driver NvidiaSnapshot\n"
        "  inference/summarize: Recommend; demand from Kafka topic summarize-requests; "
        "1800 demand per second a replica; "
        "cheapest at 2.5 a GPU-hour and 0.02 a request not served within 2 s; 0 to 8 replicas; "
        "actuator Keda, restore driver Scale\n"
        f"{environment}: valid\n"
    )


def test_a_single_policy_without_a_limit_is_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "apiVersion: headstart.dev/v1alpha1\nkind: PreRestorePolicy\nmetadata: {name: chat}\n"
        "spec: {capacity: {demandPerReplica: 3}, demand: {prometheus: {query: up}}}\n"
    )
    assert run_check(path) == 0
    assert capsys.readouterr().out == (
        f"{path}: 1 policy, valid\n"
        "  default/chat: Observe; demand from Prometheus; 3 demand per second a replica; "
        "99 % served within 2 s; 0 replicas or more; actuator Pods, restore driver Simulated\n"
    )


def test_a_replica_that_no_node_of_the_environment_holds_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, environment = tmp_path / "policy.yaml", tmp_path / "environment.yaml"
    policy.write_text(
        "---\n".join(
            "apiVersion: headstart.dev/v1alpha1\nkind: PreRestorePolicy\n"
            f"metadata: {{name: {name}}}\n"
            "spec: {capacity: {demandPerReplica: 3}, demand: {prometheus: {query: up}}, "
            f"standby: {{gpusPerReplica: {gpus}}}}}\n"
            for name, gpus in (("chat", 4), ("code", 2), ("search", 8))
        )
    )
    environment.write_text("standby: {nodes: 2, gpusPerNode: 2}\n")
    assert run_check(policy) == 0
    capsys.readouterr()
    assert run_check(policy, "--environment", environment) == 2
    assert capsys.readouterr().out == "".join(
        f"{policy}: {name}: spec.standby.gpusPerReplica: {gpus} is not allowed: "
        "must be at most 2, the environment's standby.gpusPerNode\n"
        for name, gpus in (("chat", 4), ("search", 8))
    )


def test_problems_of_both_files_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, environment = tmp_path / "policy.yaml", tmp_path / "environment.yaml"
    policy.write_text("3")
    environment.write_text("seeds: 3")
    assert run_check(policy, "--environment", environment) == 2
    assert capsys.readouterr().out == (
        f"{policy}:1: must be a mapping with apiVersion, kind, metadata and spec\n"
        f"{environment}:1: seeds: unknown field: did you mean seed?\n"
    )


def test_json_has_the_policies(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(EXAMPLES / "policy.yaml", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["valid"], answer["problems"]) == (True, [])
    assert [policy["workload"] for policy in answer["policies"]] == ["chat", "summarize"]


def test_json_has_each_problem_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("\n3")
    assert run_check(path, "--json") == 2
    assert json.loads(capsys.readouterr().out) == {
        "file": str(path),
        "valid": False,
        "policies": [],
        "problems": [
            {
                "file": str(path),
                "line": 2,
                "problem": "must be a mapping with apiVersion, kind, metadata and spec",
            }
        ],
    }


def test_json_has_no_line_where_none_is_to_blame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_check(tmp_path / "none.yaml", "--json") == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["line"], problem["problem"]) == (None, "no such file")
