"""A pod template of which no pods can be made, or other ones than planned, is refused when read."""

from __future__ import annotations

from typing import Any

import pytest

from controller.errors import InvalidFileError
from controller.policy_file import policy_of

TEMPLATE = "spec.target.podTemplate"


def a_document(spec: object, *, name: str = "chat", gpus: int | None = None) -> dict[str, Any]:
    standby = {} if gpus is None else {"gpusPerReplica": gpus}
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"demandPerReplica": 1.0},
            "demand": {"prometheus": {"query": "up"}},
            "restore": {"driver": "NvidiaSnapshot"},
            "target": {"podTemplate": {"spec": spec}, "podSnapshotName": "warm"},
            "standby": standby,
        },
    }


def problems_of(document: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(InvalidFileError) as caught:
        policy_of(document, "p")
    return caught.value.problems


def with_gpus(limit: object, *, kind: str = "limits", **more: object) -> dict[str, object]:
    return {"name": "main", "resources": {kind: {"nvidia.com/gpu": limit}}, **more}


@pytest.mark.parametrize(
    ("spec", "where", "why"),
    [
        ({}, "spec.containers", "is missing: must be a list of at least one container"),
        ({"containers": []}, "spec.containers", "a list is not allowed: must be a list of at"),
        ("x", "spec", "'x' is not allowed: must be a mapping"),
        ({"containers": "x"}, "spec.containers", "'x' is not allowed: must be a list"),
        ({"containers": ["x"]}, "spec.containers[0]", "'x' is not allowed: must be a mapping"),
        ({"containers": [None]}, "spec.containers[0]", "is missing: must be a mapping"),
        ({"containers": [{}]}, "spec.containers[0].name", "is missing: must be a name of"),
        ({"containers": [{"name": 1}]}, "spec.containers[0].name", "1 is not allowed: must be"),
        ({"containers": [{"name": "a", "env": [1]}]}, "spec.containers[0].env[0]", "must be a map"),
        (
            {"containers": [{"name": "a", "env": [{"value": "b"}]}]},
            "spec.containers[0].env[0].name",
            "is missing: must be text",
        ),
        (
            {"containers": [{"name": "a", "resources": {"limits": []}}]},
            "spec.containers[0].resources.limits",
            "a list is not allowed: must be a mapping",
        ),
        ({"containers": [{"name": "a"}], "affinity": "x"}, "spec.affinity", "must be a mapping"),
        ({"containers": [{"name": "a"}], "tolerations": {}}, "spec.tolerations", "must be a list"),
        (
            {"containers": [with_gpus("1k")]},
            "spec.containers[0].resources.limits.nvidia.com/gpu",
            "'1k' is not allowed: must be a whole number, without a unit",
        ),
    ],
)
def test_a_template_of_the_wrong_shape_is_refused_by_field(
    spec: object, where: str, why: str
) -> None:
    [line] = problems_of(a_document(spec))
    assert line.startswith(f"p: {TEMPLATE}.{where}: ")
    assert why in line


def test_annotations_of_a_template_are_texts() -> None:
    document = a_document({"containers": [{"name": "main"}]})
    template = document["spec"]["target"]["podTemplate"]
    template["metadata"] = {"annotations": {"nvidia.com/restore-container-map": 1}}
    [line] = problems_of(document)
    assert line.endswith("1 is not allowed: must be text; put a number or a true in quotes")


@pytest.mark.parametrize(
    ("containers", "first", "taken"),
    [
        ([with_gpus("4")], (), 4),
        ([with_gpus(2), with_gpus(2, name="two")], (), 4),
        ([with_gpus("1", kind="requests")], [with_gpus("8")], 8),
    ],
)
def test_a_replica_takes_as_many_gpus_as_are_planned_for_it(
    containers: list[object], first: object, taken: int
) -> None:
    spec = {"containers": containers, "initContainers": first or None}
    [line] = problems_of(a_document(spec))
    asked = f"must be {taken}: as many as target.podTemplate asks for as nvidia.com/gpu"
    assert line == f"p: spec.standby.gpusPerReplica: is missing: {asked}"
    [line] = problems_of(a_document(spec, gpus=taken + 1))
    assert line == f"p: spec.standby.gpusPerReplica: {taken + 1} is not allowed: {asked}"
    assert policy_of(a_document(spec, gpus=taken), "p").standby.gpus_per_replica == taken


def test_a_template_that_names_no_gpus_gets_those_that_are_planned() -> None:
    assert policy_of(a_document({"containers": [{"name": "main"}]}, gpus=3), "p").pods is not None


def test_a_name_that_no_label_can_hold_is_refused_where_pods_are_started() -> None:
    spec = {"containers": [{"name": "main"}]}
    assert policy_of(a_document(spec, name="a" * 63), "p").workload == "a" * 63
    [line] = problems_of(a_document(spec, name="a" * 64))
    assert line == (
        "p: metadata.name: must have at most 63 characters: it is a label of the policy's pods"
    )
    scaled = a_document(spec, name="a" * 64)
    scaled["spec"] |= {
        "actuator": "Scale",
        "target": {"scaleTargetRef": {"kind": "Deployment", "name": "chat"}},
    }
    assert policy_of(scaled, "p").pods is None
