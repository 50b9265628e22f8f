"""One world's scores beside those of the HPA, and what to say of them."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.scoring import Score

_MOST_DEARER, _MOST_POINTS, _ATTAINMENT = 1.10, 0.005, 0.99
_COLUMNS = (
    "trace",
    "restore",
    "world",
    "attained",
    "HPA",
    "GPU-h",
    "HPA",
    "ratio",
    "against the HPA",
)
#: The first two lines of the table.
TITLES = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One world's scores."""

    trace: str
    median_seconds: float
    world: str
    ours: Score
    reactive: Score

    @property
    def cost_ratio(self) -> float:
        """What we cost for each GPU-second of the reactive baseline."""
        return self.ours.gpu_seconds / self.reactive.gpu_seconds

    @property
    def verdict(self) -> str:
        """Say how we compare: worse is more than 10 % dearer, or more than half a point below.

        Who is worse, but attains 99 %, and is not dearer than an HPA that does, meets the
        objective all the same.
        """
        is_dearer = self.cost_ratio > _MOST_DEARER
        short = self.reactive.attained_share - self.ours.attained_share
        if not is_dearer and short <= _MOST_POINTS:
            return "no worse"
        is_met = self.ours.attained_share >= _ATTAINMENT
        has_a_price = self.reactive.attained_share >= _ATTAINMENT
        return "objective met" if is_met and not (is_dearer and has_a_price) else "**worse**"


def row(case: Case) -> str:
    """Return a line of the table."""
    cells = (
        case.trace,
        f"{case.median_seconds:g} s",
        case.world,
        f"{case.ours.attained_share:.2%}",
        f"{case.reactive.attained_share:.2%}",
        f"{case.ours.gpu_seconds / 3600:.1f}",
        f"{case.reactive.gpu_seconds / 3600:.1f}",
        f"{case.cost_ratio:.2f}",
        case.verdict,
    )
    return f"| {' | '.join(cells)} |"
