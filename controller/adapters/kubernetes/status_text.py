"""A policy's status, rendered from what the loop knows, and read back after a restart. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.adapters.kubernetes import status_conditions as conditions
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet_summary import FleetSummary
from controller.adapters.kubernetes.scale_owners import Obstacle
from controller.adapters.kubernetes.status_conditions import time_text
from controller.cluster_view import Phase
from controller.evidence_codec import encode_evidence, with_evidence
from controller.feedback import key_of
from controller.learned import Learned
from controller.memory_codec import decode_memory, encode_memory
from controller.plan import Plan
from controller.policy import Mode, WorkloadPolicy
from controller.tallies import Tally
from controller.tick_state import TickState, WorkloadState
from models.codec import CodecError, decode_measurement, encode_measurement
from models.fields import Fields, as_object
from models.forecast import Forecast
from models.lead_time import LeadTimeMeasurement, measurements
from models.outlook import Outlook

#: Enough for an estimate; 50 of them are some 10 KB.
MEASUREMENTS = 50
_SHOWN_INCOMPATIBLE = 20
#: What moves at every tick, and alone is no reason to write at once. Lead times are learned from
#: kin and all that share a snapshot; a start of one's own nearly always changes a count besides.
_RESTLESS = (
    "lastPlan",
    "forecastPeak",
    "outcomes",
    "calibration",
    "leadTime",
    "leadTimeMeasurements",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one policy that is in force. ``generation`` is of the object as it is."""

    policy: WorkloadPolicy
    generation: int
    now: float
    state: TickState
    learned: Learned
    tally: Tally = field(default_factory=Tally)
    plan: Plan | None = None
    fleet: FleetSummary | None = None
    outlook: Outlook | None = None
    problems: tuple[str, ...] = ()
    trouble: str = ""
    obstacle: Obstacle | None = None


def status_of(known: Known, before: Mapping[str, object]) -> Json:
    """Return the whole status; ``before`` is the one that the object has now.

    What it does not name stays as it is.
    """
    policy, workload = known.policy, known.policy.workload
    said = [
        conditions.ready(known.problems, has_good_form=True),
        conditions.forecast_accurate(known.outlook),
        conditions.standby_available(known.fleet, known.plan, policy.standby.gpus_per_replica),
        conditions.acting(policy.mode, known.trouble, known.obstacle),
    ]
    failed = known.state.memory.failed_nodes(workload)
    return {
        "observedGeneration": known.generation,
        "mode": policy.mode.value,
        "conditions": conditions.rendered(
            said, before.get("conditions"), generation=known.generation, now=known.now
        ),
        "replicas": _replicas(known),
        "leadTime": _lead_time(known),
        **_learned(known),
        "forecastPeak": _peak(known),
        "lastPlan": _last_plan(known.plan),
        "outcomes": {
            "hits": known.tally.hits,
            "misses": round(known.tally.misses),
            "wasteGpuSeconds": round(known.tally.waste_gpu_seconds, 1),
        },
        "incompatible": [
            {"node": node, "attempts": count, "until": time_text(until)}
            for node, (count, until) in sorted(failed.items())[:_SHOWN_INCOMPATIBLE]
            if node
        ],
    }


def status_of_refused(
    problems: tuple[str, ...], before: Mapping[str, object], *, generation: int, now: float
) -> Json:
    """Return what is written of an object that never was a good policy."""
    said = [
        conditions.ready(problems, has_good_form=False),
        conditions.acting(Mode.OBSERVE, ""),
    ]
    texts = conditions.rendered(said, before.get("conditions"), generation=generation, now=now)
    return {"observedGeneration": generation, "conditions": texts}


def differs(new: Json, old: Mapping[str, object], *, calmly: bool) -> bool:
    """Say whether a status says something else; ``calmly`` overlooks what moves at every tick."""
    overlooked = _RESTLESS if calmly else ()
    return any(_plain(new[key]) != _plain(old.get(key)) for key in new if key not in overlooked)


def remembered_measurements(status: Mapping[str, object]) -> tuple[LeadTimeMeasurement, ...]:
    """Return the measured starts of a status, those that can be read."""
    kept = []
    stored = status.get("leadTimeMeasurements")
    for wire in stored if isinstance(stored, list) else ():
        try:
            kept.append(decode_measurement({"sizeGib": None, **wire}))
        except (CodecError, ValueError, TypeError):
            continue
    return tuple(kept)


def remembered_memory(status: Mapping[str, object]) -> WorkloadState | None:
    """Return what a status keeps of the loop's calibration, None where it can't be read.

    Evidence that can't be read costs no more than itself.
    """
    try:
        stored = as_object(status.get("calibration"), "calibration")
        known = decode_memory(stored)
    except CodecError:
        return None
    try:
        return with_evidence(known, stored.get("evidence"))
    except CodecError:
        return known


def remembered_tally(status: Mapping[str, object]) -> Tally:
    """Return the counts of a status."""
    try:
        fields = Fields(status.get("outcomes"), "outcomes")
        return Tally(
            hits=fields.whole("hits"),
            misses=fields.at_least_zero("misses"),
            waste_gpu_seconds=fields.at_least_zero("wasteGpuSeconds"),
        )
    except CodecError:
        return Tally()


def _replicas(known: Known) -> Json:
    counted = known.fleet.phases if known.fleet is not None else {}
    phases = counted.get(known.policy.workload, Counter[Phase]())
    return {
        "target": known.plan.target if known.plan is not None else 0,
        "ready": phases[Phase.READY],
        "restoring": phases[Phase.RESTORING],
        "draining": phases[Phase.DRAINING],
    }


def _learned(known: Known) -> Json:
    """Return what a restart takes up again: nothing before the first tick has taken it up."""
    memory = known.state.workloads.get(known.policy.workload)
    if memory is None:
        return {}
    return {
        "leadTimeMeasurements": _measurements(known),
        "calibration": _calibration(memory),
    }


def _calibration(memory: WorkloadState) -> Json:
    evidence = encode_evidence(memory)
    kept = encode_memory(memory)
    return kept if evidence is None else {**kept, "evidence": evidence}


def _lead_time(known: Known) -> Json:
    planned = known.plan.lead_time_seconds if known.plan is not None else None
    quantiles = dict(known.learned.lead_time_seconds)
    seconds = planned if planned is not None else quantiles.get(0.9, 0.0)
    return {
        "seconds": round(seconds, 1),
        "basis": known.learned.basis,
        "measurements": known.learned.measurements,
    }


def _measurements(known: Known) -> list[Json]:
    snapshot = key_of(known.policy).snapshot
    ours = [one for one in measurements(known.state.lead_times) if one.key.snapshot == snapshot]
    texts = [encode_measurement(one) for one in ours[-MEASUREMENTS:]]
    return [{key: value for key, value in text.items() if value is not None} for text in texts]


def _peak(known: Known) -> Json | None:
    forecast = known.outlook.forecast if known.outlook is not None else None
    if forecast is None or not forecast.values.size:
        return None
    return _peak_of(forecast)


def _peak_of(forecast: Forecast) -> Json:
    """Return the highest demand of the highest quantile, and the end of its step."""
    highest = forecast.values[:, -1]
    step = int(highest.argmax())
    at = forecast.issued_at + (step + 1) * forecast.step_seconds
    return {"perSecond": round(float(highest[step]), 3), "at": time_text(at)}


def _last_plan(plan: Plan | None) -> Json | None:
    return None if plan is None else {"at": time_text(plan.at), "reason": plan.reason.value}


def _plain(value: object) -> object:
    """Return a value with conditions' times left out: they never change by themselves."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key != "lastTransitionTime"}
    return [_plain(one) for one in value] if isinstance(value, list) else value
