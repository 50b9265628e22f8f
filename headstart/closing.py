"""What is said when a run has ended: the comparison, the verdict, and where the files are."""

from __future__ import annotations

import json
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from headstart.report.axes import hours_text, share_text
from headstart.report.content import Comparison, ReportInput
from headstart.report.sentences import (
    amount_text,
    is_met,
    money_text,
    objective_text,
    sentences,
)
from headstart.results import Summary


def print_closing(console: Console, run: ReportInput, report: Path) -> None:
    """Print the comparison and where the report lies."""
    table = Table(header_style="bold", border_style="dim", box=SIMPLE_HEAD)
    table.add_column("same traffic, with", no_wrap=True)
    table.add_column("served in time", justify="right")
    table.add_column(f"objective {objective_text(run)}", justify="center")
    table.add_column("GPU-hours", justify="right")
    table.add_column("Headstart takes", justify="right")
    for row in run.comparisons:
        is_own = row is run.own
        table.add_row(
            row.name,
            share_text(row.attained_share),
            _verdict(run, row),
            hours_text(row.gpu_seconds),
            "" if is_own else _own_against(row.gpu_seconds, run.own.gpu_seconds),
            style="bold" if is_own else "",
        )
    console.print()
    console.print(table)
    for sentence in sentences(run):
        console.print(sentence, highlight=False)
    console.print(f"\nReport: {report.resolve()}", highlight=False, soft_wrap=True)


def closing_json(summary: Summary, files: tuple[Path, ...]) -> str:
    """Return the summary and the files' paths as one line of JSON."""
    content = {"type": "summary", **summary.content(), "files": [str(f.resolve()) for f in files]}
    return json.dumps(content, allow_nan=False)


def _verdict(run: ReportInput, row: Comparison) -> str:
    """Write whether the objective was kept; what it cost where money decides."""
    kept = is_met(run, row)
    if kept is None:
        return money_text(row)
    return "[green]met[/green]" if kept else "[red]missed[/red]"


def _own_against(gpu_seconds: float, own: float) -> str:
    """Write how much more or less Headstart takes, of what this one does: as sentences reckon."""
    if gpu_seconds <= 0:
        return ""
    return amount_text(own, gpu_seconds)
