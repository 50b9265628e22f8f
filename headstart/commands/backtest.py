"""``headstart backtest``: how accurate the forecasts would have been on your own traffic."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.backtest import Backtest

NAME = "backtest"
HELP = "measure how accurate the forecasts would have been on your own traffic"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from headstart.trace_arguments import add_trace_arguments

    add_trace_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Forecast from every origin, score, and write."""
    from rich.console import Console
    from rich.progress import track

    from headstart.backtest import backtest
    from headstart.output import prepare_folder
    from headstart.results import write_forecasts
    from headstart.world_files import trace_and_warmup

    trace, warmup_seconds = trace_and_warmup(arguments)
    prepare_folder(arguments.out)
    console = Console(stderr=True)
    steps = iter(
        track(
            range(len(trace.requests)),
            description="forecasting",
            console=console,
            disable=not console.is_terminal,
        )
    )
    result = backtest(
        trace, warmup_seconds=warmup_seconds, progress=lambda done, total: next(steps, None)
    )
    path = arguments.out / "forecasts.csv"
    write_forecasts(
        path,
        origins=result.origins,
        horizons_seconds=result.horizons_seconds,
        quantiles=result.quantiles,
        values=result.values,
    )
    if arguments.json:
        sys.stdout.write(json.dumps(_summary(trace.name, result, path)) + "\n")
        return 0
    sys.stdout.write(f"{trace.name}: {_sentences(result)}\n{path}\n")
    return 0


def _sentences(result: Backtest) -> str:
    ratio = result.loss / result.ewma_loss if result.ewma_loss > 0 else float("nan")
    covered = ", ".join(
        f"{share:.3f} at {q:g}" for q, share in zip(result.quantiles, result.coverage, strict=True)
    )
    return (
        f"weighted quantile loss {result.loss:.4f}, {ratio:.3f} of a moving average's"
        f" {result.ewma_loss:.4f}\ncoverage: {covered}"
    )


def _summary(name: str, result: Backtest, path: Path) -> dict[str, object]:
    """Return what --json prints, null where nothing could be scored: JSON knows no NaN."""
    levels = (f"{q:g}" for q in result.quantiles)
    return {
        "trace": name,
        "origins": len(result.origins),
        "weighted_quantile_loss": _finite(result.loss),
        "ewma_weighted_quantile_loss": _finite(result.ewma_loss),
        "coverage": dict(zip(levels, map(_finite, result.coverage), strict=True)),
        "file": str(path),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
