"""What lead times are learned from, and what is said of them: keys, measurements, estimates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from models.lead_time_belief import Belief

#: A start that took no time at all (a simulated one) counts as this long.
SHORTEST_SECONDS = 1e-3
#: Below this, a deadline would be met by the polling interval rather than by the restore.
SHORTEST_DEADLINE_SECONDS = 5.0
#: Lead time believed of a snapshot of unknown size.
UNKNOWN_SIZE_SECONDS = 60.0
#: Lead time believed of a start without a snapshot: weights, compilation and graphs take minutes.
COLD_SECONDS = 180.0
#: Beyond this many timeouts in a row the deadline has long reached any timeout.
_DOUBLINGS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTimeKey:
    """What a lead time depends on; starts with the same key are expected to take the same time.

    ``kind`` is "restore", "cold", or "park" for the host part of a restore of two stages.
    ``concurrency`` is how many other restores share the source of the snapshot, coarsely. The size
    (in GiB) helps before there are measurements; it does not tell two keys apart.
    """

    snapshot: str
    node_class: str = ""
    locality: str = ""
    concurrency: int = 1
    kind: str = "restore"
    size_gib: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse an impossible key.

        Raises:
            ValueError: if concurrency or size is negative, or the size not finite.
        """
        if self.concurrency < 0:
            raise ValueError(f"concurrency: {self.concurrency} is below 0")
        if self.size_gib is not None and not 0 <= self.size_gib < math.inf:
            raise ValueError(f"size_gib: {self.size_gib} is not a finite number of at least 0")

    @property
    def prior_seconds(self) -> float:
        """What is believed before any measurement.

        NVIDIA's published restores fit 2.0 s + 0.234 s per GiB of snapshot; a container takes
        about 5 s to start. Host parts alone, CRIU's with a warm page cache, took 1.6, 3.6 and
        10.7 s of 1, 4 and 16 GiB.
        """
        if self.kind == "cold":
            return COLD_SECONDS
        if self.size_gib is None:
            return UNKNOWN_SIZE_SECONDS
        if self.kind == "park":
            return 1.0 + 0.6 * self.size_gib
        return 2.0 + 0.234 * self.size_gib + 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTimeMeasurement:
    """One attempt: ``seconds`` from decided to ready, known at ``at`` (seconds since the epoch).

    If not ``ready``, it was given up after that long, and might have come later; unless it
    ``failed``, and so is known never to come. ``log`` is the natural logarithm of the seconds.
    """

    key: LeadTimeKey
    at: float
    seconds: float
    ready: bool
    failed: bool = False
    log: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse an impossible measurement.

        Raises:
            ValueError: if a number is negative or not finite, or the attempt both came and failed.
        """
        if not math.isfinite(self.at):
            raise ValueError(f"at: {self.at} is not a finite number")
        if not 0 <= self.seconds < math.inf:
            raise ValueError(f"seconds: {self.seconds} is not a finite number of at least 0")
        if self.ready and self.failed:
            raise ValueError("failed: true is not allowed of an attempt that became ready")
        object.__setattr__(self, "log", math.log(max(self.seconds, SHORTEST_SECONDS)))

    @property
    def decided_at(self) -> float:
        """When the attempt was decided, in seconds since the epoch."""
        return self.at - self.seconds


# A tuple, as what was asked of one is looked up by it at every tick: its hash costs less.
class LeadTimeEstimate(NamedTuple):
    """How long a start takes that comes, and how probable it is that it never does.

    ``measurements`` is how many attempts stand behind it and ``basis`` says so in words;
    ``changed_at`` is the time of the first one after the last change that was noticed.
    """

    belief: Belief
    never_share: float
    measurements: int
    basis: str
    changed_at: float | None = None

    def quantile(self, probability: float) -> float:
        """Return the seconds within which a start that comes is ready with that probability.

        Raises:
            ValueError: if the probability is not between 0 and 1.
        """
        if not 0 < probability < 1:
            raise ValueError(f"probability: {probability} is not between 0 and 1")
        return math.exp(self.belief.quantile(probability))

    def quantiles(self, probabilities: Iterable[float]) -> list[float]:
        """Return the seconds within which a start that comes is ready with these probabilities."""
        return [math.exp(log) for log in self.belief.quantiles(probabilities)]

    @property
    def median_seconds(self) -> float:
        """The seconds within which half of the starts that come are ready."""
        return math.exp(self.belief.mean)


def attempt_deadline(
    estimate: LeadTimeEstimate, timeout_seconds: float, consecutive_timeouts: int
) -> float:
    """Return after how many seconds a start counts as hung.

    Early enough that one hang costs little: three medians, or half as much again as all but one
    start in a thousand take, whichever is more. It doubles with each timeout in a row, so that a
    slowdown is not mistaken for hangs for ever, and ends at the user's timeout.
    """
    patience = max(
        3 * estimate.median_seconds, 1.5 * estimate.quantile(0.999), SHORTEST_DEADLINE_SECONDS
    )
    doublings = min(max(consecutive_timeouts, 0), _DOUBLINGS)
    return min(timeout_seconds, patience * 2.0**doublings)
