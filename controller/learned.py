"""What the loop has learned, in numbers for metrics and status. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controller.feedback import key_of
from controller.policy import WorkloadPolicy
from controller.tick_state import TickState
from models.forecast import WorkloadName
from models.lead_time import estimate

#: The quantiles of the lead time that are shown.
SHOWN_QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned of one workload, and what came of its plans.

    ``attainment`` is the share that the policy aims at, None where money decides. ``demand`` is
    all that this loop has seen of it, in requests or tokens. ``attained_share`` of it was served
    within the objective's wait, None before there was any. ``lead_time_seconds`` has (quantile,
    seconds) and ``measurements`` says how many starts stand behind them; ``basis`` says so in
    words.
    """

    workload: WorkloadName
    attained_share: float | None
    lead_time_seconds: tuple[tuple[float, float], ...]
    measurements: int
    basis: str
    attainment: float | None = None
    demand: float = 0.0


def learned(state: TickState, policy: WorkloadPolicy) -> Learned:
    """Return what the loop's state says of a policy's workload."""
    known = estimate(state.lead_times, key_of(policy))
    memory = state.workloads.get(policy.workload)
    demand = memory.outcomes.demand if memory is not None else 0.0
    late = memory.outcomes.late if memory is not None else 0.0
    return Learned(
        workload=policy.workload,
        attained_share=1.0 - late / demand if demand > 0 else None,
        lead_time_seconds=tuple((level, known.quantile(level)) for level in SHOWN_QUANTILES),
        measurements=known.measurements,
        basis=known.basis,
        attainment=policy.objective.attainment if policy.objective.cost is None else None,
        demand=demand,
    )
