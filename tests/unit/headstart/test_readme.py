"""The README promises only what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.policy_file import parse_policies
from headstart.command_line import parse
from headstart.demo import demo_scenario
from headstart.run_report import NAMES

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].split()[1:]
    for block in BLOCKS
    for line in block.splitlines()
    if line.startswith("headstart ")
]


def test_its_policy_is_valid() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert [policy.workload for policy in parse_policies(text, "README.md")] == ["chat"]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_its_commands_are_understood(words: list[str]) -> None:
    assert callable(parse(words).run)


def test_its_demo_has_a_plan_at_the_time_it_asks_for() -> None:
    (asked,) = [parse(words) for words in COMMANDS if "out/demo" in words]
    scenario = demo_scenario()
    end = len(scenario.requests) * scenario.bin_seconds
    assert parse(["demo"]).out == asked.run_folder
    assert scenario.warmup_seconds <= float(asked.at) < end


@pytest.mark.parametrize(
    "name", ["HPA", "Knative", NAMES["interval"], "static", "knows the future"]
)
def test_it_explains_who_is_compared(name: str) -> None:
    assert name in " ".join(README.split())


def test_it_shows_commands() -> None:
    assert len(COMMANDS) >= 4
