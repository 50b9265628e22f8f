"""What it costs to restart the loop every day, by what a restart keeps of what was learned.

Run it with `python -m benchmarks.restarts [DIR] [--median S] [--only NAME] [--jobs N]`. Plays each
trace without restarts, with one a day that keeps what a service keeps, and with one a day that
keeps the calibration and begins to look for evidence anew. Forecasts go on: a predictor reads its
history back. Traces of which no more than a day is scored are left out. Without a folder it plays
those of ten generated kinds of demand that are longer.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._kinds import kinds
from benchmarks._made_forecasts import made_forecasts
from benchmarks._traffic import trace_paths
from benchmarks._variants import patched, replayed, variant_arguments
from benchmarks.decisions import scenario_of
from controller.cluster_view import Fleet
from controller.evidence_codec import encode_evidence, with_evidence
from controller.memory_codec import decode_memory, encode_memory
from controller.policy import Objective
from controller.tick import TickResult, tick
from controller.tick_state import TickState, WorkloadState
from headstart.scoring import Score
from headstart.traces import default_warmup, read_trace
from models.forecast import WorkloadName
from models.outlook import Outlook
from predictor.worker_process import worker_pool

_EVERY_SECONDS = 86400.0
_OBJECTIVE = Objective()
Outlooks = Mapping[WorkloadName, Outlook]


class Restarting:
    """Ticks that begin every day with no more than what a restart keeps."""

    def __init__(self, kept: Callable[[WorkloadState], WorkloadState]) -> None:
        """``kept`` is what is left of a workload's state."""
        self._kept = kept
        self._next_at: float | None = None

    def tick(
        self, fleet: Fleet, outlooks: Outlooks, state: TickState, now: float, **ruled_by: Any
    ) -> TickResult:
        """Return a tick's result."""
        if self._next_at is None:
            self._next_at = now + _EVERY_SECONDS
        if now >= self._next_at:
            self._next_at += _EVERY_SECONDS
            workloads = {name: self._kept(one) for name, one in state.workloads.items()}
            state = TickState(workloads=workloads, lead_times=state.lead_times)
        return tick(fleet, outlooks, state, now, **ruled_by)


def all_kept(state: WorkloadState) -> WorkloadState:
    """Return what a service knows of a workload when it has been restarted."""
    known, evidence = calibration_kept(state), encode_evidence(state)
    return known if evidence is None else with_evidence(known, evidence)


def calibration_kept(state: WorkloadState) -> WorkloadState:
    """Return the calibration, and how much demand was seen."""
    return decode_memory(encode_memory(state))


def main() -> int:
    """Play every trace and print."""
    arguments = variant_arguments(__doc__)
    with tempfile.TemporaryDirectory() as made:
        paths = trace_paths(arguments.folder or kinds(Path(made)), arguments.only)
        paths = [path for path in paths if _is_restarted(path)]
        if not paths:
            print("no trace to play", file=sys.stderr)
            return 2
        print("| trace | no restart | restarted daily | keeping no evidence |")
        print("|---|---|---|---|", flush=True)
        with worker_pool(arguments.jobs) as pool:
            played = list(pool.map(play, paths, [arguments.median] * len(paths)))
    for what, of in (("restarted daily", 1), ("keeping no evidence", 2)):
        print(f"{what}: {_mean_ratio(played, of):.3f} x the GPU time without restarts")
    return 0


def play(path: Path, median_seconds: float) -> list[Score]:
    """Play one trace without restarts, keeping all, keeping no evidence; print a row."""
    trace = read_trace(path)
    scenario = scenario_of(trace, median_seconds, _OBJECTIVE)
    forecasts = made_forecasts(scenario)
    scores = [replayed(scenario, forecasts)]
    for kept in (all_kept, calibration_kept):
        with patched("headstart.replay", "tick", Restarting(kept).tick):
            scores.append(replayed(scenario, forecasts))
    row = [f"{one.attained_share:.2%}, {one.gpu_seconds / 3600.0:.1f} GPU-h" for one in scores]
    print(f"| {trace.name} | {' | '.join(row)} |", flush=True)
    return scores


def _is_restarted(path: Path) -> bool:
    trace = read_trace(path)
    scored = len(trace.requests) * trace.bin_seconds - default_warmup(trace)
    return bool(scored > _EVERY_SECONDS)


def _mean_ratio(played: Sequence[Sequence[Score]], of: int) -> float:
    return statistics.geometric_mean([one[of].gpu_seconds / one[0].gpu_seconds for one in played])


if __name__ == "__main__":
    sys.exit(main())
