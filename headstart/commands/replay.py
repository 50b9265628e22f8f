"""``headstart replay``: what would have happened with your own traffic."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack

NAME = "replay"
HELP = "play your own traffic: what would have happened, and what it would have cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from headstart.trace_arguments import add_trace_arguments, add_world_arguments

    add_trace_arguments(parser)
    add_world_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Play, judge and write."""
    from rich.console import Console

    from headstart.assessment import assess, summarize
    from headstart.closing import closing_json, print_closing
    from headstart.output import prepare_folder
    from headstart.premises import premises
    from headstart.progress import Watcher
    from headstart.replay import replay
    from headstart.run_report import report_input, write_run
    from headstart.world_files import scenario_of

    began = time.monotonic()
    trace, scenario = scenario_of(arguments)
    prepare_folder(arguments.out)
    for note in premises(scenario):
        # Before the run, which may take long and then says little.
        sys.stderr.write(f"headstart: {note}\n")
        sys.stderr.flush()
    with ExitStack() as stack:
        watcher = stack.enter_context(Watcher(scenario, Console(stderr=True)))
        result = replay(scenario, watcher.see)
        watcher.wait("judging, and playing the others on the same traffic")
        assessment = assess(scenario, result)
    wall_seconds = time.monotonic() - began
    summary = summarize(trace.name, scenario, assessment, wall_seconds=wall_seconds)
    content = report_input(
        f"Replay of {trace.name}",
        scenario,
        result,
        assessment,
        fan=watcher.fan.fan(result.plans.column("time")),
        decisions=tuple(watcher.decisions),
    )
    files = write_run(arguments.out, result, summary, content)
    if arguments.json:
        sys.stdout.write(closing_json(summary, files) + "\n")
    else:
        print_closing(Console(file=sys.stdout), content, files[-1])
    return 0
