"""Fields of a stored calibration that nothing could have been learned to: field, value."""

from __future__ import annotations

BAD_MEMORIES: tuple[tuple[str, object], ...] = (
    ("level", 1e9),
    ("level", -5.0),
    ("level", "high"),
    ("leadTimeQuantile", 5.0),
    ("leadTimeQuantile", 0.0),
    ("peakPerSecond", 1e308),
    ("peakPerSecond", -1.0),
    ("usualPerSecond", 1e308),
    ("usualPerSecond", -1.0),
    ("seenSeconds", 1e308),
    ("seenSeconds", -1.0),
)
