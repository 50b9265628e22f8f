"""NVIDIA Snapshot: a pod with an annotation is restored by the node's agent.

Facts of its pod contract: https://github.com/ai-dynamo/snapshot, docs/reference.
"""

from __future__ import annotations

from typing import Any

from controller.adapters.kubernetes.drivers.driver import Progress, Stage, first_condition, said
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import annotations_of, seconds_of
from controller.policy import PodTarget

RESTORE_FROM = "nvidia.com/restore-from"
_CONTAINER_MAP = "nvidia.com/restore-container-map"
#: The second is what versions before 0.1 wrote.
_CONDITIONS = ("nvidia.com/Restored", "snapshot/Restored")
_INCOMPATIBLE = frozenset({"RestoreIncompatible", "RestoreReplenishmentIncompatible"})
_TERMINAL = frozenset({"RestoreFailed", "RestorePartiallySucceeded"}) | _INCOMPATIBLE
_CONTROL_VOLUME = "snapshot-control"
_CONTROL_PATH = "/snapshot-control"
_CONTROL_VARIABLE = "SNAPSHOT_CONTROL_DIR"
_INERT = ["/bin/sh", "-c", "exec sleep infinity"]
_SECCOMP = {"type": "Localhost", "localhostProfile": "profiles/block-iouring.json"}


class NvidiaSnapshot:
    """Pods with ``nvidia.com/restore-from``, and the condition ``nvidia.com/Restored``."""

    name = "NvidiaSnapshot"

    def shaped(self, pod: Json, target: PodTarget) -> Json:
        """Return a pod that the agent restores; what the template has already stays as it is."""
        metadata, spec = pod["metadata"], pod["spec"]
        annotations = {**annotations_of(pod), RESTORE_FROM: target.snapshot}
        destinations = _destinations(annotations, spec["containers"])
        containers = [
            _restored(container) if container["name"] in destinations else container
            for container in spec["containers"]
        ]
        volumes = list(spec.get("volumes") or ())
        if all(volume.get("name") != _CONTROL_VOLUME for volume in volumes):
            volumes.append({"name": _CONTROL_VOLUME, "emptyDir": {}})
        return {
            **pod,
            "metadata": {**metadata, "annotations": annotations},
            "spec": {**spec, "containers": containers, "volumes": volumes},
        }

    def progress(self, pod: Json) -> Progress:
        """Return what the agent's condition says; a reason that is not known is no end."""
        condition = first_condition(pod, *_CONDITIONS)
        at = seconds_of(condition.get("lastTransitionTime"))
        reason = condition.get("reason", "")
        if condition.get("status") == "True":
            return Progress(stage=Stage.RESTORED, at=at)
        if reason not in _TERMINAL:
            return Progress(stage=Stage.UNDER_WAY)
        is_incompatible = reason in _INCOMPATIBLE
        return Progress(
            stage=Stage.FAILED, at=at, failure=said(condition), is_incompatible=is_incompatible
        )


def _destinations(annotations: Any, containers: list[Json]) -> frozenset[str]:
    """Return the containers that are restored: those of the map, else the first."""
    pairs = [pair.partition("=") for pair in annotations.get(_CONTAINER_MAP, "").split(",")]
    mapped = frozenset(there.strip() for _, sign, there in pairs if sign)
    return mapped or frozenset({containers[0]["name"]})


def _restored(container: Json) -> Json:
    """Return a container that waits for its restore, as the agent's contract wants it."""
    mounts = list(container.get("volumeMounts") or ())
    if all(mount.get("mountPath") != _CONTROL_PATH for mount in mounts):
        mounts.append(
            {"name": _CONTROL_VOLUME, "mountPath": _CONTROL_PATH, "subPath": container["name"]}
        )
    variables = list(container.get("env") or ())
    if all(variable.get("name") != _CONTROL_VARIABLE for variable in variables):
        variables.append({"name": _CONTROL_VARIABLE, "value": _CONTROL_PATH})
    shaped: Json = {**container, "volumeMounts": mounts, "env": variables}
    # An entrypoint that knows of standby does so by this variable; any other must do nothing.
    if all(not one.get("name", "").endswith("SNAPSHOT_RESTORE_STANDBY") for one in variables):
        shaped["command"] = _INERT
        shaped.pop("args", None)
    security = container.get("securityContext") or {}
    shaped["securityContext"] = {"seccompProfile": _SECCOMP, **security}
    shaped.setdefault("startupProbe", _gate_probe())
    return shaped


def _gate_probe() -> Json:
    return {
        "exec": {"command": ["cat", f"{_CONTROL_PATH}/restore-complete"]},
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "failureThreshold": 1800,
    }
