"""What benchmarks share that play variants of the decision on the same forecasts."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._made_forecasts import MadeForecasts
from headstart.assessment import trial_of
from headstart.replay import replay
from headstart.scenario import Scenario
from headstart.scoring import Score, score
from headstart.trial import Capacity


@contextmanager
def patched(module_name: str, name: str, value: object) -> Iterator[None]:
    """Let a module's name have another value until the block ends."""
    module = importlib.import_module(module_name)
    usual = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, usual)


def replayed(scenario: Scenario, forecasts: MadeForecasts) -> Score:
    """Return what a replay on forecasts made before attains and costs."""
    result = replay(scenario, forecasts=forecasts.feed(scenario))
    return score(trial_of(scenario, result), Capacity.from_records(result.records))


def variant_arguments(description: str | None) -> argparse.Namespace:
    """Return the command line: which traces, which restores, and how many traces at a time."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument("--median", type=float, default=60.0, metavar="S")
    parser.add_argument("--only", default="", metavar="NAME", help="traces with this in the name")
    parser.add_argument("--jobs", type=int, default=1, help="traces at a time")
    return parser.parse_args()
