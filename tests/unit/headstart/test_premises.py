"""What is said of figures' premises: an assumed capacity, bins that hide demand, a bin alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.environment import Environment
from headstart.__main__ import main
from headstart.assessment import assess
from headstart.premises import bins_note, capacity_note, lone_bin_note, premises
from headstart.replay import ReplayResult
from headstart.scenario import Scenario
from headstart.traces import Trace
from headstart.world_files import default_policy
from models.forecast import FloatArray
from tests.unit.headstart.test_assessment import a_result


def a_scenario(
    requests: FloatArray, *, bin_seconds: float = 60.0, is_assumed: bool = True
) -> Scenario:
    """Return a trace with the policy that it has without one."""
    trace = Trace(
        name="trace", origin_epoch_seconds=0.0, bin_seconds=bin_seconds, requests=requests
    )
    return Scenario(
        requests=requests,
        bin_seconds=bin_seconds,
        origin=0.0,
        policy=default_policy(trace, Environment()),
        environment=Environment(),
        warmup_seconds=0.0,
        is_capacity_assumed=is_assumed,
    )


def hourly(count: float = 1.0) -> FloatArray:
    """Return two days of minutes, each sixtieth with so many requests."""
    requests = np.zeros(2880)
    requests[::60] = count
    return requests


def test_a_request_an_hour_takes_many_of_the_replicas_assumed() -> None:
    assert capacity_note(a_scenario(hourly())) == (
        "Without --policy a replica is assumed to serve a twentieth of the busiest minute of a "
        "thousand, here 0.000806 requests per second: at so little a single request takes 21 "
        "replicas to wait less than 2 s. --policy sets what a replica serves "
        "(spec.capacity.demandPerReplica)."
    )


def test_it_is_among_the_notes_of_the_assessment() -> None:
    scenario = a_scenario(hourly()[:100])
    result: ReplayResult = a_result(scenario, replicas=2)
    assert assess(scenario, result).notes == (capacity_note(scenario),)


def test_a_replay_says_it_before_it_begins_and_before_its_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, out = tmp_path / "trace.csv", tmp_path / "out"
    trace.write_text("timestamp\n" + "".join(f"{600 * number}\n" for number in range(4)))
    assert main(["replay", str(trace), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("headstart: Without --policy a replica is assumed to serve")
    for told in (said.out, (out / "report.html").read_text(encoding="utf-8")):
        words = " ".join(told.split())
        assert -1 < words.find("Without --policy") < words.find("the objective: ")
        assert words.count("Without --policy") == 1


@pytest.mark.parametrize(
    "scenario",
    [
        a_scenario(hourly(), is_assumed=False),
        a_scenario(np.full(2880, 600.0)),
        a_scenario(np.full(6000, 7.0), bin_seconds=1.0),
        a_scenario(hourly(0.9)),
    ],
    ids=["a policy", "ten a second", "seven a second in a log", "no whole request"],
)
def test_where_one_request_is_little_nothing_is_said(scenario: Scenario) -> None:
    assert capacity_note(scenario) == ""


@pytest.mark.parametrize(("per_minute", "is_said"), [(9.0, True), (20.0, False)])
def test_it_begins_where_one_request_takes_two(per_minute: float, is_said: bool) -> None:
    # A replica serves a twentieth of these: in 62 s half a request, or one.
    assert (capacity_note(a_scenario(np.full(2880, per_minute))) != "") is is_said


@pytest.mark.parametrize(
    ("bin_seconds", "is_said"), [(1.0, False), (10.0, False), (60.0, False), (300.0, True)]
)
def test_bins_of_more_than_a_minute_are_named(bin_seconds: float, is_said: bool) -> None:
    scenario = a_scenario(np.full(300, 6000.0), bin_seconds=bin_seconds)
    assert (bins_note(scenario) != "") is is_said
    assert not is_said or "bins of 300 s" in bins_note(scenario)
    assert premises(scenario) == ((bins_note(scenario),) if is_said else ())


def test_a_bin_with_many_times_the_demand_of_any_other_is_named() -> None:
    requests = np.full(2880, 50.0)
    requests[[3, 90]] = [np.nan, 5_000_000.0]
    scenario = a_scenario(requests)
    assert lone_bin_note(scenario) == (
        "One bin stands alone: at 1970-01-01T01:30:00Z there are 5,000,000 requests in 60 s, and "
        "never more than 50 in another. What is late and what it costs may be its alone: correct "
        "it, if that was not demand."
    )
    assert lone_bin_note(scenario) in premises(scenario)
    before = lone_bin_note(replace(scenario, warmup_seconds=5401.0))
    assert before.endswith(" Forecasts learn it: correct it, if that was not demand.")


@pytest.mark.parametrize(
    "highest",
    [
        [499.0],  # not ten times as much
        [50_000.0, 6_000.0],  # a surge that begins in one bin and ends in another
    ],
)
def test_surges_stand_not_alone(highest: list[float]) -> None:
    requests = np.full(2880, 50.0)
    requests[90 : 90 + len(highest)] = highest
    assert lone_bin_note(a_scenario(requests)) == ""


def test_few_requests_among_hardly_any_are_chance() -> None:
    requests = np.zeros(2880)
    requests[[5, 900]] = [1.0, 60.0]
    assert lone_bin_note(a_scenario(requests)) == ""


def test_one_bin_has_no_others() -> None:
    assert lone_bin_note(a_scenario(np.array([500.0]))) == ""
