"""The demo: its traffic, what is shown of a tick, and a whole replay from file to report."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from controller.cluster_view import Fleet, ReplicaName
from headstart.__main__ import main
from headstart.demo import Player, RunningShare, demo_scenario
from headstart.demo_traffic import DATA_FILE, requests_per_step, to_csv
from headstart.display import JsonDisplay, Moment, PlainDisplay, choose_display
from headstart.fan_recorder import FanRecorder
from headstart.live_display import LiveDisplay, bars, replica_bar
from headstart.progress import Watcher
from headstart.replay import ReplayTick
from models.forecast import QUANTILES, Forecast
from tests.builders import CHAT, a_plan


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_moment(*, at: float = 50_603.0, starts: int = 0, lines: tuple[str, ...] = ()) -> Moment:
    return Moment(
        at=at,
        plan=a_plan(at=at, target=3, starts=starts),
        capacity_per_replica=10.0,
        progress=0.5,
        demand_per_second=18.0,
        peak_per_second=27.0,
        peak_in_seconds=64.0,
        attained_share=0.9951,
        objective=0.99,
        lines=lines,
    )


def a_tick(now: float, *, issued_at: float = 0.0, lead: float = 60.0) -> ReplayTick:
    steps = np.arange(1.0, 91.0)
    forecast = Forecast(
        workload=CHAT,
        issued_at=issued_at,
        step_seconds=10.0,
        quantiles=QUANTILES,
        values=np.stack([steps + q for q in QUANTILES], axis=1),
        basis="test",
    )
    plan = a_plan(at=now, starts=2)._replace(lead_time_seconds=lead)
    fleet = Fleet(seen_at=now, nodes=(), replicas=())
    return ReplayTick(now=now, plan=plan, events=(), fleet=fleet, forecast=forecast)


def test_a_report_lists_what_was_started_and_what_was_given_up() -> None:
    watcher = Watcher(demo_scenario(), Console(file=io.StringIO()))
    begins, idles = a_tick(20_000.0), a_tick(20_005.0)
    idle = idles.plan._replace(starts=0)
    given_up = idle._replace(cancels=((ReplicaName("chat-7"), "not needed any more"),))
    for tick in (begins, replace(idles, plan=idle), replace(idles, plan=given_up)):
        watcher.see(tick)
    assert [decision.text[:34] for decision in watcher.decisions] == [
        "start 2 restores: forecast p95 of ",
        "give up 1 start: not needed any mo",
    ]


def test_the_bundled_traffic_is_what_its_generator_makes() -> None:
    assert DATA_FILE.read_text(encoding="ascii") == to_csv(requests_per_step())


def test_the_played_hour_comes_after_its_history() -> None:
    scenario = demo_scenario()
    played = len(scenario.requests) * scenario.bin_seconds - scenario.warmup_seconds
    assert (played, scenario.warmup_seconds) == (3600.0, 14_400.0)


def test_a_pipe_gets_lines_with_the_reason_of_each_start() -> None:
    out = io.StringIO()
    with choose_display(out, as_json=False, live=None) as display:
        display.show(a_moment(starts=2, lines=("chat: a replica failed",)))
    assert out.getvalue().splitlines() == [
        "14:03:23 start 2 restores: forecast p95 of the next 62 s needs 3 replicas",
        "14:03:23 chat: a replica failed",
        "14:03:23 chat: demand 18/s; forecast 27/s in 64 s; target 3, ready 1, restoring 0; "
        "lead time 62 s; 99.51 % in time so far, reckoned by the tick",
    ]


def test_where_things_stand_is_said_now_and_then_only() -> None:
    out = io.StringIO()
    display = PlainDisplay(out, status_every_seconds=600.0)
    for at in (0.0, 5.0, 599.0, 600.0):
        display.show(a_moment(at=at))
    assert len(out.getvalue().splitlines()) == 2


def test_json_has_a_line_a_tick() -> None:
    out = io.StringIO()
    with choose_display(out, as_json=True) as display:
        display.wait("learning")
        display.show(a_moment(starts=1))
    message, tick = (json.loads(line) for line in out.getvalue().splitlines())
    assert message == {"type": "message", "text": "learning"}
    assert (tick["type"], tick["target"], tick["starts"]) == ("tick", 3, 1)
    assert isinstance(display, JsonDisplay)


def test_a_terminal_gets_the_live_picture() -> None:
    screen = Screen()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    live = LiveDisplay(console, title="Demo")
    with choose_display(screen, as_json=False, live=lambda: live) as display:
        display.show(a_moment(starts=2))
        display.say("a line")
    shown = screen.getvalue()
    for part in ("Demo", "18/s", "1 ready", "99.51 %", "start 2 restores", "a line"):
        assert part in shown


def test_a_terminal_shows_what_is_being_waited_for() -> None:
    screen = Screen()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with LiveDisplay(console, title="Demo") as display:
        display.wait("learning")
    assert "learning" in screen.getvalue()


def test_missing_replicas_are_drawn_as_such() -> None:
    assert replica_bar(a_plan(target=3)).plain == "■□□  1 ready, 2 starting"


def test_bars_are_full_at_the_top_and_empty_at_nothing() -> None:
    assert bars([0.0, 5.0, 10.0], 10.0) == " ▄█"


def test_the_running_share_counts_what_meets_too_long_a_queue() -> None:
    share = RunningShare(capacity_per_replica=10.0, wait_seconds=2.0)
    assert share.add(demand_per_second=10.0, ready=1, seconds=5.0) == 1.0
    # 50 too many wait after these five seconds: five seconds of service.
    assert share.add(demand_per_second=20.0, ready=1, seconds=5.0) == pytest.approx(1 / 3)


def test_the_player_paces_shows_and_keeps_each_tick() -> None:
    out, shares = io.StringIO(), list[float]()
    scenario = demo_scenario()
    player = Player(scenario=scenario, display=PlainDisplay(out), pause=shares.append)
    player.see(a_tick(scenario.warmup_seconds + 1800.0))
    assert shares == [0.5]
    assert "start 2 restores" in out.getvalue()
    assert player.decisions[0].text.startswith("start 2 restores")


def test_the_fan_shows_what_was_forecast_one_lead_time_before() -> None:
    recorder = FanRecorder()
    # Issued at 0 and 10; 60 s later lies in the seventh step of each.
    recorder.see(a_tick(0.0, issued_at=0.0))
    recorder.see(a_tick(10.0, issued_at=10.0))
    fan = recorder.fan(np.array([55.0, 60.0, 70.0, 75.0]))
    assert fan is not None
    assert np.isnan(fan.values[0]).tolist() == [True, False, False, True]
    assert fan.values[0, 1] == 7.0 + QUANTILES[0]


def test_replay_goes_from_a_file_to_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, out = tmp_path / "small.csv", tmp_path / "out"
    rows = (f"{1_700_000_000 + 10 * i},{60 + 40 * (i // 30 % 2)}" for i in range(240))
    trace.write_text("timestamp,requests\n" + "\n".join(rows) + "\n", encoding="ascii")
    assert main(["replay", str(trace), "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["scored_from_seconds"] == 600.0
    assert set(summary["comparison"]) >= {"hpa", "knative", "static", "clairvoyant"}
    names = {"replicas.csv", "plans.csv", "summary.json", "report.html"}
    assert {path.name for path in out.iterdir()} == names
    assert len((out / "plans.csv").read_text(encoding="utf-8").splitlines()) == 1 + 1800 / 5
    assert main(["explain", "--run", str(out)]) == 0


def test_an_out_that_is_a_file_is_said_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="ascii")
    assert main(["demo", "--fast", "--out", str(blocked)]) == 2
    assert "must be a folder, not a file" in capsys.readouterr().err
