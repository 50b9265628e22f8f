"""Rules between the fields of a policy. Each looks at the document as written.

So a rule speaks up although other fields are wrong, and all faults of a file are told at once.
Values of a wrong type are the schema's business, and pass here.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.policy import Limits, Standby
from controller.schema import fault, refusal
from controller.template_rules import template_problems
from controller.yaml_document import FieldPath, Problem, YamlDocument

#: An API server reckons what its rules may cost, so a list must have an end.
MOST_CALENDAR_ENTRIES = 100

_DEFAULT_ACTUATOR = "Pods"
_DEFAULT_DRIVER = "Simulated"
# The simulated cluster and bare hosts have no object that could be a target.
_DRIVERS_WITH_TARGET = ("NvidiaSnapshot", "Scale", "GkePodSnapshot", "DynamoCheckpointLegacy")


def policy_problems(document: YamlDocument, *, needs_demand: bool) -> Iterator[Problem]:
    """Yield what fields say against each other. ``needs_demand``: a source must be there."""
    if needs_demand:
        yield from _demand(document)
    yield from _kafka(document)
    yield from _calendars(document)
    yield from _objective(document)
    yield from _target(document)
    yield from _standby(document)
    yield from _limits(document)


def _demand(document: YamlDocument) -> Iterator[Problem]:
    demand = document.get("spec", "demand")
    if demand is None or (isinstance(demand, dict) and not {"prometheus", "kafka"} & set(demand)):
        yield fault(document, ("spec", "demand"), "needs a source: prometheus, kafka or both")


def _kafka(document: YamlDocument) -> Iterator[Problem]:
    path: FieldPath = ("spec", "demand", "kafka")
    if document.get(*path, "offsetsOnly") is not True:
        return
    for name in ("key", "timestampField", "weightField"):
        if document.get(*path, name) is not None:
            text = "is not allowed together with offsetsOnly, which reads no event"
            yield fault(document, (*path, name), text)


def _calendars(document: YamlDocument) -> Iterator[Problem]:
    path: FieldPath = ("spec", "demand", "calendar")
    entries = len(_list(document, "spec", "demand", "calendar"))
    if entries > MOST_CALENDAR_ENTRIES:
        yield fault(document, path, f"must have at most {MOST_CALENDAR_ENTRIES} items")
    for index in range(entries):
        yield from _calendar(document, (*path, index))


def _calendar(document: YamlDocument, path: FieldPath) -> Iterator[Problem]:
    entry = document.get(*path)
    if not isinstance(entry, dict):
        return
    if ("ical" in entry) == ("cron" in entry):
        yield fault(document, path, "needs exactly one of ical and cron")
    if "cron" in entry and "durationSeconds" not in entry:
        text = "is missing: must be a number above 0: how long each window of cron lasts"
        yield fault(document, (*path, "durationSeconds"), text)
    if "ical" in entry and "cron" not in entry and "durationSeconds" in entry:
        text = "is not allowed with ical, whose events have their own length"
        yield fault(document, (*path, "durationSeconds"), text)
    if not {"multiplier", "floorPerSecond"} & set(entry):
        text = "needs multiplier, floorPerSecond or both: what the event does to demand"
        yield fault(document, path, text)


def _objective(document: YamlDocument) -> Iterator[Problem]:
    path: FieldPath = ("spec", "objective")
    if document.get(*path, "cost") is not None and document.get(*path, "attainment") is not None:
        text = "is not allowed together with cost, which takes its place: give one of them"
        yield fault(document, (*path, "attainment"), text)


def _target(document: YamlDocument) -> Iterator[Problem]:
    path: FieldPath = ("spec", "target")
    actuator = document.get("spec", "actuator") or _DEFAULT_ACTUATOR
    driver = document.get("spec", "restore", "driver") or _DEFAULT_DRIVER
    target = document.get(*path)
    if driver == "Scale" and actuator == "Pods":
        allowed = "must be Keda or Scale with restore.driver Scale, which starts no pods itself"
        yield refusal(document, ("spec", "actuator"), allowed)
        return
    if driver == "Process" and document.get("spec", "restore", "snapshot") is None:
        text = "is missing: must be the snapshot that restore.driver Process starts"
        yield fault(document, ("spec", "restore", "snapshot"), text)
    if target is None and driver in _DRIVERS_WITH_TARGET:
        wanted = _wanted(actuator)
        yield fault(document, path, f"is missing: must have {wanted} for actuator {actuator}")
    if isinstance(target, dict):
        yield from _target_fields(document, path, str(actuator))


def _target_fields(document: YamlDocument, path: FieldPath, actuator: str) -> Iterator[Problem]:
    fields = set(document.get(*path))
    pods = {"podTemplate", "podSnapshotName"}
    if "scaleTargetRef" in fields and fields & pods:
        yield fault(
            document, path, "must have either scaleTargetRef or podTemplate with podSnapshotName"
        )
    elif actuator in ("Keda", "Scale") and "scaleTargetRef" not in fields:
        yield fault(document, path, f"needs scaleTargetRef for actuator {actuator}")
    elif actuator == "Pods" and not pods <= fields:
        yield fault(document, path, f"needs {_wanted(actuator)} for actuator Pods")
    elif actuator == "Pods":
        yield from template_problems(document)


def _wanted(actuator: object) -> str:
    return "podTemplate and podSnapshotName" if actuator == "Pods" else "scaleTargetRef"


def _standby(document: YamlDocument) -> Iterator[Problem]:
    path: FieldPath = ("spec", "standby", "promote")
    if document.get(*path) is True:
        yield refusal(document, path, "must be false: nodes of the pool stay cordoned")


def _limits(document: YamlDocument) -> Iterator[Problem]:
    path: FieldPath = ("spec", "limits")
    least = _whole(document, Limits().min_replicas, *path, "minReplicas")
    most = _whole(document, None, *path, "maxReplicas")
    budget = _whole(document, None, *path, "gpuBudget")
    gpus = _whole(document, Standby().gpus_per_replica, "spec", "standby", "gpusPerReplica")
    if least is None:
        return
    if most is not None and most < least:
        yield refusal(document, (*path, "maxReplicas"), f"must be at least minReplicas, {least}")
    if budget is not None and budget > 0 and gpus is not None and budget < least * gpus:
        allowed = f"must be at least {least * gpus}: minReplicas times gpusPerReplica"
        yield refusal(document, (*path, "gpuBudget"), allowed)


def _whole(document: YamlDocument, default: int | None, *path: str | int) -> int | None:
    value = document.get(*path)
    if value is None:
        return default
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _list(document: YamlDocument, *path: str) -> list[object]:
    value = document.get(*path)
    return value if isinstance(value, list) else []
