"""Rules between fields, in CEL; the same as ``controller.policy_rules``, in the same words.

Each belongs to the mapping at its path below the document, and names the field that is refused.
"""

from __future__ import annotations

from typing import Any

Rule = dict[str, Any]

_REQUIRED = "FieldValueRequired"
# Scale with Pods is refused alone: what the target must have is open until that is mended.
_OPEN = "(self.restore.driver == 'Scale' && self.actuator == 'Pods')"
_TARGETED = "['NvidiaSnapshot', 'Scale', 'GkePodSnapshot', 'DynamoCheckpointLegacy']"
_PODS = "(has(self.target.podTemplate) || has(self.target.podSnapshotName))"
_BOTH_PODS = "(has(self.target.podTemplate) && has(self.target.podSnapshotName))"
_REF = "has(self.target.scaleTargetRef)"
_WANTED = "(self.actuator == 'Pods' ? 'podTemplate and podSnapshotName' : 'scaleTargetRef')"
_LEAST_GPUS = "(self.limits.minReplicas * self.standby.gpusPerReplica)"


def _digits(number: str, most: int = 6) -> str:
    """Return a number below ten to the power of ``most`` as text.

    An API server reckons the text of ``string(number)`` as endless, and so refuses the rule.
    """

    def digit(place: int) -> str:
        one = f"{number} / {10**place} % 10"
        return f"'0123456789'.substring({one}, {one} + 1)"

    text = ""
    for length in range(most, 0, -1):
        digits = " + ".join(digit(place) for place in reversed(range(length)))
        text = f"({number} < {10**length} ? {digits} : {text})" if text else f"({digits})"
    return text


def _rule(rule: str, message: str, field: str = "", **more: str) -> Rule:
    path = {"fieldPath": f".{field}"} if field else {}
    return {"rule": rule, "message": message, **path, **more}


_SPEC = [
    _rule(
        "has(self.demand) && (has(self.demand.prometheus) || has(self.demand.kafka))",
        "needs a source: prometheus, kafka or both",
        "demand",
    ),
    _rule(
        f"!{_OPEN}",
        "must be Keda or Scale with restore.driver Scale, which starts no pods itself",
        "actuator",
    ),
    _rule(
        "self.restore.driver != 'Process' || has(self.restore.snapshot)",
        "is missing: must be the snapshot that restore.driver Process starts",
        "restore.snapshot",
        reason=_REQUIRED,
    ),
    _rule(
        f"{_OPEN} || has(self.target) || !(self.restore.driver in {_TARGETED})",
        "is missing: must have what the actuator needs",
        "target",
        reason=_REQUIRED,
        messageExpression=f"'is missing: must have ' + {_WANTED} "
        "+ ' for actuator ' + self.actuator",
    ),
    _rule(
        f"{_OPEN} || !has(self.target) || !({_REF} && {_PODS})",
        "must have either scaleTargetRef or podTemplate with podSnapshotName",
        "target",
    ),
    _rule(
        f"{_OPEN} || !has(self.target) || {_REF} || !(self.actuator in ['Keda', 'Scale'])",
        "needs scaleTargetRef for this actuator",
        "target",
        messageExpression="'needs scaleTargetRef for actuator ' + self.actuator",
    ),
    _rule(
        f"{_OPEN} || !has(self.target) || self.actuator != 'Pods' || {_BOTH_PODS} "
        f"|| ({_REF} && {_PODS})",
        "needs podTemplate and podSnapshotName for actuator Pods",
        "target",
    ),
    _rule(
        "!has(self.standby.promote) || !self.standby.promote",
        "must be false: nodes of the pool stay cordoned",
        "standby.promote",
    ),
    _rule(
        f"!has(self.limits.gpuBudget) || self.limits.gpuBudget < 1 "
        f"|| self.limits.gpuBudget >= {_LEAST_GPUS}",
        "must be at least minReplicas times gpusPerReplica",
        "limits.gpuBudget",
        messageExpression=f"{_LEAST_GPUS} < 1000000 "
        f"? 'must be at least ' + {_digits(_LEAST_GPUS)} + ': minReplicas times gpusPerReplica' "
        ": 'must be at least minReplicas times gpusPerReplica'",
    ),
]
_KAFKA = [
    _rule(
        f"!(has(self.offsetsOnly) && self.offsetsOnly && has(self.{name}))",
        "is not allowed together with offsetsOnly, which reads no event",
        name,
    )
    for name in ("key", "timestampField", "weightField")
]
_CALENDAR = [
    _rule("has(self.ical) != has(self.cron)", "needs exactly one of ical and cron"),
    _rule(
        "!has(self.cron) || has(self.durationSeconds)",
        "is missing: must be a number above 0: how long each window of cron lasts",
        "durationSeconds",
        reason=_REQUIRED,
    ),
    _rule(
        "!(has(self.ical) && !has(self.cron) && has(self.durationSeconds))",
        "is not allowed with ical, whose events have their own length",
        "durationSeconds",
    ),
    _rule(
        "has(self.multiplier) || has(self.floorPerSecond)",
        "needs multiplier, floorPerSecond or both: what the event does to demand",
    ),
]
_OBJECTIVE = [
    _rule(
        "!(has(self.cost) && has(self.attainment))",
        "is not allowed together with cost, which takes its place: give one of them",
        "attainment",
    )
]
_LIMITS = [
    _rule(
        "!has(self.maxReplicas) || self.maxReplicas >= self.minReplicas",
        "must be at least minReplicas",
        "maxReplicas",
        messageExpression="self.minReplicas < 1000000 "
        f"? 'must be at least minReplicas, ' + {_digits('self.minReplicas')} "
        ": 'must be at least minReplicas'",
    )
]
#: The rules of each mapping, by its path; a list's entries are ``[]``.
CROSS_RULES: dict[str, list[Rule]] = {
    "spec": _SPEC,
    "spec.demand.kafka": _KAFKA,
    "spec.demand.calendar[]": _CALENDAR,
    "spec.objective": _OBJECTIVE,
    "spec.limits": _LIMITS,
}
