"""What a replay is given: the policy fits the world that it is played in."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.command_line import parse
from headstart.errors import HeadstartError, InvalidTraceError, UsageError
from headstart.scenario import Scenario
from headstart.world_files import scenario_of, trace_and_warmup

POLICY = """\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec:
  capacity: {demandPerReplica: 5}
  restore: {timeoutSeconds: 200}
"""


NEW_YEAR = 1767225600


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


def peaking(folder: Path, text: str, *words: str) -> Scenario:
    trace = folder / "trace.csv"
    trace.write_text(text)
    return scenario_of(parse(["replay", str(trace), "--out", str(folder / "out"), *words]))[1]


def counts_with(peak: str) -> str:
    """Return hours of ten requests a minute without the fifth minute; the seventh is a peak."""
    values = {minute: "10" for minute in range(3000) if minute != 4} | {6: peak}
    rows = "".join(f"{NEW_YEAR + 60 * minute},{count}\n" for minute, count in values.items())
    return "timestamp,requests\n" + rows


def test_without_a_policy_the_row_of_a_peak_that_cannot_be_played_is_blamed(tmp_path: Path) -> None:
    with pytest.raises(InvalidTraceError) as caught:
        peaking(tmp_path, counts_with("600000"))
    assert str(caught.value) == (
        "trace: line 7, 2026-01-01T00:06:00Z: 600000 requests in 60 s take more than 10000 of the "
        "replicas that are assumed without --policy (0.00833333 per second each): correct the "
        "trace there, or say in a --policy what a replica serves (spec.capacity.demandPerReplica, "
        "at least 1)"
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (60, "59 s are left after the warm-up of 1 s: at least 60 s are needed to judge"),
        (80, "no request at all: there is nothing to judge"),
    ],
)
def test_a_backtest_too_is_refused_what_cannot_be_judged(
    tmp_path: Path, rows: int, said: str
) -> None:
    trace = tmp_path / "trace.csv"
    counts = "".join(f"{NEW_YEAR + second},0\n" for second in range(rows))
    trace.write_text("timestamp,requests\n" + counts)
    words = ["backtest", str(trace), "--out", str(tmp_path / "out"), "--warmup", "1s"]
    with pytest.raises(HeadstartError, match=said):
        trace_and_warmup(parse(words))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--days", "3"], "--days: not allowed with TRACE, which is played whole: only with "),
        (["--query", "up"], "--query: not allowed with TRACE, which is played whole: only with "),
        (["--key", "eu"], "--key: not allowed with TRACE, which is played whole: only with "),
    ],
)
def test_what_is_for_recordings_is_refused_beside_a_file(
    words: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"^{said}"):
        peaking(tmp_path, counts_with("60"), *words)


def test_a_log_has_no_line_for_a_peak_but_a_second(tmp_path: Path) -> None:
    seconds = [*range(0, 100_000, 2), *[5000] * 40_000]
    with pytest.raises(
        InvalidTraceError, match=r"^trace: 1970-01-01T01:23:20Z: 40001 requests in 1 s"
    ):
        peaking(tmp_path, "timestamp\n" + "".join(f"{second}\n" for second in seconds))


def test_with_a_policy_its_field_is_named_beside_the_row(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    with pytest.raises(UsageError) as caught:
        peaking(tmp_path, counts_with("6e6"), "--policy", str(tmp_path / "policy.yaml"))
    assert str(caught.value) == (
        "chat: spec.capacity.demandPerReplica: 5 is not allowed: must be at least 10, or the "
        "trace's peak of 100000 per second (line 7, 2026-01-01T00:06:00Z) takes more than 10000 "
        "replicas"
    )


def test_a_peak_of_as_many_replicas_as_can_be_played_is_played(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    policy = peaking(tmp_path, counts_with("3e6"), "--policy", str(tmp_path / "policy.yaml")).policy
    assert policy.demand_per_replica == 5


def test_without_a_policy_starts_are_given_up_when_the_world_says(tmp_path: Path) -> None:
    assert given(tmp_path, world_timeout=90).policy.restore.timeout_seconds == 90


@pytest.mark.parametrize(("world_timeout", "seconds"), [(90, 90), (500, 200)])
def test_with_a_policy_the_shorter_timeout_holds(
    world_timeout: int, seconds: float, tmp_path: Path
) -> None:
    scenario = given(tmp_path, world_timeout=world_timeout, policy=POLICY)
    assert scenario.policy.restore.timeout_seconds == seconds
