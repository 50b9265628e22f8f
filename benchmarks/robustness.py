"""What decisions attain and cost where something is wrong, beside the HPA in the same world.

Run it with `python benchmarks/robustness.py DIR [--median S] [--only NAME] [--world NAME]
[--days D]`. Prints a Markdown row for each trace, restore median and world (`benchmarks/_worlds.py`
has them), then the rows in which we are worse than the HPA. Without a folder it plays three
generated days.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks._traffic import generated, trace_paths
from benchmarks._verdict import TITLES, Case, row
from benchmarks._worlds import KeptForecasts, NoiseForecasts, World, every_forecast, worlds
from controller.environment import Environment, StartLatency
from headstart.assessment import trial_of
from headstart.baselines import play_hpa
from headstart.forecast_feed import Forecasts
from headstart.replay import replay
from headstart.scenario import Scenario
from headstart.scoring import Score, score
from headstart.traces import Trace, default_warmup, read_trace
from headstart.trial import Capacity
from headstart.world_files import default_policy
from models.forecast import Forecast

_SEED = 7


def main() -> int:
    """Play every case and print."""
    arguments = _arguments()
    print(TITLES, flush=True)
    cases = []
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.folder or generated(Path(made), days=3)
        for path in trace_paths(folder, arguments.only):
            trace = _first_days(read_trace(path), arguments.days)
            for median in arguments.median or (60.0,):
                for case in _cases(trace, median, arguments.world):
                    print(row(case), flush=True)
                    cases.append(case)
    worse = [case for case in cases if case.verdict != "no worse"]
    print(
        f"\n{len(cases) - len(worse)} of {len(cases)} cases are no worse than the HPA", flush=True
    )
    for case in worse:
        print(row(case))
    return 0 if cases else 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument("--median", type=float, action="append", metavar="S")
    parser.add_argument("--only", default="", metavar="NAME", help="traces with this in the name")
    parser.add_argument("--world", default="", metavar="NAME", help="worlds with this in the name")
    parser.add_argument("--days", type=float, default=5.0, help="how much of each trace is played")
    return parser.parse_args()


def _first_days(trace: Trace, days: float) -> Trace:
    count = round(days * 86400.0 / trace.bin_seconds)
    return replace(trace, requests=trace.requests[:count])


def _cases(trace: Trace, median_seconds: float, only: str) -> Iterator[Case]:
    """Yield the scores of each world; those of the same demand share their forecasts."""
    environment = Environment(restore=StartLatency(median_seconds=median_seconds))
    kept: tuple[Forecast, ...] | None = None
    for world in worlds(trace, environment):
        if only not in world.name:
            continue
        scenario = _scenario(world, trace)
        if world.is_same_demand and kept is None:
            kept = every_forecast(scenario)
        ours, reactive = _played(scenario, _forecasts(world, kept))
        yield Case(
            trace=trace.name,
            median_seconds=median_seconds,
            world=world.name,
            ours=ours,
            reactive=reactive,
        )


def _scenario(world: World, usual: Trace) -> Scenario:
    """Return what is played; what a replica serves is that of the trace as it was."""
    return Scenario(
        requests=world.trace.requests,
        bin_seconds=usual.bin_seconds,
        origin=usual.origin_epoch_seconds,
        policy=default_policy(usual, world.environment),
        environment=world.environment,
        warmup_seconds=default_warmup(usual),
    )


def _forecasts(world: World, kept: tuple[Forecast, ...] | None) -> Forecasts | None:
    if not world.is_same_demand or kept is None:
        return None
    forecasts = KeptForecasts(kept, delay_seconds=world.environment.metrics.delay_seconds)
    if not world.is_noise:
        return forecasts
    usual = float(np.nanmean(world.trace.per_second))
    return NoiseForecasts(forecasts, usual_per_second=usual, seed=_SEED)


def _played(scenario: Scenario, forecasts: Forecasts | None) -> tuple[Score, Score]:
    result = replay(scenario, forecasts=forecasts)
    trial = trial_of(scenario, result)
    reactive = Capacity.from_records(play_hpa(trial, scenario.environment))
    return score(trial, Capacity.from_records(result.records)), score(trial, reactive)


if __name__ == "__main__":
    sys.exit(main())
