"""The policy file as it is written: camelCase fields, their types and ranges. No defaults.

A field left out stays None, and takes the default of its value in ``controller.policy``. Rules
between fields are in ``controller.policy_rules``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from controller.cron_text import check_cron, check_timezone
from controller.field_types import (
    Above0,
    AtLeast0,
    Attainment,
    Days,
    Gibibytes,
    LabelValue,
    NamespaceName,
    ObjectName,
    PerReplica,
    Price,
    Priority,
    Replicas,
    Replicas1,
    Step,
    Switch,
    Text,
)
from controller.schema import Checked, Says, Schema

API_VERSION = "headstart.dev/v1alpha1"
KIND = "PreRestorePolicy"

ModeName = Annotated[
    Literal["Observe", "Recommend", "Act"], Says("must be Observe, Recommend or Act")
]
ActuatorName = Annotated[Literal["Keda", "Scale", "Pods"], Says("must be Keda, Scale or Pods")]
DriverName = Annotated[
    Literal[
        "NvidiaSnapshot",
        "Scale",
        "GkePodSnapshot",
        "DynamoCheckpointLegacy",
        "Process",
        "Simulated",
    ],
    Says(
        "must be NvidiaSnapshot, Scale, GkePodSnapshot, DynamoCheckpointLegacy, Process "
        "or Simulated"
    ),
]
Cron = Annotated[
    str,
    Checked(check_cron),
    Says("must have five fields: minute hour day month weekday, such as 0 9 * * 1-5"),
]
Timezone = Annotated[
    str, Checked(check_timezone), Says("must be a time zone's name, such as Europe/Berlin")
]


class PrometheusSchema(Schema):
    """``spec.demand.prometheus``."""

    query: Text
    step_seconds: Step | None = None
    history_days: Days | None = None


class KafkaSchema(Schema):
    """``spec.demand.kafka``."""

    topic: Text
    key: Text | None = None
    timestamp_field: Text | None = None
    weight_field: Text | None = None
    offsets_only: Switch | None = None


class CalendarSchema(Schema):
    """One entry of ``spec.demand.calendar``."""

    name: Text
    ical: Text | None = None
    cron: Cron | None = None
    timezone: Timezone | None = None
    duration_seconds: Above0 | None = None
    multiplier: Above0 | None = None
    floor_per_second: AtLeast0 | None = None


class DemandSchema(Schema):
    """``spec.demand``."""

    prometheus: PrometheusSchema | None = None
    kafka: KafkaSchema | None = None
    calendar: list[CalendarSchema] | None = None


class CapacitySchema(Schema):
    """``spec.capacity``."""

    demand_per_replica: PerReplica


class CostSchema(Schema):
    """``spec.objective.cost``."""

    gpu_hour: Price
    missed_request: Price


class ObjectiveSchema(Schema):
    """``spec.objective``."""

    attainment: Attainment | None = None
    wait_seconds: Above0 | None = None
    cost: CostSchema | None = None


class ScaleTargetSchema(Schema):
    """``spec.target.scaleTargetRef``."""

    api_version: Text | None = None
    kind: Text
    name: ObjectName


class TargetSchema(Schema):
    """``spec.target``. The pod template is Kubernetes' own: ``controller.template_rules``."""

    scale_target_ref: ScaleTargetSchema | None = None
    pod_template: dict[str, object] | None = None
    pod_snapshot_name: ObjectName | None = None


class RestoreSchema(Schema):
    """``spec.restore``."""

    driver: DriverName | None = None
    snapshot: Text | None = None
    size_gib: Gibibytes | None = Field(default=None, alias="sizeGiB")
    timeout_seconds: Above0 | None = None
    max_concurrent_per_node: Replicas1 | None = None
    max_concurrent: Replicas1 | None = None
    cold_fallback: Switch | None = None


class StandbySchema(Schema):
    """``spec.standby``."""

    node_selector: dict[str, LabelValue] | None = None
    gpus_per_replica: Replicas1 | None = None
    promote: Switch | None = None


class LimitsSchema(Schema):
    """``spec.limits``."""

    min_replicas: Replicas | None = None
    max_replicas: Replicas1 | None = None
    max_step: Replicas1 | None = None
    gpu_budget: Replicas1 | None = None
    priority: Priority | None = None


class ScaleDownSchema(Schema):
    """``spec.scaleDown``."""

    hold_seconds: AtLeast0 | None = None
    drain_seconds: AtLeast0 | None = None


class SpecSchema(Schema):
    """``spec``."""

    mode: ModeName | None = None
    demand: DemandSchema | None = None
    capacity: CapacitySchema
    objective: ObjectiveSchema | None = None
    target: TargetSchema | None = None
    actuator: ActuatorName | None = None
    restore: RestoreSchema | None = None
    standby: StandbySchema | None = None
    limits: LimitsSchema | None = None
    scale_down: ScaleDownSchema | None = None


class MetadataSchema(Schema):
    """``metadata``: what we use, and what an API server adds to it, which is left alone."""

    name: ObjectName
    namespace: NamespaceName | None = None
    labels: object = None
    annotations: object = None
    uid: object = None
    resource_version: object = None
    generation: object = None
    creation_timestamp: object = None
    finalizers: object = None
    managed_fields: object = None
    owner_references: object = None


class PolicySchema(Schema):
    """One document; a status, as a cluster gives it, is left alone."""

    api_version: Annotated[Literal["headstart.dev/v1alpha1"], Says(f"must be {API_VERSION}")]
    kind: Annotated[Literal["PreRestorePolicy"], Says(f"must be {KIND}")]
    metadata: MetadataSchema
    spec: SpecSchema
    status: object = None
