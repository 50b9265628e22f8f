"""What a report shows: plain values, handed over by whoever ran something."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.forecast import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How one way of scaling did on the same traffic: ``gpu_seconds`` paid, share attained.

    ``is_bound`` marks what no real system can do, since it knows the future. ``money`` is what
    GPUs and late requests cost, where that decides.
    """

    name: str
    attained_share: float
    gpu_seconds: float
    is_bound: bool = False
    money: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One thing that was done and why; ``at`` in seconds since the trace's start."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fan:
    """Demand as it was forecast one lead time before.

    ``values[q, i]`` is the demand per second at the report's ``times[i]`` that was not to be
    exceeded with probability ``quantiles[q]``; NaN where nothing had been forecast.
    """

    quantiles: tuple[float, ...]
    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportInput:
    """One run. All arrays but ``measured_*`` have one value for each of ``times``.

    ``times`` ascend, in seconds since the trace's start; ``origin_epoch_seconds`` is that start,
    and then axes show the time of day in UTC. ``demand`` is per second, ``late_share`` the share
    of the requests arriving then that waited too long, NaN where nothing is known. ``comparisons``
    begins with Headstart's own row. ``objective`` is the share asked for, None where money decides.
    ``restores_hit`` counts those that were needed, and ready before a request waited too long.
    ``premises`` are sentences to be read before the figures, ``notes`` those to be read with them.
    """

    title: str
    times: FloatArray
    demand: FloatArray
    target: FloatArray
    ready: FloatArray
    restoring: FloatArray
    lead_time_seconds: FloatArray
    late_share: FloatArray
    capacity_per_replica: float
    objective: float | None
    wait_seconds: float
    comparisons: tuple[Comparison, ...]
    requests_total: float
    requests_missed: float
    restores: int
    restores_failed: int = 0
    restores_cancelled: int = 0
    restores_hit: int = 0
    fan: Fan | None = None
    measured_at: FloatArray = field(default_factory=lambda: np.empty(0))
    measured_seconds: FloatArray = field(default_factory=lambda: np.empty(0))
    decisions: tuple[Decision, ...] = ()
    origin_epoch_seconds: float | None = None
    premises: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a run that can't be drawn.

        Raises:
            ValueError: if it is empty, lengths differ, or nothing is compared.
        """
        if len(self.times) < 2:
            raise ValueError(f"times: {len(self.times)} given, at least 2 are needed")
        for name in ("demand", "target", "ready", "restoring", "lead_time_seconds", "late_share"):
            if len(getattr(self, name)) != len(self.times):
                raise ValueError(
                    f"{name}: {len(getattr(self, name))} values, {len(self.times)} times"
                )
        if self.fan is not None and self.fan.values.shape != (
            len(self.fan.quantiles),
            len(self.times),
        ):
            raise ValueError(f"fan: shape {self.fan.values.shape} fits neither quantiles nor times")
        if not self.comparisons:
            raise ValueError("comparisons: none given, Headstart's own row comes first")
        if self.objective is None and any(row.money is None for row in self.comparisons):
            raise ValueError("comparisons: money is missing, and there is no share to judge by")

    @property
    def own(self) -> Comparison:
        """Return Headstart's own row."""
        return self.comparisons[0]

    def comparison(self, *, is_bound: bool) -> Comparison | None:
        """Return the first other row of that kind, the one that sentences speak of."""
        return next((row for row in self.comparisons[1:] if row.is_bound is is_bound), None)
