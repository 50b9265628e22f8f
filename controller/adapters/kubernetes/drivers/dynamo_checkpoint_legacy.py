"""Dynamo's own checkpoints, before they became NVIDIA Snapshot: Dynamo 1.0 to 1.4."""

from __future__ import annotations

from controller.adapters.kubernetes.drivers.driver import Progress, Stage
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import annotations_of, labels_of
from controller.policy import PodTarget

CHECKPOINT_ID = "nvidia.com/snapshot-checkpoint-id"
_IS_TARGET = "nvidia.com/snapshot-is-restore-target"
_CONTAINERS = "nvidia.com/snapshot-target-containers"
_VERSION = "nvidia.com/snapshot-artifact-version"
_STATUS = "nvidia.com/snapshot-restore-status."


class DynamoCheckpointLegacy:
    """Pods with the label of a checkpoint, and an annotation that tells each container's end."""

    name = "DynamoCheckpointLegacy"

    def shaped(self, pod: Json, target: PodTarget) -> Json:
        """Return a pod that the agent of those versions restores; the snapshot is the id."""
        metadata = pod["metadata"]
        first = pod["spec"]["containers"][0]["name"]
        labels = {**labels_of(pod), CHECKPOINT_ID: target.snapshot, _IS_TARGET: "true"}
        annotations = {_CONTAINERS: first, _VERSION: "1", **annotations_of(pod)}
        return {**pod, "metadata": {**metadata, "labels": labels, "annotations": annotations}}

    def progress(self, pod: Json) -> Progress:
        """Return what the annotations say of all containers that are restored."""
        notes = annotations_of(pod)
        wanted = [name.strip() for name in notes.get(_CONTAINERS, "").split(",") if name.strip()]
        ends = {name: notes.get(f"{_STATUS}{name}", "") for name in wanted}
        failed = [name for name, end in ends.items() if end == "failed"]
        if failed:
            failure = f"RestoreFailed: container {', '.join(failed)}"
            return Progress(stage=Stage.FAILED, failure=failure)
        if ends and all(end == "completed" for end in ends.values()):
            return Progress(stage=Stage.RESTORED)
        return Progress(stage=Stage.UNDER_WAY)
