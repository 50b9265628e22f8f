"""The status of a policy as a structural schema: what the controller writes, and nothing more."""

from __future__ import annotations

from typing import Any

Structural = dict[str, Any]

#: Most lead-time measurements that a status keeps, so that they outlive restarts.
MOST_MEASUREMENTS = 64
#: As many alerts as are heard at all.
MOST_BOOSTS = 1000
_MOST_NODES = 128
_COUNT: Structural = {"type": "integer", "format": "int64", "minimum": 0}
_NUMBER: Structural = {"type": "number"}
_AMOUNT: Structural = {"type": "number", "minimum": 0}
_TEXT: Structural = {"type": "string"}
_TIME: Structural = {"type": "string", "format": "date-time"}
_SWITCH: Structural = {"type": "boolean"}


def _mapping(text: str, required: tuple[str, ...] = (), **fields: Structural) -> Structural:
    wanted: Structural = {"required": list(required)} if required else {}
    return {"type": "object", "description": text, **wanted, "properties": fields}


def _said(kind: Structural, text: str) -> Structural:
    return {**kind, "description": text}


def _list(items: Structural, text: str, most: int) -> Structural:
    return {"type": "array", "description": text, "maxItems": most, "items": items}


_CONDITIONS: Structural = {
    "type": "array",
    "description": "Ready, ForecastAccurate, StandbyAvailable and Acting.",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
    "items": _mapping(
        "One of them, as Kubernetes' own conditions are.",
        ("type", "status", "lastTransitionTime", "reason", "message"),
        type=_said({**_TEXT, "maxLength": 316}, "Which one."),
        status=_said({**_TEXT, "enum": ["True", "False", "Unknown"]}, "Whether it holds."),
        reason=_said({**_TEXT, "maxLength": 1024}, "Why, in one word."),
        message=_said({**_TEXT, "maxLength": 32768}, "Why, in a sentence."),
        lastTransitionTime=_said(_TIME, "When status last changed."),
        observedGeneration=_said(_COUNT, "The generation of the policy it speaks of."),
    ),
}
# As ``models.codec.encode_measurement`` writes it.
_MEASUREMENT = _mapping(
    "One start that was measured.",
    ("snapshot", "nodeClass", "locality", "concurrency", "kind", "at", "seconds", "ready"),
    snapshot=_said(_TEXT, "From what."),
    nodeClass=_said(_TEXT, "On what kind of node."),
    locality=_said(_TEXT, "Where the snapshot was read from."),
    concurrency=_said(_COUNT, "Starts that shared that source, itself included."),
    kind=_said(_TEXT, "restore or cold."),
    sizeGib=_said(_AMOUNT, "The snapshot's size."),
    at=_said(_NUMBER, "When it ended, in seconds since 1970."),
    seconds=_said(_AMOUNT, "From deciding to ready, or to giving up."),
    ready=_said(_SWITCH, "False: it was given up, so the time is a lower bound."),
    failed=_said(_SWITCH, "It is known never to come."),
)
# As ``controller.adapters.boost_text.boost_text`` writes it.
_BOOST = _mapping(
    "What was heard of one alert.",
    ("replicas", "multiplier", "isOver", "endsAt"),
    replicas=_said(_AMOUNT, "So many replicas' worth of demand more."),
    multiplier=_said(_AMOUNT, "Demand as measured times this."),
    isOver=_said(_SWITCH, "It was resolved; kept so that a late word does not bring it back."),
    endsAt=_said(_NUMBER, "When it ends by itself, in seconds since 1970."),
    since=_said(_NUMBER, "When the alert began, or ended if it is over, as far as was told."),
)
_INCOMPATIBLE = _mapping(
    "A node that failed to start the workload, and is left out until a time.",
    ("node",),
    node=_said(_TEXT, "The node."),
    nodeClass=_said(_TEXT, "What kind of node that is."),
    snapshot=_said(_TEXT, "The snapshot."),
    attempts=_said(_COUNT, "How often it failed."),
    until=_said(_TIME, "When it may be tried again."),
    reason=_said(_TEXT, "What the restore said."),
)

STATUS = _mapping(
    "What Headstart sees and does; written by the controller alone.",
    observedGeneration=_said(_COUNT, "The generation of the policy that is in force."),
    mode=_said(_TEXT, "The mode that is in force."),
    conditions=_CONDITIONS,
    replicas=_mapping(
        "How many there are.",
        target=_said(_COUNT, "Aimed at."),
        ready=_said(_COUNT, "Serving."),
        restoring=_said(_COUNT, "On their way."),
        draining=_said(_COUNT, "Released, finishing what they have."),
    ),
    leadTime=_mapping(
        "From deciding to start a replica until it is ready.",
        seconds=_said(_AMOUNT, "The lead time that plans reckon with."),
        basis=_said(_TEXT, "What stands behind it."),
        measurements=_said(_COUNT, "How many measurements that is."),
    ),
    leadTimeMeasurements=_list(
        _MEASUREMENT, "The newest of them, kept over restarts.", MOST_MEASUREMENTS
    ),
    # Its fields are the loop's own, and may change from version to version.
    calibration={
        "type": "object",
        "description": "What the loop has learned of its own errors, kept over restarts.",
        "x-kubernetes-preserve-unknown-fields": True,
    },
    forecastPeak=_mapping(
        "The most demand that the forecast sees.",
        perSecond=_said(_NUMBER, "How much."),
        at=_said(_TIME, "When."),
    ),
    lastPlan=_mapping(
        "The newest plan.",
        at=_said(_TIME, "When it was made."),
        reason=_said(_TEXT, "Why it is what it is."),
    ),
    outcomes=_mapping(
        "What came of starts and forecasts.",
        hits=_said(_COUNT, "Starts that were needed and in time."),
        misses=_said(_COUNT, "Demand that found no replica in time."),
        wasteGpuSeconds=_said(_AMOUNT, "GPU-seconds of replicas that nobody needed."),
    ),
    boosts={
        "type": "object",
        "description": "What alerts ask for, by a name made of the alert's own.",
        "maxProperties": MOST_BOOSTS,
        "additionalProperties": _BOOST,
    },
    incompatible=_list(_INCOMPATIBLE, "Nodes that are not tried for now.", _MOST_NODES),
)
