"""The simulated world's settings: frozen values with defaults for every field."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLatency:
    """How long a start takes: lognormal about its median; shares of starts that fail or hang."""

    median_seconds: float = 60.0
    sigma: float = 0.35
    failure_share: float = 0.0
    hang_share: float = 0.0
    timeout_seconds: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """The host part of restores of two stages, and where it leaves its workers.

    It takes a lognormal time about its median, and fails and hangs as often as the device part.
    ``per_node`` workers fit parked in the memory of a node.
    """

    median_seconds: float = 10.0
    sigma: float = 0.35
    per_node: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New latencies from ``at_seconds`` on; None leaves that kind as it was."""

    at_seconds: float
    restore: StartLatency | None = None
    cold_start: StartLatency | None = None
    parking: Parking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLoss:
    """A node that vanishes, with everything on it, and may come back."""

    at_seconds: float
    node: int
    back_at_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyNodes:
    """The pool."""

    nodes: int = 60
    gpus_per_node: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Metrics of [from_seconds, to_seconds) never arrive."""

    from_seconds: float
    to_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """How late metrics are, and when there are none."""

    delay_seconds: float = 5.0
    outages: tuple[Outage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Everything about the simulated world; times in seconds since the trace's start.

    Without ``parking`` a restore has one stage. With it, ``restore`` is the device part alone.
    """

    restore: StartLatency = field(default_factory=StartLatency)
    cold_start: StartLatency = field(default_factory=lambda: StartLatency(median_seconds=180.0))
    changes: tuple[Change, ...] = ()
    standby: StandbyNodes = field(default_factory=StandbyNodes)
    node_losses: tuple[NodeLoss, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    learning: bool = True
    seed: int = 7
    parking: Parking | None = None
