"""What decisions attain and cost: every trace of a folder, restores of 10, 60 and 180 s.

Run it with `python benchmarks/decisions.py DIR [--median S] [--only NAME] [--jobs N]`. Prints a
Markdown row a case as it finishes, Headstart beside the Kubernetes HPA and the bound that knows
the future, then the summary. Without a folder it plays two generated days.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from benchmarks._traffic import generated, trace_paths
from controller.environment import Environment, StartLatency
from headstart.assessment import CLAIRVOYANT, REACTIVE, assess
from headstart.replay import Scenario, replay
from headstart.scoring import Score
from headstart.traces import default_warmup, read_trace
from headstart.world_files import default_policy

_MEDIANS_SECONDS = (10.0, 60.0, 180.0)
_GENERATED_MEDIANS_SECONDS = (60.0,)
_ATTAINMENT = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One replay's scores."""

    trace: str
    median_seconds: float
    ours: Score
    reactive: Score
    clairvoyant: Score


def main() -> int:
    """Play every case and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as made:
        folder, medians = arguments.folder, arguments.median or _MEDIANS_SECONDS
        if folder is None:
            folder = generated(Path(made), days=2)
            medians = arguments.median or _GENERATED_MEDIANS_SECONDS
        paths = trace_paths(folder, arguments.only)
        if not paths:
            print(f"no trace in {folder}", file=sys.stderr)
            return 2
        cases = _played([(path, median) for path in paths for median in medians], arguments.jobs)
    _print_summary(cases)
    return 0


def play(path: Path, median_seconds: float) -> Case:
    """Play one trace with restores of that median, as `headstart replay` does."""
    trace = read_trace(path)
    environment = Environment(restore=StartLatency(median_seconds=median_seconds))
    scenario = Scenario(
        requests=trace.requests,
        bin_seconds=trace.bin_seconds,
        origin=trace.origin_epoch_seconds,
        policy=default_policy(trace, environment),
        environment=environment,
        warmup_seconds=default_warmup(trace),
    )
    assessment = assess(scenario, replay(scenario))
    return Case(
        trace=trace.name,
        median_seconds=median_seconds,
        ours=assessment.score,
        reactive=assessment.comparison[REACTIVE],
        clairvoyant=assessment.comparison[CLAIRVOYANT],
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument(
        "--median", type=float, action="append", metavar="S", help="may be given several times"
    )
    parser.add_argument("--only", default="", metavar="NAME", help="traces with this in the name")
    parser.add_argument("--jobs", type=int, default=1, help="replays at a time")
    return parser.parse_args()


def _played(wanted: Sequence[tuple[Path, float]], jobs: int) -> list[Case]:
    """Play the cases, printing each as it finishes."""
    print("| trace | restore | attained | GPU-h | / clairvoyant | HPA attained | HPA GPU-h |")
    print("|---|---|---|---|---|---|---|", flush=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        cases = []
        for future in as_completed([pool.submit(play, *case) for case in wanted]):
            cases.append(future.result())
            print(_row(cases[-1]), flush=True)
    return cases


def _row(case: Case) -> str:
    cells = (
        case.trace,
        f"{case.median_seconds:g} s",
        f"{case.ours.attained_share:.2%}",
        f"{case.ours.gpu_seconds / 3600:.1f}",
        f"{_ratio(case.ours, case.clairvoyant):.3f}",
        f"{case.reactive.attained_share:.2%}",
        f"{case.reactive.gpu_seconds / 3600:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _ratio(score: Score, bound: Score) -> float:
    return score.gpu_seconds / bound.gpu_seconds


def _print_summary(cases: Sequence[Case]) -> None:
    scored = (("Headstart", [c.ours for c in cases]), ("HPA", [c.reactive for c in cases]))
    print()
    for name, scores in scored:
        attained = sum(score.attained_share >= _ATTAINMENT for score in scores)
        logs = [
            math.log(_ratio(score, case.clairvoyant))
            for score, case in zip(scores, cases, strict=True)
        ]
        print(
            f"{name}: {attained} of {len(cases)} cases attained {_ATTAINMENT:.0%}; GPU-seconds "
            f"are {math.exp(math.fsum(logs) / len(logs)):.3f} x clairvoyant (geometric mean)"
        )


if __name__ == "__main__":
    sys.exit(main())
