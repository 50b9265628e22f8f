"""What restores of two stages save: GPUs are not taken while a worker is restored into memory.

Run it with `python -m benchmarks.parking [DIR] [--only NAME] [--days D] [--parts HOST DEVICE]`.
Plays each trace in a world whose restores hold their GPUs from the beginning, and in one where
the host part needs none, with the same forecasts; then in both with 10 % of starts (of either
part) failing and 5 % hanging. Prints a Markdown row each. Without a folder it plays three
generated days; without parts a snapshot of 16 GiB (10.7 s and 3.6 s) and one of 45 s and 15 s.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks._traffic import generated, trace_paths
from benchmarks._worlds import KeptForecasts, every_forecast
from controller.environment import Environment, Parking, StandbyNodes, StartLatency
from headstart.assessment import trial_of
from headstart.baselines import play_hpa
from headstart.parking_tally import ParkingTally, tally_parking
from headstart.replay import replay
from headstart.scenario import Scenario
from headstart.scoring import Score, score
from headstart.traces import Trace, default_warmup, read_trace
from headstart.trial import Capacity
from headstart.world_files import default_policy
from models.forecast import Forecast

_PARTS = ((10.7, 3.6), (45.0, 15.0))
_SIGMA = 0.35
_NODES = StandbyNodes(nodes=60)
_TROUBLE = {"failure_share": 0.1, "hang_share": 0.05}
_TITLES = (
    "| trace | host + device | world | attained, one stage | two stages | HPA | GPU-hours, one "
    "stage | two stages | saved | parked at once | parks a promotion |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One replay: its score, and what became of its workers, if restores had two stages."""

    score: Score
    tally: ParkingTally
    reactive: Score


def main() -> int:
    """Play every case and print."""
    arguments = _arguments()
    parts = [tuple(pair) for pair in arguments.parts] if arguments.parts else _PARTS
    print(_TITLES, flush=True)
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.folder or generated(Path(made), days=3)
        for path in trace_paths(folder, arguments.only):
            trace = read_trace(path)
            count = round(arguments.days * 86400.0 / trace.bin_seconds)
            for line in _rows(replace(trace, requests=trace.requests[-count:]), parts):
                print(line, flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument("--only", default="", metavar="NAME", help="traces with this in the name")
    parser.add_argument("--days", type=float, default=3.0, help="how much of each trace is played")
    parser.add_argument(
        "--parts", type=float, nargs=2, action="append", metavar=("HOST", "DEVICE"), help="seconds"
    )
    return parser.parse_args()


def _rows(trace: Trace, parts: Sequence[tuple[float, float]]) -> Iterator[str]:
    kept: tuple[Forecast, ...] | None = None
    for host, device in parts:
        for name, shares in (("sound", {}), ("10 % fail, 5 % hang", _TROUBLE)):
            worlds = [_one_stage(host, device, shares), _two_stages(host, device, shares)]
            # No world here changes demand.
            kept = kept or every_forecast(_scenario(trace, worlds[0]))
            one, two = (_played(_scenario(trace, world), kept) for world in worlds)
            yield _row(f"{trace.name} | {host:g} + {device:g} s | {name}", one, two)


def _one_stage(host: float, device: float, shares: dict[str, float]) -> Environment:
    """Return the world whose restores take as long as both parts, as spread as their sum is."""
    sigma = _SIGMA * math.hypot(host, device) / (host + device)
    restore = StartLatency(median_seconds=host + device, sigma=sigma, **shares)
    return Environment(restore=restore, standby=_NODES)


def _two_stages(host: float, device: float, shares: dict[str, float]) -> Environment:
    return Environment(
        restore=StartLatency(median_seconds=device, sigma=_SIGMA, **shares),
        parking=Parking(median_seconds=host, sigma=_SIGMA),
        standby=_NODES,
    )


def _scenario(trace: Trace, environment: Environment) -> Scenario:
    return Scenario(
        requests=trace.requests,
        bin_seconds=trace.bin_seconds,
        origin=trace.origin_epoch_seconds,
        policy=default_policy(trace, environment),
        environment=environment,
        warmup_seconds=default_warmup(trace),
    )


def _played(scenario: Scenario, kept: tuple[Forecast, ...]) -> Run:
    delay = scenario.environment.metrics.delay_seconds
    result = replay(scenario, forecasts=KeptForecasts(kept, delay_seconds=delay))
    trial = trial_of(scenario, result)
    reactive = Capacity.from_records(play_hpa(trial, scenario.environment))
    return Run(
        score=score(trial, Capacity.from_records(result.records)),
        tally=tally_parking(result.records, end=result.end),
        reactive=score(trial, reactive),
    )


def _row(case: str, one: Run, two: Run) -> str:
    saved = 1.0 - two.score.gpu_seconds / one.score.gpu_seconds
    at_once = two.tally.parked_seconds / two.score.duration_seconds
    parks = two.tally.parked / max(two.tally.promotions, 1)
    cells = (
        case,
        *(f"{run.attained_share:.2%}" for run in (one.score, two.score, one.reactive)),
        *(f"{run.gpu_seconds / 3600:.1f}" for run in (one.score, two.score)),
        f"{saved:.1%}",
        f"{at_once:.1f}",
        f"{parks:.2f}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
