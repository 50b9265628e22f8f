"""Constants of the decision, chosen on all kinds of demand but one, and played on that one.

Run it with `python -m benchmarks.leave_one_out [DIR] [--median S] [--only NAME] [--jobs N]`. Of
each constant it plays the value in force and two others, all else as it is. For each trace that
value is chosen with which most of the other traces attain 99 % within 2 s, and of these the one
that costs least; prints what so chosen values do on the traces that had no say, beside the value in
force. Without a folder it plays ten generated kinds of demand, with restores of 60 s.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks._kinds import kinds
from benchmarks._made_forecasts import made_forecasts
from benchmarks._traffic import trace_paths
from benchmarks._variants import patched, replayed, variant_arguments
from benchmarks.decisions import scenario_of
from controller.policy import Objective
from headstart.assessment import CLAIRVOYANT, assess
from headstart.replay import replay
from headstart.traces import read_trace
from predictor.worker_process import worker_pool


class Constant(NamedTuple):
    """One constant, what it is, and the values to play beside the one in force."""

    words: str
    module: str
    name: str
    others: tuple[float, ...]

    @property
    def in_force(self) -> float:
        """Return its value as it is shipped."""
        return float(getattr(importlib.import_module(self.module), self.name))


class Result(NamedTuple):
    """What one replay attained, and what it cost for each GPU-hour of the bound."""

    attained: float
    ratio: float


#: (constant's name, value) of each replay of one trace; the value in force is played once for all.
Results = Mapping[tuple[str, float], Result]

_CONSTANTS = (
    Constant("share of the misses to aim at", "controller.level_choice", "_AIM", (0.6, 0.9)),
    Constant("highest price of a miss", "controller.level_choice", "_DEAREST", (0.4, 1.6)),
    Constant("lead times to hold", "controller.hold", "_HOLD_OF_LEAD_TIME", (0.25, 1.5)),
)
_OBJECTIVE = Objective()


def main() -> int:
    """Play every value on every trace, choose and print."""
    arguments = variant_arguments(__doc__)
    with tempfile.TemporaryDirectory() as made:
        paths = trace_paths(arguments.folder or kinds(Path(made)), arguments.only)
        if len(paths) < 2:
            print("to leave one out takes two traces", file=sys.stderr)
            return 2
        with worker_pool(arguments.jobs) as pool:
            results = dict(pool.map(play, paths, [arguments.median] * len(paths)))
    print("\n| constant | in force | attained, cost | chosen without the trace | attained, cost |")
    print("|---|---|---|---|---|")
    for constant in _CONSTANTS:
        print(_row(constant, results))
    return 0


def play(path: Path, median_seconds: float) -> tuple[str, Results]:
    """Play every value on one trace; print each as it ends."""
    trace = read_trace(path)
    scenario = scenario_of(trace, median_seconds, _OBJECTIVE)
    forecasts = made_forecasts(scenario)
    assessment = assess(scenario, replay(scenario, forecasts=forecasts.feed(scenario)))
    bound = assessment.comparison[CLAIRVOYANT].gpu_seconds
    usual = Result(assessment.score.attained_share, assessment.score.gpu_seconds / bound)
    print(f"{trace.name}: {usual.attained:.2%} at {usual.ratio:.3f}", flush=True)
    results = {}
    for constant in _CONSTANTS:
        results[constant.name, constant.in_force] = usual
        for value in constant.others:
            with patched(constant.module, constant.name, value):
                own = replayed(scenario, forecasts)
            one = Result(own.attained_share, own.gpu_seconds / bound)
            results[constant.name, value] = one
            said = f"{trace.name}, {constant.words} {value:g}"
            print(f"{said}: {one.attained:.2%} at {one.ratio:.3f}", flush=True)
    return trace.name, results


def _row(constant: Constant, results: Mapping[str, Results]) -> str:
    chosen, left_out = Counter[float](), []
    for trace in results:
        others = [result for name, result in results.items() if name != trace]
        value = _best(constant, others)
        chosen[value] += 1
        left_out.append(results[trace][constant.name, value])
    usual = [result[constant.name, constant.in_force] for result in results.values()]
    values = ", ".join(f"{value:g} ({times} times)" for value, times in chosen.most_common())
    cells = (constant.words, f"{constant.in_force:g}", _summary(usual), values, _summary(left_out))
    return f"| {' | '.join(cells)} |"


def _best(constant: Constant, results: Sequence[Results]) -> float:
    """Return the value with which most traces attain, and of these that which costs least."""

    def rank(value: float) -> tuple[int, float]:
        played = [result[constant.name, value] for result in results]
        return -_attained(played), _mean_ratio(played)

    return min((constant.in_force, *constant.others), key=rank)


def _attained(played: Sequence[Result]) -> int:
    return sum(one.attained >= _OBJECTIVE.attainment for one in played)


def _mean_ratio(played: Sequence[Result]) -> float:
    return statistics.geometric_mean([one.ratio for one in played])


def _summary(played: Sequence[Result]) -> str:
    return f"{_attained(played)} of {len(played)}, {_mean_ratio(played):.3f}"


if __name__ == "__main__":
    sys.exit(main())
