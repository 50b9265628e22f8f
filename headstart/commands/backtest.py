"""``headstart backtest``: how accurate the forecasts would have been on your own traffic."""

from __future__ import annotations

import argparse

NAME = "backtest"
HELP = "measure how accurate the forecasts would have been on your own traffic"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from headstart.trace_arguments import add_trace_arguments

    add_trace_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Forecast from every origin, score, and write."""
    from headstart.errors import RunFailedError

    raise RunFailedError("backtest: is not built yet")
