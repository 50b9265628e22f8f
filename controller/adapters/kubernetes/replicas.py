"""Pods and claims as replicas. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from controller.adapters.kubernetes.claims import Claim
from controller.adapters.kubernetes.drivers.driver import Progress, Stage
from controller.adapters.kubernetes.drivers.known import DRIVERS
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import (
    DEADLINE_AT,
    DRIVER,
    annotations_of,
    seconds_of,
)
from controller.adapters.kubernetes.phases import written_phases
from controller.adapters.kubernetes.pods import (
    attempt_of,
    containers_ready,
    decided_at,
    drain_until,
    gpus_of,
    has_ended,
    is_serving,
    is_terminating,
    kind_of,
    pinned_node,
    replica_of,
    time_of,
    workload_of,
)
from controller.cluster_view import NodeName, Phase, Replica, ReplicaName, StartKind
from models.forecast import WorkloadName


def progress_of(pod: Json) -> Progress:
    """Return how far a pod of ours is, by its own driver; a cold start has nothing to restore."""
    driver = DRIVERS.get(annotations_of(pod).get(DRIVER, ""))
    if kind_of(pod) is StartKind.COLD or driver is None:
        return Progress(stage=Stage.UNDER_WAY)
    return driver.progress(pod)


def may_serve(pod: Json) -> bool:
    """Say whether the gate of a pod of ours is to be opened now.

    A driver that falls back to a cold start without a word is done when the containers are ready.
    """
    if is_serving(pod) or is_terminating(pod) or has_ended(pod) or drain_until(pod) is not None:
        return False
    if not containers_ready(pod):
        return False
    is_strict = annotations_of(pod).get(DRIVER) != "GkePodSnapshot"
    if kind_of(pod) is StartKind.RESTORE and is_strict:
        return progress_of(pod).stage is Stage.RESTORED
    return progress_of(pod).stage is not Stage.FAILED


def replica_from_pod(pod: Json, ready_nodes: Mapping[NodeName, bool]) -> Replica | None:
    """Return the replica that a pod of ours is; None for one that is going or has no node.

    ``ready_nodes`` has the pool's nodes, and whether each is Ready.
    """
    node = pinned_node(pod)
    if node is None or node not in ready_nodes:
        return None
    found = _phase(pod, is_node_ready=ready_nodes[node])
    if found is None:
        return None
    phase, failure = found
    phases = written_phases(pod)
    created = seconds_of(pod["metadata"].get("creationTimestamp")) or 0.0
    decided = decided_at(pod) or created
    deadline = time_of(annotations_of(pod), DEADLINE_AT)
    if may_serve(pod):
        deadline = None  # it has done its part: opening the gate is ours, however late we come
    return Replica(
        name=replica_of(pod),
        workload=workload_of(pod),
        node=node,
        kind=kind_of(pod),
        phase=phase,
        decided_at=decided,
        started_at=max(created, decided),
        deadline_at=deadline if deadline is not None else float("inf"),
        gpus=gpus_of(pod),
        attempt=attempt_of(pod),
        ready_at=phases.get("ready"),
        failure=failure,
        phases=tuple(item for item in phases.items() if item[0] not in ("decided", "ready")),
    )


def replica_from_claim(claim: Claim, node: NodeName) -> Replica:
    """Return the replica whose pod is about to be created."""
    return Replica(
        name=ReplicaName(claim.replica),
        workload=WorkloadName(claim.workload),
        node=node,
        kind=StartKind(claim.kind),
        phase=Phase.RESTORING,
        decided_at=claim.claimed_at,
        started_at=claim.claimed_at,
        deadline_at=claim.deadline_at,
        gpus=claim.gpus,
        attempt=claim.attempt,
    )


def _phase(pod: Json, *, is_node_ready: bool) -> tuple[Phase, str] | None:
    was_ready = "ready" in written_phases(pod)
    if is_terminating(pod):
        return (Phase.DRAINING, "") if was_ready else None
    if has_ended(pod):
        status = pod["status"]
        told = [str(status[key]) for key in ("reason", "message") if status.get(key)]
        return Phase.FAILED, ": ".join(told) or f"the pod is {status.get('phase')}"
    if drain_until(pod) is not None:
        return Phase.DRAINING, ""
    if is_serving(pod):
        # Out of the count, and not given up: a node that comes back brings its replica back.
        is_up = is_node_ready and containers_ready(pod)
        return (Phase.READY if is_up else Phase.DRAINING), ""
    progress = progress_of(pod)
    if progress.stage is Stage.FAILED:
        return Phase.FAILED, progress.failure
    if not is_node_ready:
        return Phase.FAILED, f"node {pinned_node(pod)} is not Ready"
    return Phase.RESTORING, ""
