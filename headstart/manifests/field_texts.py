"""What each field means, as ``kubectl explain`` shows it."""

from __future__ import annotations

#: By path; a list's entries are ``[]``. What a field allows is added from the schema.
FIELD_TEXTS: dict[str, str] = {
    "": "When replicas of one workload start, ahead of the demand that needs them.",
    "spec": "What is wanted for the workload.",
    "spec.mode": "How far Headstart goes. Observe only forecasts and scores; Recommend also says "
    "what it would do; Act does it.",
    "spec.demand": "Where demand is measured: arrivals, not completions.",
    "spec.demand.prometheus": "One series of demand per second.",
    "spec.demand.prometheus.query": "PromQL that answers with exactly one series, per second.",
    "spec.demand.prometheus.stepSeconds": "Spacing of the samples that are asked for.",
    "spec.demand.prometheus.historyDays": "How much history is read at start.",
    "spec.demand.kafka": "Request events, counted or weighed by their own time.",
    "spec.demand.kafka.topic": "The topic that carries the events.",
    "spec.demand.kafka.key": "Only events with this key count.",
    "spec.demand.kafka.timestampField": "The field with an event's time; without it, Kafka's own.",
    "spec.demand.kafka.weightField": "The field that says how much an event weighs; without it, 1.",
    "spec.demand.kafka.offsetsOnly": "Reads no event, only how far the log has grown.",
    "spec.demand.calendar": "Events known ahead.",
    "spec.demand.calendar[]": "One event, or a series of them: either ical or cron.",
    "spec.demand.calendar[].name": "What the event is called in plans and messages.",
    "spec.demand.calendar[].ical": "An iCalendar file or address.",
    "spec.demand.calendar[].cron": "When windows begin: minute hour day month weekday.",
    "spec.demand.calendar[].timezone": "The time zone of cron, by name.",
    "spec.demand.calendar[].durationSeconds": "How long each window of cron lasts.",
    "spec.demand.calendar[].multiplier": "What demand is multiplied by during the event.",
    "spec.demand.calendar[].floorPerSecond": "The least demand to expect during the event.",
    "spec.capacity": "What a replica can do.",
    "spec.capacity.demandPerReplica": "The demand per second that one ready replica serves within "
    "the objective, in the unit of the source.",
    "spec.objective": "How well demand is to be served.",
    "spec.objective.attainment": "The share of requests that must wait less than waitSeconds; "
    "0.99 where neither this nor cost is given.",
    "spec.objective.waitSeconds": "The longest wait that still counts as in time.",
    "spec.objective.cost": "Takes attainment's place: money decides how sure to be.",
    "spec.objective.cost.gpuHour": "What a GPU costs in an hour.",
    "spec.objective.cost.missedRequest": "What a request that waits too long costs, in the same "
    "currency.",
    "spec.target": "What gets replicas: either scaleTargetRef, or podTemplate with "
    "podSnapshotName.",
    "spec.target.scaleTargetRef": "An object with a scale subresource in the policy's namespace.",
    "spec.target.scaleTargetRef.apiVersion": "Its group and version.",
    "spec.target.scaleTargetRef.kind": "Its kind.",
    "spec.target.scaleTargetRef.name": "Its name.",
    "spec.target.podTemplate": "The pod that Headstart creates for each replica, as in a "
    "Deployment.",
    "spec.target.podSnapshotName": "The PodSnapshot that these pods are restored from.",
    "spec.actuator": "Who owns the replica count. Pods: Headstart creates pods. Scale: it patches "
    "the target's scale. Keda: it answers KEDA.",
    "spec.restore": "How a replica starts.",
    "spec.restore.driver": "What restores it.",
    "spec.restore.snapshot": "The snapshot whose lead time is learned; podSnapshotName by default.",
    "spec.restore.sizeGiB": "The snapshot's size: a first guess at the lead time follows from it.",
    "spec.restore.timeoutSeconds": "When a restore that is not ready counts as failed; a cold start"
    " is given half an hour at the least.",
    "spec.restore.maxConcurrentPerNode": "Most starts at a time on one node.",
    "spec.restore.maxConcurrent": "Most starts at a time altogether.",
    "spec.restore.coldFallback": "Starts without a snapshot where restores fail.",
    "spec.standby": "The nodes held ready.",
    "spec.standby.nodeSelector": "Labels that a node of the pool must have for this workload.",
    "spec.standby.gpusPerReplica": "The GPUs that one replica needs: as many as podTemplate asks "
    "for, if it names any.",
    "spec.standby.promote": "Only false is allowed: nodes of the pool stay "
    "cordoned while they serve.",
    "spec.limits": "Guard rails that hold always.",
    "spec.limits.minReplicas": "Never fewer than these.",
    "spec.limits.maxReplicas": "Never more than these.",
    "spec.limits.maxStep": "Most replicas that one plan starts or releases.",
    "spec.limits.gpuBudget": "Most GPUs at a time.",
    "spec.limits.priority": "Decides between workloads that share a pool; the higher goes first.",
    "spec.scaleDown": "When a replica may go.",
    "spec.scaleDown.holdSeconds": "How long a replica stays after it was last needed; without it, "
    "what its lead time makes worth while, and minutes in the first hour.",
    "spec.scaleDown.drainSeconds": "How long a released replica finishes what it has.",
}
