"""Policy files whose objective, demand or target is refused."""

from __future__ import annotations

from tests.unit.bad_input import BadInput, calendar, demand, spec

BAD_OBJECTIVES = (
    BadInput(
        "an event that is a word",
        demand("{prometheus: {query: up}, calendar: [monday]}"),
        ("policy.yaml:6: spec.demand.calendar[0]: text is not allowed: must be a mapping",),
    ),
    BadInput(
        "a demand that is a switch",
        demand("true"),
        ("policy.yaml:6: spec.demand: true or false is not allowed: must be a mapping",),
    ),
    BadInput(
        "a calendar that is a mapping",
        demand("{prometheus: {query: up}, calendar: {name: a}}"),
        ("policy.yaml:6: spec.demand.calendar: a mapping is not allowed: must be a list",),
    ),
    BadInput(
        "an attainment of all",
        spec("  objective: {attainment: 1}\n"),
        (
            "policy.yaml:7: spec.objective.attainment: 1 is not allowed: "
            "must be a number above 0.5 and below 1, such as 0.99",
        ),
    ),
    BadInput(
        "an attainment in percent",
        spec("  objective: {attainment: 99}\n"),
        (
            "policy.yaml:7: spec.objective.attainment: 99 is not allowed: "
            "must be a number above 0.5 and below 1, such as 0.99",
        ),
    ),
    BadInput(
        "money and attainment",
        spec("  objective: {attainment: 0.9, cost: {gpuHour: 1, missedRequest: 1}}\n"),
        (
            "policy.yaml:7: spec.objective.attainment: is not allowed together with cost, "
            "which takes its place: give one of them",
        ),
    ),
    BadInput(
        "money for nothing",
        spec("  objective: {cost: {gpuHour: 0, missedRequest: 1}}\n"),
        (
            "policy.yaml:7: spec.objective.cost.gpuHour: 0 is not allowed: "
            "must be a number from 1e-12 to 1e12",
        ),
    ),
    BadInput(
        "half of the money",
        spec("  objective: {cost: {gpuHour: 2}}\n"),
        (
            "policy.yaml:7: spec.objective.cost.missedRequest: is missing: "
            "must be a number from 1e-12 to 1e12",
        ),
    ),
    BadInput(
        "money without bounds",
        spec("  objective: {cost: {gpuHour: 1.0e+308, missedRequest: 1.0e-308}}\n"),
        (
            "policy.yaml:7: spec.objective.cost.gpuHour: 1.0e+308 is not allowed: "
            "must be a number from 1e-12 to 1e12",
            "policy.yaml:7: spec.objective.cost.missedRequest: 1.0e-308 is not allowed: "
            "must be a number from 1e-12 to 1e12",
        ),
    ),
    BadInput(
        "offsets and a key",
        demand("{kafka: {topic: t, offsetsOnly: true, key: k}}"),
        (
            "policy.yaml:6: spec.demand.kafka.key: is not allowed together with offsetsOnly, "
            "which reads no event",
        ),
    ),
    BadInput(
        "no topic",
        demand("{kafka: {offsetsOnly: true}}"),
        ("policy.yaml:6: spec.demand.kafka.topic: is missing: must be text that is not empty",),
    ),
    BadInput(
        "a cron of four fields",
        calendar("cron: 0 9 * *, durationSeconds: 60, multiplier: 2"),
        (
            "policy.yaml:6: spec.demand.calendar[0].cron: '0 9 * *' is not allowed: "
            "must have five fields: minute hour day month weekday, such as 0 9 * * 1-5",
        ),
    ),
    BadInput(
        "a cron without a length",
        calendar("cron: 0 9 * * 1, multiplier: 2"),
        (
            "policy.yaml:6: spec.demand.calendar[0].durationSeconds: is missing: must be a "
            "number above 0: how long each window of cron lasts",
        ),
    ),
    BadInput(
        "an event without effect",
        calendar("ical: a.ics"),
        (
            "policy.yaml:6: spec.demand.calendar[0]: needs multiplier, floorPerSecond or "
            "both: what the event does to demand",
        ),
    ),
    BadInput(
        "an event without time",
        calendar("floorPerSecond: 1"),
        ("policy.yaml:6: spec.demand.calendar[0]: needs exactly one of ical and cron",),
    ),
    BadInput(
        "an event of a length of its own",
        calendar("ical: a.ics, multiplier: 2, durationSeconds: 3"),
        (
            "policy.yaml:6: spec.demand.calendar[0].durationSeconds: is not allowed with "
            "ical, whose events have their own length",
        ),
    ),
    BadInput(
        "a time zone of nowhere",
        calendar("cron: 0 9 * * 1, durationSeconds: 60, multiplier: 2, timezone: Mars/Base"),
        (
            "policy.yaml:6: spec.demand.calendar[0].timezone: 'Mars/Base' is not allowed: "
            "must be a time zone's name, such as Europe/Berlin",
        ),
    ),
    BadInput(
        "an unknown driver",
        spec("  restore: {driver: Magic}\n"),
        (
            "policy.yaml:7: spec.restore.driver: 'Magic' is not allowed: "
            "must be NvidiaSnapshot, Scale, GkePodSnapshot, DynamoCheckpointLegacy, Process or "
            "Simulated",
        ),
    ),
    BadInput(
        "a driver that starts no pods",
        spec("  restore: {driver: Scale}\n"),
        (
            "policy.yaml:4: spec.actuator: is missing: must be Keda or Scale with "
            "restore.driver Scale, which starts no pods itself",
        ),
    ),
    BadInput(
        "a driver without target",
        spec("  restore: {driver: NvidiaSnapshot}\n"),
        (
            "policy.yaml:4: spec.target: is missing: must have podTemplate and "
            "podSnapshotName for actuator Pods",
        ),
    ),
    BadInput(
        "a driver without snapshot",
        spec("  restore: {driver: Process}\n"),
        (
            "policy.yaml:7: spec.restore.snapshot: is missing: must be the snapshot that "
            "restore.driver Process starts",
        ),
    ),
    BadInput(
        "a target of two kinds",
        spec("  target: {scaleTargetRef: {kind: Deployment, name: a}, podTemplate: {}}\n"),
        (
            "policy.yaml:7: spec.target: must have either scaleTargetRef or podTemplate with "
            "podSnapshotName",
        ),
    ),
    BadInput(
        "a target of the wrong kind",
        spec("  actuator: Keda\n  target: {podTemplate: {}, podSnapshotName: a}\n"),
        ("policy.yaml:8: spec.target: needs scaleTargetRef for actuator Keda",),
    ),
    BadInput(
        "half a target",
        spec("  target: {podTemplate: {}}\n"),
        ("policy.yaml:7: spec.target: needs podTemplate and podSnapshotName for actuator Pods",),
    ),
)
