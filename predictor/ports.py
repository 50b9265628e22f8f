"""What the predictor needs of the outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from models.series import DemandSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReading:
    """What one source knows of a span: its series, and up to when that can be relied on.

    Steps that end after ``complete_until`` may still grow (events under way, scrapes to come).
    ``warnings`` are the source's own words (a partial answer, say).
    """

    series: DemandSeries
    complete_until: float
    warnings: tuple[str, ...] = ()


class DemandSource(Protocol):
    """One measured demand of one workload.

    ``read`` returns the steps of [start, end), start aligned to the step; it raises
    SourceUnavailableError if the source does not answer in time.
    """

    @property
    def name(self) -> str:
        """Say which source this is, in metrics and messages."""
        ...

    async def read(self, *, start: float, end: float, step_seconds: float) -> SourceReading:
        """Return the steps of a span."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...
