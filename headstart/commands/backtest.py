"""``headstart backtest``: how accurate the forecasts would have been on your own traffic."""

from __future__ import annotations

import argparse
import json
import math
import sys

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
    summary = {
        "trace": trace.name,
        "origins": len(result.origins),
        "weighted_quantile_loss": result.loss,
        "ewma_weighted_quantile_loss": result.ewma_loss,
        "coverage": dict(zip((f"{q:g}" for q in result.quantiles), result.coverage, strict=True)),
        "file": str(path),
    }
    if arguments.json:
        sys.stdout.write(json.dumps(_finite(summary)) + "\n")
        return 0
    ratio = result.loss / result.ewma_loss if result.ewma_loss > 0 else float("nan")
    covered = ", ".join(
        f"{share:.3f} at {q:g}" for q, share in zip(result.quantiles, result.coverage, strict=True)
    )
    sys.stdout.write(
        f"{trace.name}: weighted quantile loss {result.loss:.4f}, {ratio:.3f} of a moving"
        f" average's {result.ewma_loss:.4f}\ncoverage: {covered}\n{path}\n"
    )
    return 0


def _finite(summary: dict[str, object]) -> dict[str, object]:
    """Return the summary with null where nothing could be scored: JSON knows no NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in summary.items()
    }
