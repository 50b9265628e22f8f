"""The four charts over time, each a figure with a legend, a description and hover values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from headstart.report.axes import count_text, number_text
from headstart.report.content import Fan, ReportInput
from headstart.report.frame import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Frame
from headstart.report.thinning import MAX_POINTS, changes, sample, thin
from models.forecast import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One thing that a chart shows: what the legend and the tooltip say, and its color's name."""

    label: str
    color: str
    values: FloatArray
    is_area: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chart:
    """A drawn chart: its HTML, and the rows whose values are shown on hover."""

    name: str
    html: str
    unit: str
    rows: tuple[Row, ...]


def demand_chart(run: ReportInput) -> Chart:
    """Draw demand, what had been forecast for it one lead time before, and capacity."""
    capacity = run.ready * run.capacity_per_replica
    rows = [Row(label="demand", color="ink", values=run.demand)]
    rows.append(Row(label="capacity of ready replicas", color="ready", values=capacity))
    # An uncertain forecast's top quantile may be far off: it shall not press all else flat.
    most = FAN_HEADROOM * max(_peak(run.demand), _peak(capacity))
    tops = () if run.fan is None else (np.minimum(run.fan.values[-1], most),)
    frame = Frame.holding(run.times, run.demand, capacity, *tops, height=320)
    shapes = []
    if run.fan is not None:
        shapes.append(_fan_shapes(frame, run.times, run.fan))
        rows[1:1] = _fan_rows(run.fan)
    shapes.append(_path("line ink", frame.line(*thin(run.times, run.demand))))
    shapes.append(_path("line thick ready", frame.steps(*changes(run.times, capacity))))
    text = (
        f"Demand peaks at {number_text(_peak(run.demand))} requests per second, "
        f"capacity of ready replicas at {number_text(_peak(capacity))}."
    )
    title = "Demand, forecast and capacity"
    hint = "requests per second; the blue fan is what was forecast one lead time earlier"
    return _chart(run, frame, ("demand", title, hint, text), "".join(shapes), rows, unit="/s")


def replica_chart(run: ReportInput) -> Chart:
    """Draw the target, ready and restoring replicas as steps, restoring on top of ready."""
    coming = run.ready + run.restoring
    frame = Frame.holding(run.times, coming, run.target, height=230)
    # Both step lines must have the same corners, or the area between them is wrong.
    at, stacked = changes(run.times, coming)
    area = _stepped_area(frame, at, stacked)
    shapes = [_path("area restoring", area)]
    ready_at, ready = changes(run.times, run.ready)
    below = _stepped_area(frame, ready_at, ready)
    # The two areas overlap; without the mask their colors would mix into a third.
    shapes.extend([_path("mask", below), _path("area solid ready", below)])
    shapes.append(_path("line ready", frame.steps(ready_at, ready)))
    shapes.append(_path("line dashed ink", frame.steps(*changes(run.times, run.target))))
    rows = [
        Row(label="target", color="ink dashed", values=run.target),
        Row(label="restoring", color="restoring", values=run.restoring, is_area=True),
        Row(label="ready", color="ready", values=run.ready, is_area=True),
    ]
    most_ready, most_restoring = _peak(run.ready), _peak(run.restoring)
    ready_text = f"{count_text(most_ready, 'replica')} {'is' if most_ready == 1 else 'are'} ready"
    text = f"Up to {ready_text}, up to {most_restoring:.0f} restoring."
    labels = ("replicas", "Replicas", "restores begin before the demand that needs them", text)
    return _chart(run, frame, labels, "".join(shapes), rows, unit="")


def lead_time_chart(run: ReportInput) -> Chart:
    """Draw the lead time that plans used, and each measured restore as a dot."""
    seen = (run.measured_at >= run.times[0]) & (run.measured_at <= run.times[-1])
    at, seconds = thin(run.measured_at[seen], run.measured_seconds[seen], MAX_POINTS)
    frame = Frame.holding(run.times, run.lead_time_seconds, seconds, height=200)
    dots = "".join(
        f'<circle class="dot restoring" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
        for x, y in zip(frame.x(at).tolist(), frame.y(seconds).tolist(), strict=True)
        if y == y
    )
    line = frame.steps(*changes(run.times, run.lead_time_seconds))
    rows = [
        Row(label="lead time planned with", color="fan", values=run.lead_time_seconds),
        Row(label="measured restores", color="restoring dotted", values=np.empty(0)),
    ]
    restores = count_text(int(seen.sum()), "measured restore")
    text = f"{restores}; the plan's lead time follows them."
    labels = ("lead", "Lead time, learned", "seconds from the decision until serving", text)
    return _chart(run, frame, labels, dots + _path("line thick fan", line), rows, unit=" s")


def miss_chart(run: ReportInput) -> Chart:
    """Draw which share of requests waited too long, as it happened."""
    percent = run.late_share * 100
    frame = Frame.holding(run.times, np.append(percent, 4.0), height=150)
    at, late = thin(run.times, np.nan_to_num(percent))
    shapes = _path("area solid miss", frame.band(at, np.zeros(len(late)), late))
    shapes += _path("line miss", frame.line(at, late))
    if not (percent > 0).any():
        middle = (frame.height - BOTTOM + TOP) / 2
        note = f"No request waited {number_text(run.wait_seconds)} s or longer."
        shapes = f'<text x="{WIDTH / 2}" y="{middle}" class="mid note">{note}</text>'
    rows = [Row(label="requests that waited too long", color="miss", values=percent, is_area=True)]
    text = f"At worst {_peak(percent):.1f} percent of requests waited too long at once."
    hint = f"share of requests that waited {number_text(run.wait_seconds)} s or longer, in percent"
    labels = ("misses", "Misses", hint, text)
    return _chart(run, frame, labels, shapes, rows, unit=" %")


def _chart(
    run: ReportInput,
    frame: Frame,
    labels: tuple[str, str, str, str],
    shapes: str,
    rows: Sequence[Row],
    *,
    unit: str,
) -> Chart:
    """Wrap shapes into a figure; ``labels`` are its name, title, hint and description."""
    name, title, hint, text = (escape(label) for label in labels)
    legend = "".join(
        f'<li><span class="key {"block " if row.is_area else ""}{row.color}"></span>'
        f"{escape(row.label)}</li>"
        for row in rows
    )
    html = (
        f'<figure id="{name}"><figcaption><h2>{title}</h2><p>{hint}</p>'
        f'<ul class="legend">{legend}</ul></figcaption><div class="scroll">'
        f'<svg viewBox="0 0 {WIDTH} {frame.height}" role="img" tabindex="0" data-chart="{name}" '
        f'aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{title}</title><desc id="{name}-text">{text}</desc>'
        f"{frame.axes(run.origin_epoch_seconds)}{shapes}"
        f'<line class="cursor" y1="{TOP}" y2="{frame.height - BOTTOM}" x1="-9" x2="-9"/>'
        f"</svg></div></figure>"
    )
    return Chart(name=name, html=html, unit=unit, rows=tuple(rows))


def _fan_shapes(frame: Frame, times: FloatArray, fan: Fan) -> str:
    """Draw a band between each two quantiles, the lowest one as a line."""
    index = sample(len(times), MAX_POINTS)
    at, values = times[index], np.minimum(fan.values[:, index], frame.ticks[-1])
    last = len(fan.quantiles) - 1
    bands = []
    for i in range(last):
        # The nearer to the median, the likelier, the darker.
        opacity = 0.36 - 0.22 * i / max(1, last - 1)
        shape = frame.band(at, values[i], values[i + 1])
        bands.append(f'<path class="band fan" fill-opacity="{opacity:.2f}" d="{shape}"/>')
    return "".join(bands) + _path("line fan", frame.line(at, values[0]))


def _fan_rows(fan: Fan) -> list[Row]:
    """Return what the legend says of the fan: its lowest and its highest quantile."""
    rows = [Row(label=f"forecast p{fan.quantiles[0] * 100:g}", color="fan", values=fan.values[0])]
    if len(fan.quantiles) > 1:
        label = f"up to p{fan.quantiles[-1] * 100:g}"
        rows.append(Row(label=label, color="fan", values=fan.values[-1], is_area=True))
    return rows


def _stepped_area(frame: Frame, times: FloatArray, values: FloatArray) -> str:
    """Return path data of the area under a step line."""
    x, bottom = frame.x(times), frame.height - BOTTOM
    line = frame.steps(times, np.nan_to_num(values))
    return f"{line}V{bottom}H{x[0]:.1f}Z"


def _path(classes: str, data: str) -> str:
    return f'<path class="{classes}" d="{data}"/>' if data else ""


def _peak(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else 0.0


#: How far above demand and capacity the fan may reach before it is cut.
FAN_HEADROOM = 1.25
#: For the script: where the plot area begins and ends, in SVG units.
PLOT_EDGES = (LEFT, WIDTH - RIGHT, WIDTH)
