"""Tiles with the numbers that matter, and bars against other ways to scale."""

from __future__ import annotations

from html import escape

import numpy as np

from headstart.report.axes import count_text, hours_text, number_text, share_text
from headstart.report.content import Comparison, ReportInput
from headstart.report.sentences import change_text, is_met, money_text, objective_text

BAR_WIDTH = 1080
NAME_WIDTH = 240
ROW_HEIGHT = 46


def tiles(run: ReportInput) -> str:
    """Render one tile a number: attained, GPU time, misses, restores, lead time."""
    kept = is_met(run, run.own)
    sign = "" if kept is None else "✓ " if kept else "✗ "
    cells = [
        _tile(
            "Served in time",
            share_text(run.own.attained_share),
            f"{sign}objective {objective_text(run)}, within {number_text(run.wait_seconds)} s",
            tone=_tone(kept),
        ),
        _tile("GPU-hours", hours_text(run.own.gpu_seconds), _gpu_note(run)),
        _tile(
            "Late requests",
            number_text(round(run.requests_missed)),
            f"of {number_text(round(run.requests_total))}",
        ),
        _tile("Restores", number_text(run.restores), _restore_note(run)),
        _lead_tile(run),
    ]
    return f'<section class="tiles" aria-label="Key numbers">{"".join(cells)}</section>'


def bars(run: ReportInput) -> str:
    """Render GPU time as a bar for each way of scaling, with what it attained."""
    rows = run.comparisons
    highest = max(max(row.gpu_seconds for row in rows), 1e-9)
    parts = [_bar(run, row, place, highest) for place, row in enumerate(rows)]
    height = ROW_HEIGHT * len(rows) + 4
    text = "; ".join(
        f"{row.name}: {hours_text(row.gpu_seconds)} GPU-hours, "
        f"{share_text(row.attained_share)} in time"
        for row in rows
    )
    return (
        '<figure id="comparison"><figcaption><h2>What it cost, side by side</h2>'
        "<p>GPU-hours on the same traffic, and the share of requests served in time</p>"
        f'</figcaption><div class="scroll"><svg viewBox="0 0 {BAR_WIDTH} {height}" role="img" '
        'aria-labelledby="bars-title bars-text"><title id="bars-title">GPU-hours compared</title>'
        f'<desc id="bars-text">{escape(text)}</desc>{"".join(parts)}</svg></div></figure>'
    )


def _tile(label: str, value: str, note: str, *, tone: str = "") -> str:
    return (
        f'<div class="tile {tone}"><h3>{escape(label)}</h3><strong>{escape(value)}</strong>'
        f"<p>{escape(note)}</p></div>"
    )


def _tone(is_kept: bool | None) -> str:
    return "" if is_kept is None else "good" if is_kept else "bad"


def _gpu_note(run: ReportInput) -> str:
    other = run.comparison(is_bound=False)
    if other is None:
        return "paid from start to release"
    return f"{change_text(run.own.gpu_seconds, other.gpu_seconds)} {other.name}"


def _restore_note(run: ReportInput) -> str:
    """Say what came of the restores: how many were worth it, given up, and failed."""
    if not run.restores:
        return "none was started"
    hits = f"{number_text(run.restores_hit)} needed, and ready before any request was late"
    given_up = f"{number_text(run.restores_cancelled)} given up" if run.restores_cancelled else ""
    failed = f"{number_text(run.restores_failed) if run.restores_failed else 'none'} failed"
    return ", ".join(part for part in (hits, given_up, failed) if part)


def _lead_tile(run: ReportInput) -> str:
    known = run.lead_time_seconds[np.isfinite(run.lead_time_seconds)]
    value = f"{number_text(round(float(known[-1])))} s" if len(known) else "unknown"
    seen = len(run.measured_seconds)
    note = (
        f"from {count_text(seen, 'measured restore')}" if seen else "a prior, nothing measured yet"
    )
    return _tile("Lead time learned", value, note)


def _bar(run: ReportInput, row: Comparison, place: int, highest: float) -> str:
    """Draw one row: name, bar, and the two numbers at its end."""
    top = place * ROW_HEIGHT
    length = max(2.0, row.gpu_seconds / highest * (BAR_WIDTH - NAME_WIDTH - 270))
    color = "own" if row is run.own else "bound" if row.is_bound else "other"
    kept = is_met(run, row)
    mark = f"costs {money_text(row)}," if kept is None else "✓" if kept else "✗"
    at = NAME_WIDTH + length + 12
    hours = hours_text(row.gpu_seconds)
    return (
        f'<text x="{NAME_WIDTH - 14}" y="{top + 28}" class="end name">{escape(row.name)}</text>'
        f'<rect class="bar {color}" x="{NAME_WIDTH}" y="{top + 8}" rx="4" height="30" '
        f'width="{length:.1f}"/>'
        f'<text x="{at:.1f}" y="{top + 28}" class="amount">{hours}'
        f'<tspan class="{_tone(kept)}" dx="14">{mark} '
        f"{share_text(row.attained_share)} in time</tspan></text>"
    )
