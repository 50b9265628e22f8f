"""What a pod says of itself: whose it is, its GPUs, whether it serves, drains or ended. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import (
    ATTEMPT,
    DECIDED_AT,
    DRAIN_UNTIL,
    GPU,
    KIND,
    MOST_ATTEMPTS,
    POLICY,
    REPLICA,
    SERVING_GATE,
    annotations_of,
    is_time,
    is_true,
    labels_of,
)
from controller.cluster_view import NodeName, ReplicaName, StartKind
from models.forecast import WorkloadName

_ENDED = frozenset({"Failed", "Succeeded"})


def is_ours(pod: Json) -> bool:
    """Say whether a pod is a replica that was started by Headstart."""
    return POLICY in labels_of(pod) and REPLICA in annotations_of(pod)


def workload_of(pod: Json) -> WorkloadName:
    """Return whose replica a pod of ours is."""
    return WorkloadName(f"{pod['metadata'].get('namespace', '')}/{labels_of(pod).get(POLICY, '')}")


def replica_of(pod: Json) -> ReplicaName:
    """Return the name of the replica that a pod of ours is."""
    return ReplicaName(annotations_of(pod).get(REPLICA, ""))


def kind_of(pod: Json) -> StartKind:
    """Return how a pod of ours was started."""
    return StartKind.COLD if labels_of(pod).get(KIND) == "cold" else StartKind.RESTORE


def attempt_of(pod: Json) -> int:
    """Return the how-manieth attempt a pod of ours is."""
    text = labels_of(pod).get(ATTEMPT, "")
    return min(int(text), MOST_ATTEMPTS) if text.isdecimal() else 1


def bound_node(pod: Json) -> NodeName | None:
    """Return where a pod was bound to, None before."""
    name = (pod.get("spec") or {}).get("nodeName")
    return NodeName(name) if name else None


def pinned_node(pod: Json) -> NodeName | None:
    """Return the node that a pod is bound to, or is pinned to by its affinity."""
    bound = bound_node(pod)
    if bound is not None:
        return bound
    affinity: Any = ((pod.get("spec") or {}).get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field.get("key") == "metadata.name" and field.get("values"):
                return NodeName(field["values"][0])
    return None


def gpus_of(pod: Json) -> int:
    """Return how many GPUs a pod holds, 0 once it has ended.

    Init containers run one after another before the others, so the largest counts.
    """
    if has_ended(pod):
        return 0
    spec = pod.get("spec") or {}
    running = sum(_gpus(container) for container in spec.get("containers") or ())
    before = max((_gpus(container) for container in spec.get("initContainers") or ()), default=0)
    return max(running, before)


def has_ended(pod: Json) -> bool:
    """Say whether no container of a pod will run again."""
    return (pod.get("status") or {}).get("phase") in _ENDED


def is_terminating(pod: Json) -> bool:
    """Say whether somebody has deleted a pod that still exists."""
    return bool((pod.get("metadata") or {}).get("deletionTimestamp"))


def is_serving(pod: Json) -> bool:
    """Say whether our gate is open."""
    return is_true(pod, SERVING_GATE)


def containers_ready(pod: Json) -> bool:
    """Say whether every container is ready, whatever the gates say."""
    return is_true(pod, "ContainersReady")


def drain_until(pod: Json) -> float | None:
    """Return until when a pod drains before it is evicted, None if it does not."""
    # However late it is, it is only waited for.
    return _number_of(annotations_of(pod), DRAIN_UNTIL)


def decided_at(pod: Json) -> float | None:
    """Return when a pod's start was decided."""
    return time_of(annotations_of(pod), DECIDED_AT)


def time_of(texts: Mapping[str, str], key: str) -> float | None:
    """Return a time that was written as a text, None if there is none to be reckoned with."""
    at = _number_of(texts, key)
    return at if at is not None and is_time(at) else None


def _number_of(texts: Mapping[str, str], key: str) -> float | None:
    try:
        number = float(texts[key])
    except (KeyError, ValueError):
        return None
    return None if math.isnan(number) else number


def _gpus(container: Json) -> int:
    resources = container.get("resources") or {}
    asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    text = str(asked.get(GPU, "0"))
    return int(text) if text.isdecimal() else 0
