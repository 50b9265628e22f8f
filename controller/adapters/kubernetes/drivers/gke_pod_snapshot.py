"""GKE's pod snapshots: a pod with an annotation is restored by gVisor on its node."""

from __future__ import annotations

from controller.adapters.kubernetes.drivers.driver import Progress, Stage, first_condition, said
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import annotations_of, seconds_of
from controller.policy import PodTarget

SNAPSHOT_NAME = "podsnapshot.gke.io/ps-name"
_CONDITION = "PodRestored"


class GkePodSnapshot:
    """Pods with ``podsnapshot.gke.io/ps-name``, and the condition ``PodRestored``."""

    name = "GkePodSnapshot"

    def shaped(self, pod: Json, target: PodTarget) -> Json:
        """Return a pod with its own command, which GKE restores before it would run."""
        metadata = pod["metadata"]
        annotations = {**annotations_of(pod), SNAPSHOT_NAME: target.snapshot}
        return {**pod, "metadata": {**metadata, "annotations": annotations}}

    def progress(self, pod: Json) -> Progress:
        """Return what GKE's condition says."""
        condition = first_condition(pod, _CONDITION)
        at = seconds_of(condition.get("lastTransitionTime"))
        if condition.get("status") == "True":
            return Progress(stage=Stage.RESTORED, at=at)
        # GKE starts a pod cold, without a word, where no snapshot fits: then it just gets ready.
        if "fail" in str(condition.get("reason", "")).lower():
            return Progress(stage=Stage.FAILED, at=at, failure=said(condition))
        return Progress(stage=Stage.UNDER_WAY)
