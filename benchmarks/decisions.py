"""What decisions attain and cost: every trace of a folder, restores of 10, 60 and 180 s.

Run it with `python benchmarks/decisions.py DIR [--median S] [--only NAME] [--jobs N]`. Prints a
Markdown row a case as it finishes, Headstart beside the Kubernetes HPA and the bound that knows the
future, then the summary. `--attainment` and `--wait` set another objective than 99 % within 2 s;
with `--missed PRICE` money decides: a missed request costs so many GPU-hours, and costs are those
of both. All others are then asked for the share that Headstart attained, and the bound is the
cheapest of them, no true one. Without a folder it plays ten generated kinds of demand.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks._kinds import kinds
from benchmarks._traffic import trace_paths
from controller.environment import Environment, StartLatency
from controller.policy import Cost, Objective
from headstart.assessment import CLAIRVOYANT, REACTIVE, assess
from headstart.replay import Scenario, replay
from headstart.scoring import Score
from headstart.traces import default_warmup, read_trace
from headstart.world_files import default_policy

_MEDIANS_SECONDS = (10.0, 60.0, 180.0)
_GENERATED_MEDIANS_SECONDS = (60.0,)
_USUAL = Objective()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One replay's scores."""

    trace: str
    median_seconds: float
    objective: Objective
    ours: Score
    reactive: Score
    bound: Score

    def ratio(self, score: Score) -> float:
        """Return what a score costs for each GPU-hour of the bound."""
        return hours(score, self.objective) / hours(self.bound, self.objective)


def hours(score: Score, objective: Objective) -> float:
    """Return what a score costs in GPU-hours, missed requests included if they have a price."""
    return score.money(objective.cost or Cost(gpu_hour=1.0, missed_request=0.0))


def main() -> int:
    """Play every case and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as made:
        folder, medians = arguments.folder, arguments.median or _MEDIANS_SECONDS
        if folder is None:
            folder = kinds(Path(made))
            medians = arguments.median or _GENERATED_MEDIANS_SECONDS
        paths = trace_paths(folder, arguments.only)
        if not paths:
            print(f"no trace in {folder}", file=sys.stderr)
            return 2
        objective = _objective(arguments)
        wanted = [(path, median, objective) for path in paths for median in medians]
        cases = _played(wanted, arguments.jobs)
    _print_summary(cases, objective)
    return 0


def play(path: Path, median_seconds: float, objective: Objective) -> Case:
    """Play one trace with restores of that median, as `headstart replay` does."""
    trace = read_trace(path)
    environment = Environment(restore=StartLatency(median_seconds=median_seconds))
    scenario = Scenario(
        requests=trace.requests,
        bin_seconds=trace.bin_seconds,
        origin=trace.origin_epoch_seconds,
        policy=replace(default_policy(trace, environment), objective=objective),
        environment=environment,
        warmup_seconds=default_warmup(trace),
    )
    assessment = assess(scenario, replay(scenario))
    bound = assessment.comparison[CLAIRVOYANT]
    if objective.cost is not None:
        others = (assessment.score, *assessment.comparison.values())
        bound = min(others, key=lambda score: hours(score, objective))
    return Case(
        trace=trace.name,
        median_seconds=median_seconds,
        objective=objective,
        ours=assessment.score,
        reactive=assessment.comparison[REACTIVE],
        bound=bound,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument(
        "--median", type=float, action="append", metavar="S", help="may be given several times"
    )
    parser.add_argument("--only", default="", metavar="NAME", help="traces with this in the name")
    parser.add_argument("--jobs", type=int, default=1, help="replays at a time")
    parser.add_argument("--attainment", type=float, default=_USUAL.attainment, metavar="SHARE")
    parser.add_argument("--wait", type=float, default=_USUAL.wait_seconds, metavar="S")
    parser.add_argument("--missed", type=float, metavar="PRICE", help="GPU-hours a missed request")
    return parser.parse_args()


def _objective(arguments: argparse.Namespace) -> Objective:
    price = arguments.missed
    return Objective(
        attainment=arguments.attainment,
        wait_seconds=arguments.wait,
        cost=None if price is None else Cost(gpu_hour=1.0, missed_request=price),
    )


def _played(wanted: Sequence[tuple[Path, float, Objective]], jobs: int) -> list[Case]:
    """Play the cases, printing each as it finishes."""
    print("| trace | restore | attained | GPU-h | / bound | HPA attained | HPA GPU-h |")
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
        f"{hours(case.ours, case.objective):.1f}",
        f"{case.ratio(case.ours):.3f}",
        f"{case.reactive.attained_share:.2%}",
        f"{hours(case.reactive, case.objective):.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _print_summary(cases: Sequence[Case], objective: Objective) -> None:
    scored = (
        ("Headstart", [(case, case.ours) for case in cases]),
        ("HPA", [(case, case.reactive) for case in cases]),
    )
    print()
    for name, scores in scored:
        attained = sum(score.attained_share >= objective.attainment for _, score in scores)
        logs = [math.log(case.ratio(score)) for case, score in scores]
        mean = math.exp(math.fsum(logs) / len(logs))
        met = f"{attained} of {len(cases)} cases attained {objective.attainment:.1%}, "
        print(
            f"{name}: {'' if objective.cost else met}costs are {mean:.3f} x the bound "
            "(geometric mean)"
        )


if __name__ == "__main__":
    sys.exit(main())
