"""``headstart demo``: see what Headstart does, without a cluster, in under a minute."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from headstart.demo import Player
    from headstart.replay import ReplayResult
    from headstart.scenario import Scenario

NAME = "demo"
HELP = "play an hour of traffic in half a minute and show what Headstart does, and why"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("out/demo"),
        metavar="DIR",
        help="where the report and the tables go (default: %(default)s)",
    )
    parser.add_argument("--fast", action="store_true", help="as fast as it goes, not to be watched")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    """Play, show, judge and write."""
    from rich.console import Console

    from headstart.assessment import assess, summarize
    from headstart.closing import closing_json, print_closing
    from headstart.demo import TITLE, demo_scenario
    from headstart.output import prepare_folder
    from headstart.run_report import report_input, write_run

    prepare_folder(arguments.out)
    began = time.monotonic()
    scenario, console = demo_scenario(), Console(file=sys.stdout)
    result, player = _play(arguments, scenario, console)
    assessment = assess(scenario, result)
    wall_seconds = time.monotonic() - began
    summary = summarize("demo", scenario, assessment, wall_seconds=wall_seconds)
    fan = player.fan.fan(result.plans.column("time"))
    content = report_input(
        TITLE, scenario, result, assessment, fan=fan, decisions=tuple(player.decisions)
    )
    files = write_run(arguments.out, result, summary, content)
    if arguments.json:
        sys.stdout.write(closing_json(summary, files) + "\n")
    else:
        print_closing(console, content, files[-1])
    return 0


def _play(
    arguments: argparse.Namespace, scenario: Scenario, console: Console
) -> tuple[ReplayResult, Player]:
    """Play the hour on the display that fits where it is shown."""
    from headstart.demo import TITLE, WARMUP_LINE, Player
    from headstart.display import choose_display
    from headstart.live_display import LiveDisplay
    from headstart.replay import replay

    display = choose_display(
        sys.stdout, as_json=arguments.json, live=lambda: LiveDisplay(console, title=TITLE)
    )
    with display:
        display.wait(WARMUP_LINE)
        is_watched = sys.stdout.isatty() and not arguments.fast
        player = Player(scenario=scenario, display=display, pause=_pace(is_watched=is_watched))
        return replay(scenario, player.see), player


def _pace(*, is_watched: bool) -> Callable[[float], None]:
    """Return what waits until a share of the run is due; its first call starts the clock."""
    from headstart.demo import PACED_SECONDS

    began: list[float] = []

    def pause(share: float) -> None:
        if not began:
            began.append(time.monotonic())
        time.sleep(max(0.0, began[0] + share * PACED_SECONDS - time.monotonic()))

    return pause if is_watched else lambda share: None
