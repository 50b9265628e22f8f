"""What predictors and controllers are told of the forecast topic, and what is refused of it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from headstart.__main__ import main
from headstart.command_line import parse
from headstart.forecast_options import DEFAULT_GROUP, DEFAULT_PARTITIONS, shard_setting

KAFKA = ["--kafka", "kafka:9092"]
TOPIC = ["--forecasts-topic", "forecasts"]


def predictor(*words: str) -> argparse.Namespace:
    return parse(["predictor", "--policy", "policy.yaml", *words])


def test_without_a_topic_nothing_is_published() -> None:
    assert shard_setting(predictor(*KAFKA)) is None


def test_a_predictor_is_one_of_a_group_even_if_alone() -> None:
    setting = shard_setting(predictor(*KAFKA, *TOPIC))
    assert setting is not None
    assert (setting.topic, setting.group) == ("forecasts", DEFAULT_GROUP)
    assert setting.new_partitions == DEFAULT_PARTITIONS
    assert setting.connection.bootstrap_servers == ("kafka:9092",)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (TOPIC, "--kafka: missing, --forecasts-topic needs it"),
        (["--shard-group", "a"], "--shard-group: needs --forecasts-topic"),
        (["--forecasts-partitions", "3"], "--forecasts-partitions: needs --forecasts-topic"),
        ([*KAFKA, "--forecasts-topic", "a b"], "--forecasts-topic: 'a b' is not allowed"),
        ([*KAFKA, "--forecasts-topic", ".."], "--forecasts-topic: '..' is not allowed"),
        ([*KAFKA, *TOPIC, "--shard-group", " "], "--shard-group: ' ' is not allowed"),
        (
            [*KAFKA, *TOPIC, "--forecasts-partitions", "0"],
            "--forecasts-partitions: 0 is not allowed: must be from 1 to 1000",
        ),
    ],
)
def test_what_a_predictor_can_t_use_is_refused_in_one_line(
    words: list[str], complaint: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predictor", "--policy", str(policy), *words]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"headstart: {complaint}")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "one of the arguments --predictor --forecasts-topic is required"),
        (["--predictor", "http://p", *TOPIC], "argument --forecasts-topic: not allowed with"),
        (TOPIC, "--kafka: missing, --forecasts-topic needs it"),
    ],
)
def test_a_controller_has_one_source_of_forecasts(
    words: list[str], complaint: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["controller", "--policy", str(policy), *words]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert complaint in line


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(
        """\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec:
  demand: {prometheus: {query: demand}}
  capacity: {demandPerReplica: 10}
  limits: {minReplicas: 1, maxReplicas: 20}
""",
        encoding="utf-8",
    )
    return path
