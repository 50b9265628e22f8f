"""The custom resource PreRestorePolicy, from the schema and the defaults that files are read by."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic.alias_generators import to_camel

from controller.policy import (
    CalendarEntry,
    KafkaDemand,
    Limits,
    Objective,
    PrometheusDemand,
    Restore,
    ScaleDown,
    Standby,
    WorkloadPolicy,
)
from controller.policy_rules import MOST_CALENDAR_ENTRIES
from controller.policy_schema import KIND, PolicySchema
from headstart.manifests.cross_rules import CROSS_RULES
from headstart.manifests.field_rules import Structural, field_schema, required_rules
from headstart.manifests.field_texts import FIELD_TEXTS
from headstart.manifests.status_schema import STATUS

GROUP, VERSION, PLURAL = "headstart.dev", "v1alpha1", "prerestorepolicies"
#: Where the defaults of a mapping's fields are.
_DEFAULTS: dict[str, type[Any]] = {
    "spec": WorkloadPolicy,
    "spec.demand.prometheus": PrometheusDemand,
    "spec.demand.kafka": KafkaDemand,
    "spec.demand.calendar[]": CalendarEntry,
    "spec.objective": Objective,
    "spec.restore": Restore,
    "spec.standby": Standby,
    "spec.limits": Limits,
    "spec.scaleDown": ScaleDown,
}
# Mappings that have nothing but fields with defaults are there although a policy leaves them out.
_ALWAYS_THERE = {"spec.objective", "spec.restore", "spec.standby", "spec.limits", "spec.scaleDown"}
# With a default, a policy by cost would have both, which is refused.
_NO_DEFAULT = {"spec.objective.attainment"}
_COLUMNS = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Mode", "string", ".spec.mode", 0),
    ("Target", "integer", ".status.replicas.target", 0),
    ("Ready replicas", "integer", ".status.replicas.ready", 0),
    ("Restoring", "integer", ".status.replicas.restoring", 0),
    ("Lead", "number", ".status.leadTime.seconds", 0),
    ("Peak", "number", ".status.forecastPeak.perSecond", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)


def custom_resource_definition() -> Structural:
    """Return the CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["prp"],
                "categories": ["headstart"],
            },
            "versions": [_version()],
        },
    }


def _version() -> Structural:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _document()},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "priority": priority}
            for name, kind, path, priority in _COLUMNS
        ],
    }


def _document() -> Structural:
    whole = PolicySchema.model_json_schema()
    return {
        "type": "object",
        "description": FIELD_TEXTS[""],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _structural("spec", whole["properties"]["spec"], whole["$defs"]),
            "status": STATUS,
        },
        "x-kubernetes-validations": required_rules(["spec"], {"spec": {}}),
    }


def _structural(path: str, field: dict[str, Any], definitions: dict[str, Any]) -> Structural:
    name = path.rpartition(".")[2]
    field = _resolved(field, definitions)
    schema: Structural
    if "properties" in field:
        schema = _mapping(path, field, definitions)
    elif field.get("type") == "array":
        items = _structural(f"{path}[]", field["items"], definitions)
        schema = {"type": "array", "maxItems": MOST_CALENDAR_ENTRIES, "items": items}
    elif field.get("type") == "object" and field["additionalProperties"] is not True:
        schema = {"type": "object", "additionalProperties": {"type": "string"}}
    elif field.get("type") == "object":
        # The API server checks a pod when it is created, and knows its fields better.
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    else:
        schema = field_schema(name, field)
    return {"description": FIELD_TEXTS[path], **schema, **_default(path)}


def _mapping(path: str, field: dict[str, Any], definitions: dict[str, Any]) -> Structural:
    properties = field["properties"]
    fields = {name: _resolved(inner, definitions) for name, inner in properties.items()}
    rules = required_rules(field.get("required", []), fields) + CROSS_RULES.get(path, [])
    return {
        "type": "object",
        "properties": {
            name: _structural(f"{path}.{name}", inner, definitions)
            for name, inner in properties.items()
        },
        **({"x-kubernetes-validations": rules} if rules else {}),
    }


def _resolved(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a field without references, and without the null that stands for leaving it out."""
    for one in field.get("anyOf", ()):
        if one != {"type": "null"}:
            field = one
    if "$ref" in field:
        resolved: dict[str, Any] = definitions[field["$ref"].rpartition("/")[2]]
        return resolved
    return field


def _default(path: str) -> Structural:
    if path in _ALWAYS_THERE:
        return {"default": {}}
    parent, _, name = path.rpartition(".")
    if parent not in _DEFAULTS or path in _NO_DEFAULT:
        return {}
    for field in dataclasses.fields(_DEFAULTS[parent]):
        value = field.default
        if to_camel(field.name) == name and isinstance(value, str | int | float) and value != "":
            return {"default": str(value) if isinstance(value, str) else value}
    return {}
