"""The frame that a chart is drawn in: from values to SVG coordinates, and shapes made of them."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from headstart.report.axes import clock_text, number_text, round_ticks, time_ticks
from models.forecast import FloatArray

WIDTH = 1080
LEFT = 58
RIGHT = 14
TOP = 14
BOTTOM = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a chart's values go. ``start`` and ``end`` in seconds; ``ticks`` begin at 0."""

    start: float
    end: float
    ticks: tuple[float, ...]
    height: int = 250

    @classmethod
    def holding(cls, times: FloatArray, *values: FloatArray, height: int = 250) -> Frame:
        """Make the frame that all values fit in; NaN and infinite ones are left out."""
        finite = [row[np.isfinite(row)] for row in values]
        highest = max((float(row.max()) for row in finite if len(row)), default=0.0)
        ticks = round_ticks(highest, about=max(2, height // 62))
        return cls(start=float(times[0]), end=float(times[-1]), ticks=ticks, height=height)

    def x(self, times: FloatArray) -> FloatArray:
        """Return horizontal coordinates."""
        return LEFT + (times - self.start) / (self.end - self.start) * (WIDTH - LEFT - RIGHT)

    def y(self, values: FloatArray) -> FloatArray:
        """Return vertical coordinates; 0 is at the bottom."""
        room = self.height - TOP - BOTTOM
        return self.height - BOTTOM - values / self.ticks[-1] * room

    def line(self, times: FloatArray, values: FloatArray) -> str:
        """Return path data that joins the values, with a gap at each NaN."""
        return _joined(self.x(times), self.y(values), stepped=False)

    def steps(self, times: FloatArray, values: FloatArray) -> str:
        """Return path data where each value holds until the next."""
        return _joined(self.x(times), self.y(values), stepped=True)

    def band(self, times: FloatArray, low: FloatArray, high: FloatArray) -> str:
        """Return path data of the area between two rows, one closed shape for each known run."""
        known = np.isfinite(low) & np.isfinite(high)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
        shapes = []
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            x = self.x(times[begin:end])
            there = _points(x, self.y(high[begin:end]))
            back = _points(x[::-1], self.y(low[begin:end])[::-1])
            shapes.append(f"M{there}L{back}Z")
        return "".join(shapes)

    def axes(self, origin: float | None) -> str:
        """Return grid lines and labels of both axes."""
        right, bottom = WIDTH - RIGHT, self.height - BOTTOM
        parts = []
        for tick, y in zip(self.ticks, self.y(np.array(self.ticks)), strict=True):
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="end">{number_text(tick)}</text>'
            )
        ticks = time_ticks(self.start, self.end, origin or 0.0)
        for tick, x in zip(ticks, self.x(np.array(ticks)), strict=True):
            label = escape(clock_text(tick, origin, span_seconds=self.end - self.start))
            anchor = "end" if x > right - 24 else "mid"
            parts.append(
                f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
            )
            parts.append(f'<text x="{x:.1f}" y="{bottom + 19}" class="{anchor}">{label}</text>')
        return "".join(parts)


def _points(x: FloatArray, y: FloatArray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _joined(x: FloatArray, y: FloatArray, *, stepped: bool) -> str:
    """Return path data, broken where a coordinate is NaN."""
    parts: list[str] = []
    pen_is_down = False
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if b != b:
            pen_is_down = False
        elif not pen_is_down:
            parts.append(f"M{a:.1f},{b:.1f}")
            pen_is_down = True
        else:
            parts.append(f"H{a:.1f}V{b:.1f}" if stepped else f"L{a:.1f},{b:.1f}")
    return "".join(parts)
