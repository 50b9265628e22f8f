"""What a level of sureness fixed in hindsight attains and costs, beside the one that is learned.

Run it with `python -m benchmarks.fixed_levels [DIR] [--median S] [--only NAME] [--jobs N]`. Plays
each trace with the learned level, then with each of some that never change, all else as it is.
Prints a row a replay, then for each trace the least GPU time at which a fixed level attains 99 %
within 2 s: who knew it beforehand would pay that. Levels walk the forecast's quantiles: 0 is the
median, 4 is the 0.99 quantile. Without a folder it plays ten generated kinds of demand.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks._kinds import kinds
from benchmarks._made_forecasts import made_forecasts
from benchmarks._traffic import trace_paths
from benchmarks._variants import patched, replayed, variant_arguments
from benchmarks.decisions import scenario_of
from controller.policy import Objective
from headstart.scoring import Score
from headstart.traces import read_trace
from predictor.worker_process import worker_pool

_LEVELS = (-1.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0)
_OBJECTIVE = Objective()


class Played(NamedTuple):
    """One trace's scores: with the level that is learned, and with each of ``_LEVELS``."""

    trace: str
    learned: Score
    fixed: tuple[Score, ...]

    @property
    def cheapest(self) -> tuple[float, Score] | None:
        """The fixed level that attains the objective at the least GPU time, if any does."""
        attained = [
            (level, one)
            for level, one in zip(_LEVELS, self.fixed, strict=True)
            if one.attained_share >= _OBJECTIVE.attainment
        ]
        return min(attained, key=lambda pair: pair[1].gpu_seconds, default=None)


def main() -> int:
    """Play every level on every trace and print."""
    arguments = variant_arguments(__doc__)
    with tempfile.TemporaryDirectory() as made:
        paths = trace_paths(arguments.folder or kinds(Path(made)), arguments.only)
        if not paths:
            print("no trace to play", file=sys.stderr)
            return 2
        print("| trace | level | attained | GPU-h |\n|---|---|---|---|", flush=True)
        with worker_pool(arguments.jobs) as pool:
            played = list(pool.map(play, paths, [arguments.median] * len(paths)))
    _print_summary(played)
    return 0


def play(path: Path, median_seconds: float) -> Played:
    """Play one trace with each level; print each as it ends."""
    trace = read_trace(path)
    scenario = scenario_of(trace, median_seconds, _OBJECTIVE)
    forecasts = made_forecasts(scenario)
    learned = replayed(scenario, forecasts)
    print(_row(trace.name, "learned", learned), flush=True)
    fixed = []
    for level in _LEVELS:
        with ExitStack() as stack:
            for name in ("first_level", "chosen_level"):
                stack.enter_context(patched("controller.feedback", name, partial(_always, level)))
            fixed.append(replayed(scenario, forecasts))
        print(_row(trace.name, f"{level:g}", fixed[-1]), flush=True)
    return Played(trace.name, learned, tuple(fixed))


def _always(level: float, *_: object) -> float:
    return level


def _row(trace: str, level: str, one: Score) -> str:
    hours = one.gpu_seconds / 3600.0
    return f"| {trace} | {level} | {one.attained_share:.2%} | {hours:.1f} |"


def _print_summary(played: Sequence[Played]) -> None:
    print("\n| trace | learned | cheapest fixed | learned / fixed |\n|---|---|---|---|")
    for line in _compared(played):
        print(line)
    both = [
        one.learned.gpu_seconds / one.cheapest[1].gpu_seconds
        for one in played
        if one.cheapest is not None and one.learned.attained_share >= _OBJECTIVE.attainment
    ]
    if both:
        mean = statistics.geometric_mean(both)
        print(f"\nwhere both attain ({len(both)} of {len(played)}): {mean:.3f} x (geometric mean)")


def _compared(played: Sequence[Played]) -> Iterator[str]:
    for one in played:
        learned, cheapest = f"{one.learned.attained_share:.2%}", one.cheapest
        if cheapest is None:
            yield f"| {one.trace} | {learned} | none attains | |"
            continue
        level, fixed = cheapest
        ratio = one.learned.gpu_seconds / fixed.gpu_seconds
        yield f"| {one.trace} | {learned} | {level:g}, {fixed.attained_share:.2%} | {ratio:.3f} |"


if __name__ == "__main__":
    sys.exit(main())
