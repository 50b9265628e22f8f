"""Plans of workloads that share nodes, brought down to what their pool has when it is too small."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from controller.cluster_view import READY, RESTORING, Fleet, NodeName
from controller.plan import Plan, Reason
from controller.planner import unneeded, youngest
from controller.policy import ACT, PODS, WorkloadPolicy
from controller.sharing import Claim, expected_missed, share
from models.forecast import QUANTILES, FloatArray, WorkloadName
from models.outlook import Outlook

_Member = tuple[Plan, WorkloadPolicy]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """Nodes that some workloads share, and those workloads."""

    nodes: frozenset[NodeName]
    members: tuple[_Member, ...]


def within_pools(
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    fleet: Fleet,
    outlook_of: Callable[[WorkloadName], Outlook | None],
) -> list[Plan]:
    """Return the plans, none asking for more GPUs than its workload shall have of its pool.

    Only plans whose pods Headstart itself starts take part. What a workload has beyond its share
    is released at once: somebody who would miss more waits for it.
    """
    members = [
        (plan, policy)
        for plan, policy in zip(plans, policies, strict=True)
        if policy.mode is ACT and policy.actuator is PODS
    ]
    # Who is alone takes what there is, and says how much more it needs.
    if len(members) < 2:
        return list(plans)
    brought_down: dict[WorkloadName, Plan] = {}
    for pool in _pools(fleet, members):
        if len(pool.members) == 1:
            continue
        gpus = _gpus(fleet, pool)
        wanted = sum(p.target * policy.standby.gpus_per_replica for p, policy in pool.members)
        if wanted > gpus:
            fixed = _fixed(fleet, pool)
            claims = [
                _claim(*member, outlook_of(member[0].workload), fixed, gpus)
                for member in pool.members
            ]
            granted = share(claims, gpus)
            brought_down |= {
                plan.workload: _brought_down(plan, granted[plan.workload], fleet, pool.nodes)
                for plan, _ in pool.members
                if granted[plan.workload] < plan.target
            }
    return [brought_down.get(plan.workload, plan) for plan in plans]


def _pools(fleet: Fleet, members: Sequence[_Member]) -> list[_Pool]:
    """Return the workloads that compete, however indirectly, with the nodes they compete for."""
    fit = frozenset(node.name for node in fleet.nodes if not node.unfit_reason)
    barred: dict[WorkloadName, set[NodeName]] = {}
    for node in fleet.nodes:
        for workload, _ in node.unfit_for:
            barred.setdefault(workload, set()).add(node.name)
    # Nearly always all may use all nodes: then this is one group, and nothing is compared.
    groups: dict[frozenset[NodeName], list[_Member]] = {}
    for member in members:
        without = frozenset(barred.get(member[0].workload, ()))
        groups.setdefault(without, []).append(member)
    pools: list[_Pool] = []
    for without, group in groups.items():
        nodes, sharing = fit - without, tuple(group)
        apart = []
        for pool in pools:
            if pool.nodes & nodes:
                nodes, sharing = nodes | pool.nodes, pool.members + sharing
            else:
                apart.append(pool)
        pools = [*apart, _Pool(nodes=nodes, members=sharing)]
    return pools


def _gpus(fleet: Fleet, pool: _Pool) -> int:
    """Return the GPUs that the pool's workloads have and may have.

    What drains or has failed still holds its GPUs; replicas on nodes that may not be used for
    new ones serve all the same.
    """
    ours, nodes = {plan.workload for plan, _ in pool.members}, pool.nodes
    total = sum([node.gpus for node in fleet.nodes if node.name in nodes])
    for replica in fleet.replicas:
        serves = (replica.phase is READY or replica.phase is RESTORING) and replica.workload in ours
        if serves and replica.node not in nodes:
            total += replica.gpus
        elif not serves and replica.node in nodes:
            total -= replica.gpus
    return max(total, 0)


def _fixed(fleet: Fleet, pool: _Pool) -> Counter[WorkloadName]:
    """Count each workload's replicas whose GPUs nobody else could take: on nodes not to be used."""
    return Counter(
        replica.workload
        for replica in fleet.replicas
        if replica.phase in (READY, RESTORING) and replica.node not in pool.nodes
    )


def _claim(
    plan: Plan,
    policy: WorkloadPolicy,
    outlook: Outlook | None,
    fixed: Mapping[WorkloadName, int],
    gpus: int,
) -> Claim:
    """Return what a workload would take of a pool of so many GPUs."""
    quantiles, capacity = _demand_quantiles(plan, policy, outlook), policy.demand_per_replica
    # A fault of the metric may ask for a million, and nobody can be given more than there is.
    wanted = min(plan.target, gpus // policy.standby.gpus_per_replica)
    # What is held serves nobody now: that it was needed says nothing of the forecast's tail.
    needed = max(plan.floor, plan.reactive) if plan.reason is Reason.HOLD else plan.target
    return Claim(
        workload=plan.workload,
        wanted=wanted,
        running=plan.ready + plan.restoring,
        guaranteed=max(policy.limits.min_replicas, fixed[plan.workload]),
        missed=expected_missed(quantiles, capacity, needed, most=wanted),
        gpus=policy.standby.gpus_per_replica,
        priority=policy.limits.priority,
    )


def _demand_quantiles(plan: Plan, policy: WorkloadPolicy, outlook: Outlook | None) -> FloatArray:
    """Return the highest of each quantile of demand until a start of now would be ready.

    Without a forecast it is the demand measured, and what the target serves if that is not known,
    or in part: silence is no reason to take away what serves.
    """
    forecast = outlook.forecast if outlook else None
    measured = plan.demand_per_second
    if forecast is None or forecast.is_stale(now=plan.at):
        served = plan.target * policy.demand_per_replica
        known = served if measured is None else measured
        reading = outlook.reading if outlook else None
        is_part = reading is not None and reading.is_at_least
        return np.full(len(QUANTILES), max(known, served) if is_part else known)
    first = int(max(plan.at - forecast.issued_at, 0.0) / forecast.step_seconds)
    count = max(1, math.ceil(plan.lead_time_seconds / forecast.step_seconds))
    ahead = forecast.values[first : first + count].max(axis=0)
    return np.asarray(np.maximum(ahead, measured or 0.0))


def _brought_down(plan: Plan, granted: int, fleet: Fleet, nodes: Collection[NodeName]) -> Plan:
    """Return the plan with a lower target, and what that starts, releases and cancels.

    What goes makes room for others, so it goes from ``nodes``, where others may start.
    """
    given_up = {name for name, _ in plan.cancels}
    owned = [
        replica
        for replica in fleet.replicas
        if replica.workload == plan.workload and replica.name not in given_up
    ]
    ready = [replica for replica in owned if replica.phase is READY]
    restoring = [replica for replica in owned if replica.phase is RESTORING]
    # Limits may have left room for fewer starts than are missing.
    starts = min(plan.starts, max(0, granted - len(ready) - len(restoring)))
    surplus = max(0, len(ready) + len(restoring) - granted)
    movable_ready = [replica for replica in ready if replica.node in nodes]
    movable_restoring = [replica for replica in restoring if replica.node in nodes]
    return plan._replace(
        target=granted,
        reason=Reason.POOL,
        starts=starts,
        waiting=plan.starts - starts,
        releases=youngest(movable_ready, len(ready) - granted),
        cancels=plan.cancels + unneeded(movable_restoring, surplus),
    )
