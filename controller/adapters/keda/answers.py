"""What KEDA is told of one workload, from its policy and the newest plan. Pure.

KEDA 2.21 falls back only on an error of GetMetrics, and asks GetMetricSpec before it: so only
``measured`` may refuse, while the metric's spec is a constant and ``is_active`` has an answer to
everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.plan import Plan, Reason
from controller.policy import Actuator, Mode, WorkloadPolicy
from models.forecast import WorkloadName

#: KEDA puts ``s0-`` and the like before it and makes it part of a path.
METRIC_NAME = "headstart-target"
#: With AverageValue (KEDA's default) the metric's value then is the number of replicas.
TARGET_SIZE = 1
#: The keys of a trigger's metadata that name the policy.
POLICY_KEY = "policy"
NAMESPACE_KEY = "namespace"
#: A push is said again this often while nothing is on its way: KEDA drops those that come before
#: the ScaledObject's status is written. Never while a replica exists, for each push also puts off
#: the scaling to zero.
REPEAT_SECONDS = 10.0
_SHOWN_LETTERS = 100


class Refusal(StrEnum):
    """Why there is no number; each a gRPC status of the same meaning."""

    INVALID = "invalid"
    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Which policy a ScaledObject's trigger names; ``policy`` is empty if it names none."""

    policy: str
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No number, why, and one line for the person who reads KEDA's event."""

    refusal: Refusal
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that answers are made from at ``now`` (seconds since the epoch).

    Plans older than ``stale_after_seconds`` are no number to scale on.
    """

    plans: Mapping[WorkloadName, Plan]
    policies: Mapping[WorkloadName, WorkloadPolicy]
    now: float
    stale_after_seconds: float


def trigger_of(metadata: Mapping[str, str], object_namespace: str) -> Trigger:
    """Return what a trigger names: the ScaledObject's own namespace unless it says another."""
    namespace = metadata.get(NAMESPACE_KEY, "").strip() or object_namespace
    return Trigger(policy=metadata.get(POLICY_KEY, "").strip(), namespace=namespace)


def measured(trigger: Trigger, metric: str, known: Known) -> int | Refused:
    """Return how many replicas there shall be, or why nobody can say."""
    if metric not in ("", METRIC_NAME):
        why = f"metricName: {_shown(metric)} is not served: must be {METRIC_NAME}"
        return Refused(refusal=Refusal.INVALID, why=why)
    if not trigger.policy:
        why = f"scalerMetadata.{POLICY_KEY}: missing: must name a PreRestorePolicy"
        return Refused(refusal=Refusal.INVALID, why=why)
    policy = _policy(trigger, known)
    if policy is None:
        named = _shown(f"{trigger.namespace}/{trigger.policy}")
        why = f"scalerMetadata.{POLICY_KEY}: {named} is not a policy in force here"
        return Refused(refusal=Refusal.UNKNOWN, why=why)
    lacking = _lacking(policy)
    if lacking:
        return Refused(refusal=Refusal.FORBIDDEN, why=lacking)
    plan = known.plans.get(policy.workload)
    if plan is None:
        return Refused(refusal=Refusal.UNAVAILABLE, why=f"{policy.workload}: no plan made yet")
    age = known.now - plan.at
    if age > known.stale_after_seconds:
        why = f"{policy.workload}: the last plan is {age:.0f} s old"
        return Refused(refusal=Refusal.UNAVAILABLE, why=why)
    return plan.target


def is_active(trigger: Trigger, known: Known) -> bool | None:
    """Say whether a replica shall exist, a lead time before demand needs it.

    However old the plan is: the last word stands until there is another. None while nobody knows:
    the policy is unknown, may not act, or has no plan yet.
    """
    plan = _acting_plan(trigger, known)
    if plan is None:
        return None
    # A limit that allows none stays above a forecast that asks for some.
    foreseen = plan.floor > 0 and plan.reason is not Reason.MAX_REPLICAS
    is_due = any(start.start_at <= known.now for start in plan.upcoming)
    return plan.target > 0 or foreseen or is_due


def wants_repeat(trigger: Trigger, known: Known) -> bool:
    """Say whether a push may have been lost: active, and nothing serves or is on its way."""
    plan = _acting_plan(trigger, known)
    if plan is None or plan.ready + plan.restoring > 0:
        return False
    return bool(is_active(trigger, known))


def _acting_plan(trigger: Trigger, known: Known) -> Plan | None:
    policy = _policy(trigger, known)
    if policy is None or _lacking(policy):
        return None
    return known.plans.get(policy.workload)


def _policy(trigger: Trigger, known: Known) -> WorkloadPolicy | None:
    return known.policies.get(WorkloadName(f"{trigger.namespace}/{trigger.policy}"))


def _lacking(policy: WorkloadPolicy) -> str:
    """Say why KEDA may not have the policy's number; empty if it may."""
    if policy.mode is not Mode.ACT:
        return f"{policy.workload}: mode: {policy.mode} changes no replicas: must be {Mode.ACT}"
    if policy.actuator is not Actuator.KEDA:
        owner = policy.actuator
        return f"{policy.workload}: actuator: {owner} owns the replicas: must be {Actuator.KEDA}"
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…")
