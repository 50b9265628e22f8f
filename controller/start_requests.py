"""What plans ask of the pool, and the pool as it is once their cancels are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.cluster_view import Fleet
from controller.pair_memory import PairMemory
from controller.placement import PlacementRequest
from controller.plan import Plan
from controller.policy import ACT, WorkloadPolicy


def placement_requests(
    plans: Sequence[Plan], policies: Sequence[WorkloadPolicy], memory: PairMemory
) -> tuple[PlacementRequest, ...]:
    """Return what each workload that may act asks of the pool."""
    return tuple(
        PlacementRequest(
            workload=policy.workload,
            count=_allowed_starts(planned, memory),
            gpus=policy.standby.gpus_per_replica,
            priority=policy.limits.priority,
            worth=policy.demand_per_replica,
            guaranteed=max(0, policy.limits.min_replicas - planned.ready - planned.restoring),
            max_concurrent=policy.restore.max_concurrent,
            max_concurrent_per_node=policy.restore.max_concurrent_per_node,
            cold_fallback=policy.restore.cold_fallback,
        )
        for planned, policy in zip(plans, policies, strict=True)
        # Only who may act takes GPUs from the pool that others could use.
        if planned.starts > 0 and policy.mode is ACT
    )


def _allowed_starts(planned: Plan, memory: PairMemory) -> int:
    """Return how many may start: few, while nothing that starts ever becomes ready."""
    streak = memory.streak_of(planned.workload)
    return streak.allowed(planned.starts, planned.restoring, planned.at)


def without_cancelled(
    fleet: Fleet, plans: Sequence[Plan], policies: Sequence[WorkloadPolicy]
) -> Fleet:
    """Return the fleet as it will be once this tick's cancels are done: their GPUs are free."""
    gone = {
        name
        for planned, policy in zip(plans, policies, strict=True)
        for name, _ in planned.cancels
        # Nobody carries out what a workload that may not act would cancel: it keeps its GPUs.
        if policy.mode is ACT
    }
    if not gone:
        return fleet
    return replace(fleet, replicas=tuple(r for r in fleet.replicas if r.name not in gone))
