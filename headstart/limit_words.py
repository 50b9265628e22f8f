"""Whether a policy's limits decided what Headstart did, in a sentence. Pure."""

from __future__ import annotations

from controller.needs import most_replicas
from controller.plan import Reason
from controller.policy import WorkloadPolicy
from headstart.plan_log import PlanLog
from headstart.report.axes import share_text

#: A limit that decides for no longer than this share of the time is there for the odd moment.
_SMALL_SHARE = 0.01


def limit_note(policy: WorkloadPolicy, plans: PlanLog, *, has_bound: bool) -> str:
    """Say which limits decided for more than a small part of the time; empty if none did.

    ``has_bound`` says that a planner that knows the future is compared with.
    """
    limits = {
        Reason.MAX_REPLICAS: _upper_limit(policy),
        Reason.MIN_REPLICAS: f"minReplicas {policy.limits.min_replicas}",
        Reason.MAX_STEP: f"maxStep {policy.limits.max_step}",
    }
    shares = {reason: plans.share_of(reason) for reason in limits}
    bound = [reason for reason in limits if shares[reason] > _SMALL_SHARE]
    if not bound:
        return ""
    first, *more = [f"{limits[reason]} for {share_text(shares[reason])}" for reason in bound]
    told = ", ".join([f"{first} of the time", *more])
    return f"Limits of the policy decided for Headstart: {told}; {_others(bound, has_bound)}."


def _upper_limit(policy: WorkloadPolicy) -> str:
    """Name the limit that allows fewer replicas."""
    most, budget = policy.limits.max_replicas, policy.limits.gpu_budget
    return f"gpuBudget {budget}" if most_replicas(policy) != most else f"maxReplicas {most}"


def _others(bound: list[Reason], has_bound: bool) -> str:
    """Say whom else these limits bind."""
    if bound == [Reason.MAX_STEP]:
        return "the others know no such limit"
    step = ", but for maxStep" if Reason.MAX_STEP in bound else ""
    future = ", but the planner that knows the future knows no limits" if has_bound else ""
    return f"the others keep to the same{step}{future}"
