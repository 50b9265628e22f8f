"""``headstart controller``: the controller alone, following a predictor."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "controller"
HELP = "run the controller alone, following a predictor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from headstart.service_options import add_service_arguments

    add_service_arguments(parser, tick_seconds=5.0)
    parser.add_argument(
        "--predictor", required=True, metavar="URL", help="of a running `headstart predictor`"
    )
    parser.add_argument(
        "--environment", type=Path, metavar="FILE", help="the simulated cluster: restores, nodes"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM (exit code 0) or Ctrl-C (130)."""
    from headstart.log_setup import set_up_logging
    from headstart.process import run_until_stopped
    from headstart.service_files import check_drivers, http_url, setting_of
    from headstart.wiring import run_controller
    from headstart.world_files import read_world

    set_up_logging(as_json=arguments.json)
    setting = setting_of(arguments)
    check_drivers(setting.policies)
    url = http_url(arguments.predictor, option="--predictor")
    environment = read_world(arguments.environment)
    return run_until_stopped(run_controller(setting, url, environment, arguments.state))
