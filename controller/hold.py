"""The hold before a release: the highest target of the last while, kept as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """Targets that could still be the highest of the window: times rise, targets fall."""

    entries: tuple[tuple[float, int], ...] = ()

    def with_target(self, target: int, *, now: float, hold_seconds: float) -> Hold:
        """Return the hold after one more target; what is older than the window is forgotten."""
        kept = tuple(
            entry for entry in self.entries if entry[0] >= now - hold_seconds and entry[1] > target
        )
        return Hold((*kept, (now, target)))

    @property
    def highest(self) -> int:
        """The highest target of the window, 0 before the first."""
        return self.entries[0][1] if self.entries else 0
