"""How accurate forecasts are: every trace of a folder, against a moving average.

Run it with `python benchmarks/forecasts.py DIR [--only NAME] [--jobs N]`. Prints a Markdown row a
trace: the weighted quantile loss, its ratio to that of an exponentially weighted mean with rolling
conformal quantiles, the coverage of three quantiles, and how far, at worst, coverage of 500 origins
in a row is from the quantile (all horizons together). Without a folder it takes two generated days.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._traffic import generated, trace_paths
from headstart.backtest import Backtest, backtest
from headstart.traces import Trace, default_warmup, read_trace
from models.forecast import FloatArray
from predictor.worker_process import worker_pool

_SHOWN_QUANTILES = (0.9, 0.95, 0.99)
_WINDOW_ORIGINS = 500
_COVERAGE_WITHIN = (0.01, 0.01, 0.005)
_WINDOW_WITHIN = 0.04
_GOAL_RATIO, _GOAL_WORST_RATIO = 0.85, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """One trace's scores; ``coverage`` and ``windows`` by shown quantile."""

    trace: str
    loss: float
    ratio: float
    coverage: tuple[float, ...]
    windows: tuple[float, ...]


def main() -> int:
    """Backtest every trace and print; 1 if a folder's traces missed the goal."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.folder or generated(Path(made), days=2)
        paths = trace_paths(folder, arguments.only)
        if not paths:
            print(f"no trace in {folder}", file=sys.stderr)
            return 2
        is_met = _summed_up(_measured(paths, arguments.jobs))
        # The goal is one for many kinds of demand: two generated days neither meet nor miss it.
        return 0 if is_met or arguments.folder is None else 1


def measure(path: Path) -> Accuracy:
    """Backtest one trace, as `headstart backtest` does."""
    trace = read_trace(path)
    result = backtest(trace, warmup_seconds=default_warmup(trace))
    columns = [result.quantiles.index(quantile) for quantile in _SHOWN_QUANTILES]
    return Accuracy(
        trace=trace.name,
        loss=result.loss,
        ratio=result.loss / result.ewma_loss,
        coverage=tuple(result.coverage[column] for column in columns),
        windows=tuple(
            worst_window(covered(trace, result, column), quantile)
            for column, quantile in zip(columns, _SHOWN_QUANTILES, strict=True)
        ),
    )


def covered(trace: Trace, result: Backtest, column: int) -> FloatArray:
    """Return, origin by origin, the share of horizons whose demand was not above the forecast."""
    last_seen = np.round(result.origins / trace.bin_seconds).astype(np.intp) - 1
    steps = np.round(np.asarray(result.horizons_seconds) / trace.bin_seconds).astype(np.intp)
    target = last_seen[:, None] + steps
    came = trace.requests[np.minimum(target, len(trace.requests) - 1)]
    said = result.values[:, :, column]
    scored = (target < len(trace.requests)) & np.isfinite(came) & np.isfinite(said)
    count = scored.sum(axis=1)
    shares = ((came <= said) & scored).sum(axis=1) / np.maximum(count, 1)
    return np.asarray(shares[count > 0])


def worst_window(shares: FloatArray, quantile: float) -> float:
    """Return the greatest distance of a window's mean coverage from the quantile."""
    size = min(_WINDOW_ORIGINS, len(shares))
    sums = np.cumsum(np.concatenate([[0.0], shares]))
    means = (sums[size:] - sums[:-size]) / size
    return float(np.abs(means - quantile).max())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument("--only", default="", metavar="NAME", help="traces with this in the name")
    parser.add_argument("--jobs", type=int, default=1, help="backtests at a time")
    return parser.parse_args()


def _measured(paths: Sequence[Path], jobs: int) -> list[Accuracy]:
    """Measure the traces, printing each as it finishes."""
    print("| trace | loss | / moving average | coverage of 0.9, 0.95, 0.99 | worst 500 origins |")
    print("|---|---|---|---|---|", flush=True)
    with worker_pool(jobs) as pool:
        found = []
        for future in as_completed([pool.submit(measure, path) for path in paths]):
            found.append(future.result())
            print(_row(found[-1]), flush=True)
    return found


def _row(accuracy: Accuracy) -> str:
    shares = " ".join(f"{share:.3f}" for share in accuracy.coverage)
    windows = " ".join(f"{distance:.3f}" for distance in accuracy.windows)
    cells = (accuracy.trace, f"{accuracy.loss:.4f}", f"{accuracy.ratio:.3f}", shares, windows)
    return f"| {' | '.join(cells)} |"


def _summed_up(found: Sequence[Accuracy]) -> bool:
    """Print what holds for all traces; return whether the goal was met."""
    ratios = [each.ratio for each in found]
    mean, worst = statistics.geometric_mean(ratios), max(ratios)
    calibrated = sum(
        all(
            abs(share - quantile) <= within
            for share, quantile, within in zip(
                each.coverage, _SHOWN_QUANTILES, _COVERAGE_WITHIN, strict=True
            )
        )
        for each in found
    )
    steady = sum(max(each.windows) <= _WINDOW_WITHIN for each in found)
    print(f"\nloss is {mean:.3f} x a moving average's (geometric mean), at worst {worst:.3f}")
    print(f"coverage within {_COVERAGE_WITHIN}: {calibrated} of {len(found)} traces")
    print(f"in any 500 origins within {_WINDOW_WITHIN}: {steady} of {len(found)} traces")
    is_met = mean <= _GOAL_RATIO and worst <= _GOAL_WORST_RATIO
    print(f"goal (at most {_GOAL_RATIO}, {_GOAL_WORST_RATIO}) {'met' if is_met else 'MISSED'}")
    return is_met


if __name__ == "__main__":
    sys.exit(main())
