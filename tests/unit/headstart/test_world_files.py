"""What a replay is given: the policy fits the world that it is played in."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.command_line import parse
from headstart.replay import Scenario
from headstart.world_files import scenario_of

POLICY = """\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec:
  capacity: {demandPerReplica: 5}
  restore: {timeoutSeconds: 200}
"""


def given(folder: Path, *, world_timeout: int, policy: str = "") -> Scenario:
    """Return the scenario of a trace in a world whose starts time out, with or without policy."""
    trace, world = folder / "trace.csv", folder / "world.yaml"
    trace.write_text("timestamp,requests\n" + "".join(f"{10 * n},50\n" for n in range(400)))
    world.write_text(f"restore: {{timeoutSeconds: {world_timeout}}}\n")
    words = ["replay", str(trace), "--environment", str(world), "--out", str(folder / "out")]
    if policy:
        (folder / "policy.yaml").write_text(policy)
        words += ["--policy", str(folder / "policy.yaml")]
    return scenario_of(parse(words))[1]


def test_without_a_policy_starts_are_given_up_when_the_world_says(tmp_path: Path) -> None:
    assert given(tmp_path, world_timeout=90).policy.restore.timeout_seconds == 90


@pytest.mark.parametrize(("world_timeout", "seconds"), [(90, 90), (500, 200)])
def test_with_a_policy_the_shorter_timeout_holds(
    world_timeout: int, seconds: float, tmp_path: Path
) -> None:
    scenario = given(tmp_path, world_timeout=world_timeout, policy=POLICY)
    assert scenario.policy.restore.timeout_seconds == seconds
