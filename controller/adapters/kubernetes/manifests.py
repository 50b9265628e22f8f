"""The pod of one start, made of a policy's pod template. Pure."""

from __future__ import annotations

from controller.actions import Start
from controller.adapters.kubernetes.drivers.driver import Driver
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import (
    ATTEMPT,
    DEADLINE_AT,
    DECIDED_AT,
    DRIVER,
    GPU,
    KIND,
    POLICY,
    REASON,
    REPLICA,
    SERVING_GATE,
    STANDBY_TAINT,
    digest,
    pod_name,
)
from controller.adapters.kubernetes.pods import gpus_of
from controller.cluster_view import NodeName, StartKind
from controller.errors import StartRefusedError
from controller.policy import PodTarget

_TOLERATED = (
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
    {"key": STANDBY_TAINT, "operator": "Exists", "effect": "NoSchedule"},
    {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
)
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def pod_of(start: Start, target: PodTarget, driver: Driver) -> Json:
    """Return the pod that a start creates.

    Raises:
        StartRefusedError: if the template has no containers.
    """
    spec = target.template.get("spec")
    if not isinstance(spec, dict) or not spec.get("containers"):
        where = "spec.target.podTemplate.spec.containers"
        raise StartRefusedError(f"{start.workload}: {where} is missing: a pod needs one")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(start, target, driver),
        "spec": _placed(spec, start.node, start.gpus),
    }
    return driver.shaped(pod, target) if start.kind is StartKind.RESTORE else pod


def _metadata(start: Start, target: PodTarget, driver: Driver) -> Json:
    given = target.template.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    namespace, _, policy = start.workload.rpartition("/")
    return {
        "name": pod_name(start.workload, start.kind, start.name),
        "namespace": namespace,
        "labels": {
            **(metadata.get("labels") or {}),
            POLICY: policy,
            REPLICA: digest(start.name),
            KIND: start.kind.value,
            ATTEMPT: str(start.attempt),
        },
        "annotations": {
            **(metadata.get("annotations") or {}),
            REPLICA: start.name,
            DECIDED_AT: repr(start.decided_at),
            DEADLINE_AT: repr(start.deadline_at),
            REASON: start.reason,
            DRIVER: driver.name,
        },
    }


def _placed(spec: Json, node: NodeName, gpus: int) -> Json:
    """Return a pod's spec for one node, ready only by our gate, that is started just once."""
    placed = {key: value for key, value in spec.items() if key != "nodeName"}
    tolerations = list(spec.get("tolerations") or ())
    tolerations += [one for one in _TOLERATED if one not in tolerations]
    gates = list(spec.get("readinessGates") or ())
    if {"conditionType": SERVING_GATE} not in gates:
        gates.append({"conditionType": SERVING_GATE})
    placed |= {
        "restartPolicy": "Never",
        "tolerations": tolerations,
        "readinessGates": gates,
        "affinity": _pinned(spec.get("affinity") or {}, node),
    }
    if gpus_of({"spec": spec}) == 0:
        placed["containers"] = _with_gpus(spec["containers"], gpus)
    return placed


def _pinned(affinity: Json, node: NodeName) -> Json:
    """Return an affinity that only one node satisfies; each of several terms would do, so all."""
    of_node = affinity.get("nodeAffinity") or {}
    terms = (of_node.get(_REQUIRED) or {}).get("nodeSelectorTerms") or [{}]
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    pinned = [{**term, "matchFields": [*(term.get("matchFields") or ()), field]} for term in terms]
    return {**affinity, "nodeAffinity": {**of_node, _REQUIRED: {"nodeSelectorTerms": pinned}}}


def _with_gpus(containers: list[Json], gpus: int) -> list[Json]:
    """Return containers of which the first asks for GPUs: unasked for, none are reserved."""
    resources = containers[0].get("resources") or {}
    limits = {**(resources.get("limits") or {}), GPU: str(gpus)}
    return [{**containers[0], "resources": {**resources, "limits": limits}}, *containers[1:]]
