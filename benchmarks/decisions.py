"""What decisions attain and cost: every trace of a folder, restores of 10, 60 and 180 s.

Run it with `python -m benchmarks.decisions DIR [--median S] [--only NAME] [--jobs N]`. Prints a
Markdown row a case as it finishes, Headstart beside the Kubernetes HPA and the bound that knows the
future, then a summary for each objective. `--attainment` and `--wait` set another one than 99 %
within 2 s; with `--missed PRICE` money decides: a missed request costs so many GPU-hours, and costs
are those of both. All others are then asked for the share that Headstart attained, and the bound is
the cheapest of them, no true one. Shares and prices may be given several times; a trace is forecast
once for all of them. Without a folder it plays ten generated kinds of demand.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks._kinds import kinds
from benchmarks._made_forecasts import MadeForecasts, made_forecasts
from benchmarks._traffic import trace_paths
from controller.environment import Environment, StartLatency
from controller.policy import Cost, Objective
from headstart.assessment import CLAIRVOYANT, REACTIVE, assess
from headstart.replay import replay
from headstart.scenario import Scenario
from headstart.scoring import Score
from headstart.traces import Trace, default_warmup, read_trace
from headstart.world_files import default_policy
from predictor.worker_process import worker_pool

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
        objectives = _objectives(arguments)
        print("| trace | restore | objective | attained | GPU-h | / bound | HPA | its GPU-h |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        cases = _played(paths, medians, objectives, arguments.jobs)
    for objective in objectives:
        _print_summary([case for case in cases if case.objective == objective], objective)
    return 0


def play(path: Path, medians: Sequence[float], objectives: Sequence[Objective]) -> list[Case]:
    """Play one trace with restores of each median, for each objective; print each as it ends."""
    trace = read_trace(path)
    forecasts = made_forecasts(scenario_of(trace, medians[0], objectives[0]))
    cases = []
    for objective, median in itertools.product(objectives, medians):
        case = _case(scenario_of(trace, median, objective), trace.name, median, forecasts)
        print(_row(case), flush=True)
        cases.append(case)
    return cases


def scenario_of(trace: Trace, median_seconds: float, objective: Objective) -> Scenario:
    """Return what ``headstart replay`` would play."""
    environment = Environment(restore=StartLatency(median_seconds=median_seconds))
    return Scenario(
        requests=trace.requests,
        bin_seconds=trace.bin_seconds,
        origin=trace.origin_epoch_seconds,
        policy=replace(default_policy(trace, environment), objective=objective),
        environment=environment,
        warmup_seconds=default_warmup(trace),
    )


def _case(scenario: Scenario, name: str, median_seconds: float, forecasts: MadeForecasts) -> Case:
    result = replay(scenario, forecasts=forecasts.feed(scenario))
    assessment = assess(scenario, result)
    objective, bound = scenario.policy.objective, assessment.comparison[CLAIRVOYANT]
    if objective.cost is not None:
        others = (assessment.score, *assessment.comparison.values())
        bound = min(others, key=lambda score: hours(score, objective))
    return Case(
        trace=name,
        median_seconds=median_seconds,
        objective=objective,
        ours=assessment.score,
        reactive=assessment.comparison[REACTIVE],
        bound=bound,
    )


def _arguments() -> argparse.Namespace:
    several = "may be given several times"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument("--median", type=float, action="append", metavar="S", help=several)
    parser.add_argument("--only", default="", metavar="NAME", help="traces with this in the name")
    parser.add_argument("--jobs", type=int, default=1, help="traces at a time")
    parser.add_argument("--attainment", type=float, action="append", metavar="SHARE", help=several)
    parser.add_argument("--wait", type=float, default=_USUAL.wait_seconds, metavar="S")
    price = f"GPU-hours a missed request, {several}"
    parser.add_argument("--missed", type=float, action="append", metavar="PRICE", help=price)
    return parser.parse_args()


def _objectives(arguments: argparse.Namespace) -> list[Objective]:
    """Return the shares that are asked for, then the prices; 99 % if neither is given."""
    wait = arguments.wait
    prices = [Cost(gpu_hour=1.0, missed_request=price) for price in arguments.missed or ()]
    shares = arguments.attainment or ([] if prices else [_USUAL.attainment])
    return [
        *(Objective(attainment=share, wait_seconds=wait) for share in shares),
        *(Objective(wait_seconds=wait, cost=cost) for cost in prices),
    ]


def _played(
    paths: Sequence[Path], medians: Sequence[float], objectives: Sequence[Objective], jobs: int
) -> list[Case]:
    """Play the cases, some traces at a time."""
    with worker_pool(jobs) as pool:
        played = [pool.submit(play, path, medians, objectives) for path in paths]
        return [case for future in as_completed(played) for case in future.result()]


def _goal(objective: Objective) -> str:
    if objective.cost is not None:
        return f"{objective.cost.missed_request:g} GPU-h a miss"
    return f"{100.0 * objective.attainment:.4g} %"


def _row(case: Case) -> str:
    cells = (
        case.trace,
        f"{case.median_seconds:g} s",
        _goal(case.objective),
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
        mean = statistics.geometric_mean([case.ratio(score) for case, score in scores])
        met = f"{attained} of {len(cases)} cases attained, "
        print(
            f"{name}, {_goal(objective)}: {'' if objective.cost else met}costs are {mean:.3f} x "
            "the bound (geometric mean)"
        )


if __name__ == "__main__":
    sys.exit(main())
