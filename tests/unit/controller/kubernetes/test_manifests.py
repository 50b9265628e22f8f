"""The pods that starts create, and what the drivers read off them."""

from __future__ import annotations

import pytest

from controller.adapters.kubernetes.drivers.driver import Stage
from controller.adapters.kubernetes.drivers.dynamo_checkpoint_legacy import DynamoCheckpointLegacy
from controller.adapters.kubernetes.drivers.gke_pod_snapshot import GkePodSnapshot
from controller.adapters.kubernetes.drivers.nvidia_snapshot import NvidiaSnapshot
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.manifests import pod_of
from controller.cluster_view import ReplicaName, StartKind
from controller.errors import ActionRefusedError
from controller.policy import PodTarget
from tests.unit.controller.kubernetes.cluster_objects import TARGET, a_condition, a_start

NVIDIA = NvidiaSnapshot()


def test_a_restore_is_pinned_tolerates_the_pool_and_is_ready_only_by_the_gate() -> None:
    pod = pod_of(a_start(), TARGET, NVIDIA)
    spec = pod["spec"]
    affinity = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    field = {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    assert affinity == {"nodeSelectorTerms": [{"matchFields": [field]}]}
    assert {"node.kubernetes.io/unschedulable", "headstart.dev/standby", "nvidia.com/gpu"} == {
        one["key"] for one in spec["tolerations"]
    }
    assert spec["readinessGates"] == [{"conditionType": "headstart.dev/serving"}]
    assert spec["restartPolicy"] == "Never"
    assert "nodeName" not in spec
    assert pod["metadata"]["annotations"]["nvidia.com/restore-from"] == "snap"
    assert pod["metadata"]["labels"]["app"] == "chat"
    assert pod["metadata"]["namespace"] == "team"


def test_a_restored_container_is_inert_and_has_what_the_agent_needs() -> None:
    [container] = pod_of(a_start(gpus=2), TARGET, NVIDIA)["spec"]["containers"]
    assert container["command"] == ["/bin/sh", "-c", "exec sleep infinity"]
    assert container["volumeMounts"] == [
        {"name": "snapshot-control", "mountPath": "/snapshot-control", "subPath": "main"}
    ]
    assert {"name": "SNAPSHOT_CONTROL_DIR", "value": "/snapshot-control"} in container["env"]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "2"}


def test_what_a_template_already_says_stays() -> None:
    main: Json = {
        "name": "main",
        "command": ["aware"],
        "env": [
            {"name": "SNAPSHOT_RESTORE_STANDBY", "value": "1"},
            {"name": "SNAPSHOT_CONTROL_DIR", "value": "/snapshot-control"},
        ],
        "volumeMounts": [{"name": "v", "mountPath": "/snapshot-control", "subPath": "main"}],
        "resources": {"limits": {"nvidia.com/gpu": "4"}},
        "startupProbe": {"exec": {"command": ["true"]}},
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    }
    spec = {"containers": [main, {"name": "proxy"}], "volumes": [{"name": "snapshot-control"}]}
    pod = pod_of(a_start(), PodTarget(template={"spec": spec}, snapshot="s"), NVIDIA)
    assert pod["spec"]["containers"] == [main, {"name": "proxy"}]
    assert pod["spec"]["volumes"] == spec["volumes"]


def test_every_term_of_a_templates_affinity_is_pinned() -> None:
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = [{"matchExpressions": [{"key": "a"}]}, {"matchExpressions": [{"key": "b"}]}]
    spec = {
        "containers": [{"name": "main"}],
        "affinity": {"nodeAffinity": {required: {"nodeSelectorTerms": terms}}, "podAffinity": {}},
    }
    pod = pod_of(a_start(), PodTarget(template={"spec": spec}, snapshot="s"), NVIDIA)
    affinity = pod["spec"]["affinity"]
    assert all(
        one["matchFields"] for one in affinity["nodeAffinity"][required]["nodeSelectorTerms"]
    )
    assert len(affinity["nodeAffinity"][required]["nodeSelectorTerms"]) == 2
    assert affinity["podAffinity"] == {}


def test_a_cold_start_keeps_its_own_command_and_asks_for_no_restore() -> None:
    pod = pod_of(a_start(kind=StartKind.COLD), TARGET, NVIDIA)
    assert pod["spec"]["containers"][0]["command"] == ["serve"]
    assert "nvidia.com/restore-from" not in pod["metadata"]["annotations"]
    assert pod["metadata"]["labels"]["headstart.dev/kind"] == "cold"


def test_a_replica_has_one_name_and_different_ones_have_different_names() -> None:
    names = {
        pod_of(a_start(ReplicaName(name)), TARGET, NVIDIA)["metadata"]["name"]
        for name in ("team/chat-1-0", "team/chat-1-0", "team/chat-1-1")
    }
    assert len(names) == 2
    assert all(name.startswith("chat-restore-") and len(name) <= 63 for name in names)


def test_a_template_without_containers_is_refused_in_one_line() -> None:
    with pytest.raises(ActionRefusedError, match=r"podTemplate\.spec\.containers is missing"):
        pod_of(a_start(), PodTarget(template={"spec": {}}, snapshot="s"), NVIDIA)


@pytest.mark.parametrize(
    ("status", "reason", "stage", "incompatible"),
    [
        ("True", "RestoreSucceeded", Stage.RESTORED, False),
        ("False", "RestoreInProgress", Stage.UNDER_WAY, False),
        ("False", "SomethingNew", Stage.UNDER_WAY, False),
        ("False", "RestorePartiallySucceeded", Stage.FAILED, False),
        ("False", "RestoreIncompatible", Stage.FAILED, True),
    ],
)
def test_nvidias_condition_is_told_apart_by_its_reason(
    status: str, reason: str, stage: Stage, incompatible: bool
) -> None:
    told = a_condition(("nvidia.com/Restored", status, reason))
    progress = NVIDIA.progress({"status": {"conditions": [told]}})
    assert (progress.stage, progress.is_incompatible) == (stage, incompatible)


def test_gke_restores_by_an_annotation_and_tells_it_by_a_condition() -> None:
    driver = GkePodSnapshot()
    pod = pod_of(a_start(), TARGET, driver)
    assert pod["metadata"]["annotations"]["podsnapshot.gke.io/ps-name"] == "snap"
    assert pod["spec"]["containers"][0]["command"] == ["serve"]
    assert driver.progress(pod).stage is Stage.UNDER_WAY
    restored = {"conditions": [a_condition(("PodRestored", "True", "Restored"))]}
    failed = {"conditions": [a_condition(("PodRestored", "False", "RestoreFailed"))]}
    assert driver.progress({"status": restored}).stage is Stage.RESTORED
    assert driver.progress({"status": failed}).failure == "RestoreFailed"


def test_dynamos_old_checkpoints_restore_by_a_label_and_tell_it_by_annotations() -> None:
    driver = DynamoCheckpointLegacy()
    pod = pod_of(a_start(), TARGET, driver)
    notes = pod["metadata"]["annotations"]
    assert pod["metadata"]["labels"]["nvidia.com/snapshot-checkpoint-id"] == "snap"
    assert notes["nvidia.com/snapshot-target-containers"] == "main"
    assert driver.progress(pod).stage is Stage.UNDER_WAY
    notes["nvidia.com/snapshot-restore-status.main"] = "completed"
    assert driver.progress(pod).stage is Stage.RESTORED
    notes["nvidia.com/snapshot-restore-status.main"] = "failed"
    assert driver.progress(pod).failure == "RestoreFailed: container main"
