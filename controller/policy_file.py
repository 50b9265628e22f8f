"""Policy files: YAML documents of PreRestorePolicy, read into frozen policies or refused.

All faults of a file are found at once, each with its line, field, value and what is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from controller.errors import InvalidFileError
from controller.policy import (
    Actuator,
    CalendarEntry,
    Cost,
    Demand,
    KafkaDemand,
    Limits,
    Mode,
    Objective,
    PodTarget,
    PrometheusDemand,
    Restore,
    ScaleDown,
    Standby,
    WorkloadPolicy,
)
from controller.policy_rules import policy_problems
from controller.policy_schema import (
    DemandSchema,
    ObjectiveSchema,
    PolicySchema,
    SpecSchema,
    StandbySchema,
    TargetSchema,
)
from controller.schema import given, refusal, schema_problems
from controller.yaml_document import Problem, YamlDocument
from controller.yaml_lines import read_documents, read_text
from models.forecast import WorkloadName


def read_policies(path: Path, *, needs_demand: bool = True) -> tuple[WorkloadPolicy, ...]:
    """Return the policies of a file, in its order.

    ``needs_demand`` False lets a policy be without a source of demand, as a replay has its own.

    Raises:
        InvalidFileError: with one line for each fault, in the order of the file's lines.
    """
    return parse_policies(read_text(path), str(path), needs_demand=needs_demand)


def parse_policies(
    text: str, name: str, *, needs_demand: bool = True
) -> tuple[WorkloadPolicy, ...]:
    """Return the policies of a text; ``name`` is what messages call it.

    Raises:
        InvalidFileError: with one line for each fault, in the order of the text's lines.
    """
    documents = read_documents(text, name)
    if not documents:
        raise InvalidFileError((f"{name}: the file is empty: it needs a PreRestorePolicy",))
    policies: list[WorkloadPolicy] = []
    problems: list[Problem] = list(_repeated_names(documents))
    for document in documents:
        found, faults = _examine(document, needs_demand=needs_demand)
        problems += faults
        policies += found
    if problems:
        ordered = sorted(problems, key=lambda problem: problem.line)
        # An alias may carry one fault to several places; the same line is told once.
        raise InvalidFileError(tuple(dict.fromkeys(problem.render(name) for problem in ordered)))
    return tuple(policies)


def policy_of(value: object, name: str, *, needs_demand: bool = True) -> WorkloadPolicy:
    """Return the policy of a document that a cluster gave; ``name`` is what messages call it.

    Raises:
        InvalidFileError: with one line for each fault.
    """
    document = YamlDocument(value=_without_nulls(value), line=0, lines={}, texts={}, problems=())
    found, faults = _examine(document, needs_demand=needs_demand)
    if faults:
        raise InvalidFileError(tuple(dict.fromkeys(fault.render(name) for fault in faults)))
    return found[0]


def _without_nulls(value: object) -> object:
    """Return a value without fields that are null: as in Kubernetes, they are left out."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _examine(
    document: YamlDocument, *, needs_demand: bool
) -> tuple[Sequence[WorkloadPolicy], Sequence[Problem]]:
    if not isinstance(document.value, dict):
        text = "must be a mapping with apiVersion, kind, metadata and spec"
        return (), (*document.problems, Problem(line=document.line, field="", text=text))
    problems = list(document.problems)
    schema: PolicySchema | None = None
    try:
        schema = PolicySchema.model_validate(document.value)
    except ValidationError as error:
        problems += schema_problems(error, PolicySchema, document)
    if isinstance(document.get("spec"), dict):
        problems += policy_problems(document, needs_demand=needs_demand)
    return (() if schema is None else (_policy(schema),)), problems


def _repeated_names(documents: Sequence[YamlDocument]) -> list[Problem]:
    path = ("metadata", "name")
    first_lines: dict[str, int] = {}
    problems: list[Problem] = []
    for document in documents:
        workload = document.get(*path)
        if not isinstance(workload, str):
            continue
        if workload in first_lines:
            allowed = f"must differ from the one in line {first_lines[workload]}"
            problems.append(refusal(document, path, allowed))
        first_lines.setdefault(workload, document.line_of(path))
    return problems


def _policy(schema: PolicySchema) -> WorkloadPolicy:
    spec = schema.spec
    chosen: dict[str, object] = {}
    if schema.metadata.namespace is not None:
        chosen["namespace"] = schema.metadata.namespace
    if spec.mode is not None:
        chosen["mode"] = Mode(spec.mode)
    if spec.actuator is not None:
        chosen["actuator"] = Actuator(spec.actuator)
    return WorkloadPolicy(
        workload=WorkloadName(schema.metadata.name),
        demand_per_replica=spec.capacity.demand_per_replica,
        demand=_demand(spec.demand),
        objective=_objective(spec.objective),
        scale_target=_scale_target(spec.target),
        scale_target_api_version=_scale_target_api_version(spec.target),
        pods=_pods(spec.target),
        restore=_restore(spec),
        standby=_standby(spec.standby),
        limits=Limits(**given(spec.limits)),
        scale_down=ScaleDown(**given(spec.scale_down)),
        **chosen,  # type: ignore[arg-type]  # only what the file gives, so that defaults hold
    )


def _demand(schema: DemandSchema | None) -> Demand:
    if schema is None:
        return Demand()
    prometheus, kafka = given(schema.prometheus), given(schema.kafka)
    return Demand(
        prometheus=PrometheusDemand(**prometheus) if prometheus else None,
        kafka=KafkaDemand(**kafka) if kafka else None,
        calendar=tuple(CalendarEntry(**given(entry)) for entry in schema.calendar or ()),
    )


def _objective(schema: ObjectiveSchema | None) -> Objective:
    fields = given(schema)
    if schema is not None and schema.cost is not None:
        fields["cost"] = Cost(**given(schema.cost))
    return Objective(**fields)


def _scale_target(schema: TargetSchema | None) -> tuple[str, str] | None:
    if schema is None or schema.scale_target_ref is None:
        return None
    return schema.scale_target_ref.kind, schema.scale_target_ref.name


def _scale_target_api_version(schema: TargetSchema | None) -> str:
    if schema is None or schema.scale_target_ref is None:
        return ""
    return schema.scale_target_ref.api_version or ""


def _pods(schema: TargetSchema | None) -> PodTarget | None:
    if schema is None or schema.pod_template is None or schema.pod_snapshot_name is None:
        return None
    return PodTarget(template=schema.pod_template, snapshot=schema.pod_snapshot_name)


def _restore(spec: SpecSchema) -> Restore:
    fields = given(spec.restore)
    # The snapshot that pods are restored from is the one whose lead time is learned.
    if spec.target is not None and spec.target.pod_snapshot_name is not None:
        fields.setdefault("snapshot", spec.target.pod_snapshot_name)
    return Restore(**fields)


def _standby(schema: StandbySchema | None) -> Standby:
    fields = given(schema)
    # Nothing but false is allowed, and false says nothing.
    fields.pop("promote", None)
    if "node_selector" in fields:
        fields["node_selector"] = tuple(sorted(fields["node_selector"].items()))
    return Standby(**fields)
