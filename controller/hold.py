"""The hold before a release: the highest target of the last while, kept as a frozen value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from controller.policy import WorkloadPolicy
from models.outlook import SET_BACK_SECONDS

_HOLD_OF_LEAD_TIME = 0.75
_SHORTEST_HOLD_SECONDS = 20.0
#: At first nobody knows how soon demand that went comes again. As long as the Kubernetes HPA looks
#: back before it lets go, and half of it with each while in which demand was seen.
_FIRST_HOLD_SECONDS, _HALVED_AFTER_SECONDS = 300.0, 1200.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Targets that could still be the highest of the window: times rise, targets fall."""

    entries: tuple[tuple[float, int], ...] = ()

    def with_target(self, target: int, *, now: float, hold_seconds: float) -> Hold:
        """Return the hold after one more target; what is older than the window is forgotten.

        If the clock was set back since the last one, the window moves with it.
        """
        entries, back = self.entries, self.seconds_ahead(now)
        if back > SET_BACK_SECONDS:
            entries = tuple([(at - back, held) for at, held in entries])
        oldest = now - hold_seconds
        kept = [entry for entry in entries if entry[0] >= oldest and entry[1] > target]
        return Hold((*kept, (now, target)))

    def seconds_ahead(self, now: float) -> float:
        """Return by how much the newest target is of a time that has yet to come, or below 0."""
        return self.entries[-1][0] - now if self.entries else -math.inf

    @property
    def highest(self) -> int:
        """The highest target of the window, 0 before the first."""
        return self.entries[0][1] if self.entries else 0


def hold_seconds(
    lead_time_seconds: float,
    policy: WorkloadPolicy,
    *,
    seen_seconds: float = math.inf,
) -> float:
    """Return how long a replica outlives its last need, demand having been seen for so long.

    To let go and start again costs a lead time of a GPU, to keep costs the time itself: about
    there lies the break-even of every such rent-or-buy choice (Karlin et al. 1988). A little
    sooner measured best, for the need is a peak over the look-ahead already.
    """
    if policy.scale_down.hold_seconds is not None:
        return policy.scale_down.hold_seconds
    first = _FIRST_HOLD_SECONDS * math.exp2(-seen_seconds / _HALVED_AFTER_SECONDS)
    return max(_HOLD_OF_LEAD_TIME * lead_time_seconds, _SHORTEST_HOLD_SECONDS, first)
