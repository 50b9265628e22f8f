"""``explain``: a plan told in sentences, from a running controller or a finished replay."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from controller.cluster_view import ReplicaName
from controller.plan import Plan, Reason, Upcoming
from controller.plan_codec import encode_plan
from headstart.__main__ import main
from headstart.explanation import explain, log_line
from headstart.plan_facts import PlanFacts
from tests.builders import a_plan
from tests.parts.loopback_server import LoopbackServer

HEADER = (
    "time,demand_per_second,target,floor,reactive,ready,restoring,lead_time_seconds,"
    "quantile_level,reason\n"
)


def sentences(plan: Plan) -> tuple[str, ...]:
    return explain(PlanFacts.of_plan(plan), time_text=lambda seconds: f"{seconds:.0f} s")


@contextmanager
def a_controller(answers: dict[str, tuple[int, str]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, '{"error": "no such plan"}'))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_plan_says_demand_quantile_lead_time_reason_and_what_starts() -> None:
    assert sentences(a_plan(target=3, starts=2)) == (
        "At 100 s the target of chat is 3 replicas: 1 ready, 0 restoring.",
        "Demand is 12.5 per second.",
        "The forecast needs 3 replicas: enough for the demand of the next 62 s in 95 % of cases, "
        "and 62 s is the lead time planned with.",
        "Demand that is already here needs 1 replica.",
        "The forecast sets the target: it is the higher of the two.",
        "2 restores start now, to serve by 162 s.",
        "As the forecast stands, no further restore is due.",
        "If they did not start now, 1 replica would have to do until after 162 s: "
        "requests may wait.",
    )


def test_what_comes_next_is_said_with_its_time() -> None:
    plan = a_plan()._replace(upcoming=(Upcoming(start_at=140.0, count=2),))
    told = " ".join(sentences(plan))
    assert "Next: 2 restores in 40 s, at 140 s, if the forecast stays as it is." in told


def test_without_a_forecast_none_is_spoken_of() -> None:
    told = " ".join(sentences(a_plan(reason=Reason.NO_FORECAST)._replace(demand_per_second=None)))
    assert "The forecast needs" not in told
    assert "Demand is not known" in told


def test_a_forecast_that_needs_nothing_is_not_said_to_cover_anything() -> None:
    told = sentences(a_plan()._replace(floor=0))
    assert "No forecast needs a replica." in told


def test_what_an_alert_announced_is_not_said_to_be_here() -> None:
    told = sentences(a_plan(reason=Reason.BOOST)._replace(reactive=23))
    assert "Demand and what an alert announced need 23 replicas." in told
    assert not any("already here" in sentence for sentence in told)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_sentence(reason: Reason) -> None:
    told = sentences(a_plan(reason=reason))
    assert not any(sentence.startswith("The reason given is") for sentence in told)


def test_the_log_line_says_what_starts_and_why() -> None:
    line = log_line(PlanFacts.of_plan(a_plan(target=3, starts=2)))
    assert line == "start 2 restores: forecast p95 of the next 62 s needs 3 replicas"
    assert log_line(PlanFacts.of_plan(a_plan(starts=0))) == ""


def test_who_found_no_room_waits_beside_those_that_start() -> None:
    plan = a_plan(target=52, starts=42)._replace(waiting=9)
    assert "42 restores start now, to serve by 162 s. 9 more wait for room." in " ".join(
        sentences(plan)
    )
    assert log_line(PlanFacts.of_plan(plan)) == (
        "start 42 restores: forecast p95 of the next 62 s needs 52 replicas; 9 more wait for room"
    )
    none = a_plan(target=2, starts=0)._replace(waiting=1)
    assert "1 restore waits for room." in sentences(none)
    assert log_line(PlanFacts.of_plan(none)) == ""


def test_a_start_is_given_up_for_the_reason_that_its_cancel_gives() -> None:
    why = ("not needed any more", "failed: no snapshot", "not needed any more")
    cancels = tuple((ReplicaName(f"r{number}"), reason) for number, reason in enumerate(why))
    plan = a_plan(starts=0)._replace(cancels=cancels)
    told = " ".join(sentences(plan))
    assert "2 starts are given up: not needed any more." in told
    assert "1 start is given up: failed: no snapshot." in told
    assert log_line(PlanFacts.of_plan(plan)) == (
        "give up 2 starts: not needed any more; give up 1 start: failed: no snapshot"
    )


def test_a_running_controller_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps(encode_plan(a_plan(at=3600.0)))
    with a_controller({"/v1/plans/chat": (200, body)}) as url:
        assert main(["explain", "chat", "--url", url]) == 0
    assert capsys.readouterr().out.startswith("At 01:00:00 UTC the target of chat is 2 replicas")


def test_a_plans_own_time_finds_it_to_the_last_digit(capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps(encode_plan(a_plan()))
    with a_controller({"/v1/plans/chat?at=1795468235.1974847": (200, body)}) as url:
        assert main(["explain", "chat", "--url", url, "--at", "1795468235.1974847"]) == 0
    assert "chat" in capsys.readouterr().out


def test_an_iso_time_becomes_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps(encode_plan(a_plan()))
    with a_controller({"/v1/plans/chat?at=60.0": (200, body)}) as url:
        assert main(["explain", "chat", "--url", url, "--at", "1970-01-01T00:01:00Z"]) == 0
    assert "chat" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, '{"error": "workload: no plan"}'), "404: workload: no plan"),
        ((200, "<html>"), "is no plan: Expecting value"),
        ((200, "[]"), "is no plan: plan: "),
        ((502, "Bad\nGateway"), "502: Bad Gateway"),
    ],
)
def test_an_answer_that_is_no_plan_is_one_line(
    answer: tuple[int, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_controller({"/v1/plans/chat": answer}) as url:
        assert main(["explain", "chat", "--url", url]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_finished_run_is_explained_at_a_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "600,9,1,1,1,1,0,60,0.9,forecast\n605,9,3,3,1,1,0,60,0.9,forecast\n"
    (tmp_path / "plans.csv").write_text(HEADER + rows, encoding="utf-8")
    assert main(["explain", "--run", str(tmp_path), "--at", "602"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("At 600 s the target is 1 replica")
    assert "The next restores of this run started at 605 s." in told
    assert main(["explain", "--run", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == 3


def test_a_finished_run_says_how_many_started_and_how_many_found_no_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = "600,9,52,52,1,1,0,60,0.9,forecast\n"
    (tmp_path / "plans.csv").write_text(HEADER + row, encoding="utf-8")
    times = [("initial", 600), *[("restore", 600)] * 42, ("restore", 605)]
    replicas = [f"r{i},n,{kind},{at},{at},,,restoring\n" for i, (kind, at) in enumerate(times)]
    header = "replica,node,kind,decided_at,started_at,ready_at,released_at,outcome\n"
    (tmp_path / "replicas.csv").write_text(header + "".join(replicas), encoding="utf-8")
    assert main(["explain", "--run", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "42 restores start now, to serve by 660 s.\n9 more wait for room.\n" in told


def test_a_surplus_start_of_a_finished_run_is_given_up_and_no_replica_released(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plans.csv").write_text(HEADER + "600,9,2,2,1,1,3,60,0.9,forecast\n")
    assert main(["explain", "--run", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "2 starts are given up.\n" in told
    assert "released" not in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at", "599"], "plans.csv begins at 600\n"),
        (["--at", "661"], "plans.csv ends at 600"),
        (["--at", "noon"], "--at: 'noon' is not allowed: must be a number of seconds"),
    ],
)
def test_a_time_without_a_plan_is_bad_usage(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = "600,9,1,1,1,1,0,60,0.9,forecast\n"
    (tmp_path / "plans.csv").write_text(HEADER + row, encoding="utf-8")
    assert main(["explain", "--run", str(tmp_path), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_workload_is_not_asked_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "chat", "--run", str(tmp_path)]) == 2
    assert (
        "WORKLOAD: 'chat' is not allowed with --run, a replay has but one"
        in capsys.readouterr().err
    )


def test_without_a_workload_there_is_nobody_to_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 2
    assert "WORKLOAD: missing" in capsys.readouterr().err
