"""What is shipped under ``deploy/`` by hand: complete, no wider than said, and of one mind."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from headstart.command_line import parse

DEPLOY = Path(__file__).parents[3] / "deploy"
BASE = DEPLOY / "kustomize" / "base"
CHART = DEPLOY / "helm" / "headstart"
#: Where nodes and foreign pods are at stake, only these.
CLUSTER_WIDE = {
    ("nodes", "get"), ("nodes", "list"), ("nodes", "watch"), ("nodes", "patch"),
    ("pods", "get"), ("pods", "list"), ("pods", "watch"),
    *(("horizontalpodautoscalers", verb) for verb in ("get", "list", "watch")),
    ("prerestorepolicies", "get"), ("prerestorepolicies", "list"), ("prerestorepolicies", "watch"),
    ("prerestorepolicies/status", "get"), ("prerestorepolicies/status", "patch"),
    ("prerestorepolicies/status", "update"), ("events", "create"), ("events", "patch"),
}  # fmt: skip


def test_the_base_lists_every_file_beside_it() -> None:
    [listed] = documents(BASE / "kustomization.yaml")
    files = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed["resources"]) == files


def test_the_overlay_of_the_guide_names_what_the_base_has() -> None:
    [text] = re.findall(r"<<'END'\n(.*?)END\n", (DEPLOY / "README.md").read_text(), re.DOTALL)
    overlay = yaml.safe_load(text)
    [base] = documents(BASE / "kustomization.yaml")
    assert [one["name"] for one in overlay["images"]] == [one["name"] for one in base["images"]]
    patch = yaml.safe_load(overlay["patches"][0]["patch"])
    [settings] = documents(BASE / "settings.yaml")
    assert (patch["kind"], patch["metadata"]) == (settings["kind"], settings["metadata"])
    assert patch["data"].keys() == settings["data"].keys()


def test_rights_over_the_whole_cluster_are_these_and_no_more() -> None:
    [role] = [one for one in documents(BASE / "rbac.yaml") if named(one, "ClusterRole")]
    assert rights(role) == CLUSTER_WIDE


@pytest.mark.parametrize("name", ["rbac.yaml", "workloads-role.yaml"])
def test_no_role_of_the_controller_reaches_secrets_or_everything(name: str) -> None:
    for document in documents(BASE / name):
        for resource, verb in rights(document):
            assert "*" not in resource + verb
            assert resource.partition("/")[0] not in {"secrets", "serviceaccounts", "configmaps"}


def test_every_admission_policy_denies_and_is_bound() -> None:
    found = documents(BASE / "admission.yaml")
    policies = {
        one["metadata"]["name"]: one["spec"] for one in found if "Binding" not in one["kind"]
    }
    bound = {one["spec"]["policyName"]: one["spec"] for one in found if "Binding" in one["kind"]}
    assert policies.keys() == bound.keys()
    assert {tuple(one["validationActions"]) for one in bound.values()} == {("Deny",)}
    assert {one["failurePolicy"] for one in policies.values()} == {"Fail"}
    conditions = {one["matchConditions"][0]["expression"] for one in policies.values()}
    assert len(conditions) == 1


def test_every_container_is_without_rights() -> None:
    [deployment] = documents(BASE / "deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_command_line_understands_what_the_containers_are_told() -> None:
    [deployment] = documents(BASE / "deployment.yaml")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [settings] = documents(BASE / "settings.yaml")
    told = [re.sub(r"\$\((\w+)\)", r"\1", one) for one in container["args"]]
    understood = parse(told)
    assert (understood.kubernetes, understood.listen) == (True, "0.0.0.0:8080")
    given = {one["name"] for one in container["env"]} | settings["data"].keys()
    assert {understood.identity, understood.prometheus} <= given


def test_the_chart_s_own_values_are_allowed() -> None:
    jsonschema.validate(values(), schema())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("replicas",), 0),
        (("replicas",), "2"),
        (("image", "tag"), ""),
        (("image", "tga"), "1"),
        (("prometheus", "url"), "prometheus:9090"),
        (("workloadNamespaces",), ["In Capitals"]),
        (("workloadNamespaces",), ["a", "a"]),
        (("networkPolicy", "enabled"), "yes"),
        (("colour",), "blue"),
    ],
)
def test_the_chart_refuses_values_that_mean_nothing(path: tuple[str, ...], value: object) -> None:
    changed = copy.deepcopy(values())
    place = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, schema())


def test_every_value_of_the_chart_has_a_place_in_its_schema() -> None:
    assert values().keys() | {"global"} == schema()["properties"].keys()


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def named(document: dict[str, Any], kind: str) -> bool:
    return (document["kind"], document["metadata"]["name"]) == (kind, "headstart-controller")


def rights(role: dict[str, Any]) -> set[tuple[str, str]]:
    """Return each resource with each verb of a role; nothing of what is none."""
    return {
        (resource, verb)
        for rule in role.get("rules", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return loaded


def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return loaded
