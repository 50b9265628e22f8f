"""``headstart explain``: why a plan is what it is, in plain sentences."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

NAME = "explain"
HELP = "say in words why a plan is what it is"
DEFAULT_URL = "http://127.0.0.1:8080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "workload", nargs="?", metavar="WORKLOAD", help="whose plan; a replay has but one (--run)"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--url",
        default=DEFAULT_URL,
        help="of a running `headstart up` or `headstart controller` (default: %(default)s)",
    )
    source.add_argument(
        "--run", dest="run_folder", type=Path, metavar="DIR", help="the folder of a finished replay"
    )
    parser.add_argument(
        "--at",
        metavar="SECONDS",
        help="the plan in force then: since the trace's start with --run, since 1970 (or an ISO "
        "time) with --url; default: the last",
    )
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Fetch the plan and tell it."""
    from headstart.display import clock
    from headstart.explanation import explain
    from headstart.plan_sources import from_controller, from_run

    if isinstance(arguments.run_folder, Path):
        found = from_run(arguments.run_folder, workload=arguments.workload, at=arguments.at)
        sentences = explain(
            found.facts,
            time_text=lambda seconds: f"{seconds:.0f} s",
            next_start_at=found.next_start_at,
        )
    else:
        found = from_controller(arguments.url, workload=arguments.workload, at=arguments.at)
        sentences = explain(found.facts, time_text=lambda seconds: f"{clock(seconds)} UTC")
    if arguments.json:
        sys.stdout.write(json.dumps({**found.raw, "sentences": sentences}) + "\n")
    else:
        sys.stdout.write("\n".join(sentences) + "\n")
    return 0
