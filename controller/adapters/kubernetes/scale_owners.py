"""Who may change a target's replicas: one owner, never two. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import labels_of
from controller.policy import Actuator, Mode, WorkloadPolicy
from models.forecast import WorkloadName

_SCALED_OBJECT = "scaledobject.keda.sh/name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a target is left alone: a condition's reason and message."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetName:
    """What a ``scaleTargetRef`` names; ``group`` is its API group without the version."""

    namespace: str
    group: str
    kind: str
    name: str


def target_of(policy: WorkloadPolicy) -> TargetName | None:
    """Return what a policy's replicas belong to, None if it starts pods of its own."""
    if policy.scale_target is None:
        return None
    kind, name = policy.scale_target
    return TargetName(
        namespace=policy.workload.rpartition("/")[0],
        group=group_of(api_version_of(policy)),
        kind=kind,
        name=name,
    )


def api_version_of(policy: WorkloadPolicy) -> str:
    """Return the API version of a policy's target; the usual kinds need none."""
    return policy.scale_target_api_version or "apps/v1"


def group_of(api_version: str) -> str:
    """Return the group of ``group/version``, empty for the core's ``version``."""
    return api_version.rpartition("/")[0]


def owners(policies: Sequence[WorkloadPolicy]) -> dict[TargetName, WorkloadName]:
    """Return which policy owns each target: of several that act on it, the first by name."""
    found: dict[TargetName, WorkloadName] = {}
    for policy in policies:
        target = target_of(policy)
        if target is None or policy.mode is not Mode.ACT or policy.actuator is Actuator.PODS:
            continue
        found[target] = min(policy.workload, found.get(target, policy.workload))
    return found


def autoscaler(target: TargetName, autoscalers: Iterable[Json]) -> Obstacle | None:
    """Return the HorizontalPodAutoscaler, KEDA's among them, that scales a target."""
    for one in autoscalers:
        spec, metadata = one.get("spec") or {}, one["metadata"]
        ref = spec.get("scaleTargetRef") or {}
        scaled = TargetName(
            namespace=str(metadata.get("namespace", "")),
            group=group_of(str(ref.get("apiVersion", ""))),
            kind=str(ref.get("kind", "")),
            name=str(ref.get("name", "")),
        )
        if scaled != target:
            continue
        keda = labels_of(one).get(_SCALED_OBJECT)
        who = f"ScaledObject {keda}" if keda else f"HorizontalPodAutoscaler {metadata['name']}"
        text = f"{who} owns the replicas of {target.kind} {target.name}: delete it"
        return Obstacle(reason="OwnedByAnother", message=f"{text}, or let spec.actuator be Keda")
    return None
