"""The page put together: one file, nothing fetched, readable without its script."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import numpy as np

from headstart.report.axes import clock_text, count_text, listed_text, span_text
from headstart.report.charts import (
    PLOT_EDGES,
    Chart,
    demand_chart,
    lead_time_chart,
    miss_chart,
    replica_chart,
)
from headstart.report.content import ReportInput
from headstart.report.script import SCRIPT
from headstart.report.sentences import sentences
from headstart.report.style import STYLE
from headstart.report.summary import bars, tiles
from headstart.report.thinning import sample
from models.forecast import FloatArray

#: Instants that the pointer can stop at; each costs about ten bytes a row.
HOVER_POINTS = 900
#: Decisions listed; the rest is in plans.csv.
MAX_DECISIONS = 400

_MARK = (
    '<svg viewBox="0 0 18 18" aria-hidden="true"><path fill="none" stroke="currentColor" '
    'stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" '
    'd="M2 14h4V9h4V5h4V2m-3 3 3-3 3 3"/></svg>'
)


def render_report(run: ReportInput) -> str:
    """Return one self-contained HTML page: no file, font or address outside it is used."""
    charts = (demand_chart(run), replica_chart(run), lead_time_chart(run), miss_chart(run))
    words = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences(run))
    title = escape(run.title)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Headstart: {title}</title><style>{STYLE}</style></head><body><main>"
        f'<header><div><div class="brand">{_MARK}Headstart</div><h1>{title}</h1></div>'
        '<button id="theme" type="button" aria-label="Switch between light and dark">Dark</button>'
        f'</header><section class="words" aria-label="In words">{words}</section>{tiles(run)}'
        f"{charts[0].html}{charts[1].html}{bars(run)}{charts[2].html}{charts[3].html}"
        f'{_decisions(run)}{_footer(run)}</main><div id="tip" role="status"></div>'
        f'<script type="application/json" id="values">{_values(run, charts)}</script>'
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _values(run: ReportInput, charts: tuple[Chart, ...]) -> str:
    """Return what the script shows on hover, as JSON that can't end its element."""
    index = sample(len(run.times), HOVER_POINTS)
    span = float(run.times[-1] - run.times[0])
    times = run.times[index]
    content: dict[str, Any] = {
        "edges": PLOT_EDGES,
        "times": [round(float(at), 1) for at in times],
        "labels": [
            clock_text(float(at), run.origin_epoch_seconds, span_seconds=span) for at in times
        ],
        "charts": {
            chart.name: {
                "unit": chart.unit,
                "rows": [
                    {
                        "label": row.label,
                        "color": ("block " if row.is_area else "") + row.color,
                        "values": _rounded(row.values[index]),
                    }
                    for row in chart.rows
                    if len(row.values)
                ],
            }
            for chart in charts
        },
    }
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _rounded(values: FloatArray) -> list[float | None]:
    """Return values with four digits, None where unknown: JSON has no NaN."""
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values.tolist()]


def _decisions(run: ReportInput) -> str:
    """Render what was done and why, folded away."""
    if not run.decisions:
        return ""
    start, end, origin = float(run.times[0]), float(run.times[-1]), run.origin_epoch_seconds
    rows = "".join(
        f"<tr><td>{escape(listed_text(row.at, origin, start=start, end=end))}</td>"
        f"<td>{escape(row.text)}</td></tr>"
        for row in run.decisions[:MAX_DECISIONS]
    )
    count = count_text(len(run.decisions), "decision")
    hidden = len(run.decisions) - MAX_DECISIONS
    more = (
        f"<p>{hidden:,} more {'is' if hidden == 1 else 'are'} in plans.csv and replicas.csv.</p>"
        if hidden > 0
        else ""
    )
    return (
        f"<details><summary>What was done, and why ({count})</summary>"
        f"<table><tbody>{rows}</tbody></table>{more}</details>"
    )


def _footer(run: ReportInput) -> str:
    """Render how to read the numbers."""
    span = span_text(float(run.times[-1] - run.times[0]))
    zone = (
        "Times are UTC." if run.origin_epoch_seconds is not None else "Times count from the start."
    )
    return (
        f"<footer><p>{span} scored. {zone} A GPU is paid for from the start of its replica until "
        "its release. Point at a chart, or focus it and use the arrow keys, to read values.</p>"
        "</footer>"
    )
