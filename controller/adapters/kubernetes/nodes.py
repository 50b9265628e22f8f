"""What a Node object says of one node of the pool. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import (
    CORDONED_BY,
    GPU,
    annotations_of,
    is_true,
    labels_of,
)
from controller.adapters.kubernetes.pods import gpus_of, is_ours, is_terminating
from controller.cluster_view import NodeName
from controller.standby import NodeFacts
from models.forecast import WorkloadName

GPU_PRODUCT = "nvidia.com/gpu.product"
_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_LEAVING_TAINTS = frozenset({"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRules:
    """The labels that one workload asks of a node."""

    workload: WorkloadName
    selector: tuple[tuple[str, str], ...] = ()


def is_ready_node(node: Json) -> bool:
    """Say whether a node's kubelet is well."""
    return is_true(node, "Ready")


def is_cordoned(node: Json) -> bool:
    """Say whether nothing is scheduled on a node that does not tolerate it."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def is_leaving(node: Json) -> bool:
    """Say whether a node is about to be deleted."""
    taints = (node.get("spec") or {}).get("taints") or ()
    is_marked = any(taint.get("key") in _LEAVING_TAINTS for taint in taints)
    return is_marked or bool(node["metadata"].get("deletionTimestamp"))


def allocatable_gpus(node: Json) -> int:
    """Return how many GPUs a node's device plugin offers."""
    text = str(((node.get("status") or {}).get("allocatable") or {}).get(GPU, "0"))
    return int(text) if text.isdecimal() else 0


def facts_of(node: Json, pods: Iterable[Json], *, has_agent: bool, gpus_ending: int) -> NodeFacts:
    """Return a node's facts; ``pods`` are all that are bound to it."""
    cordoned = is_cordoned(node)
    foreign = [pod for pod in pods if not is_ours(pod)]
    return NodeFacts(
        name=NodeName(node["metadata"]["name"]),
        gpus_allocatable=allocatable_gpus(node),
        is_ready=is_ready_node(node),
        is_cordoned=cordoned,
        has_agent=has_agent,
        is_leaving=is_leaving(node),
        node_class=node_class(node),
        gpus_foreign=sum(gpus_of(pod) for pod in foreign),
        gpus_ending=gpus_ending,
        is_uncordoned_by_others=not cordoned and CORDONED_BY in annotations_of(node),
    )


def is_running_agent(pod: Json, label: tuple[str, str]) -> bool:
    """Say whether a pod is a snapshot agent that is up."""
    key, value = label
    return labels_of(pod).get(key) == value and is_true(pod, "Ready") and not is_terminating(pod)


def node_class(node: Json) -> str:
    """Return what makes nodes alike: their GPU, else their machine."""
    labels = labels_of(node)
    return labels.get(GPU_PRODUCT) or labels.get(_INSTANCE_TYPE) or ""


def mismatch(node: Json, rules: NodeRules) -> str:
    """Return why a workload must not use a node, an empty text if it may."""
    labels = labels_of(node)
    for key, value in rules.selector:
        if labels.get(key) != value:
            return f"label {key} is not {value}"
    return ""
