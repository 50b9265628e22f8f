"""What plans and fleets say of workers without GPUs, as JSON; names and units as in plan_codec."""

from __future__ import annotations

from controller.cluster_view import NodeName, ParkingLot, ReplicaName, Worker
from controller.parking_plan import Dropped, ParkingPlan, Promotion
from models.fields import Fields


def encode_parking(parking: ParkingPlan) -> dict[str, object]:
    """Return the JSON object of a plan's part about workers."""
    return {
        "target": parking.target,
        "leadTimeSeconds": parking.lead_time_seconds,
        "quantileLevel": parking.quantile_level,
        "parking": parking.parking,
        "parked": parking.parked,
        "parks": parking.parks,
        "waiting": parking.waiting,
        "cold": parking.cold,
        "promotions": [
            {"name": one.name, "node": one.node, "attempt": one.attempt}
            for one in parking.promotions
        ],
        "unparks": [
            {"name": one.name, "node": one.node, "reason": one.reason} for one in parking.unparks
        ],
    }


def decode_parking(value: object) -> ParkingPlan:
    """Return the part of a plan about workers.

    Raises:
        CodecError: if a field is missing or wrong; the message names it.
    """
    fields = Fields(value, "plan.parking")
    return ParkingPlan(
        target=fields.whole("target"),
        lead_time_seconds=fields.number("leadTimeSeconds"),
        quantile_level=fields.number("quantileLevel"),
        parking=fields.whole("parking"),
        parked=fields.whole("parked"),
        parks=fields.whole("parks"),
        waiting=fields.whole("waiting"),
        cold=fields.whole("cold"),
        promotions=tuple(_promotion(one) for one in fields.array("promotions")),
        unparks=tuple(_dropped(one) for one in fields.array("unparks")),
    )


def encode_lot(lot: ParkingLot) -> dict[str, object]:
    """Return the JSON object of the workers of a cluster that have no GPU."""
    return {"perNode": lot.per_node, "workers": [_encode_worker(one) for one in lot.workers]}


def _encode_worker(worker: Worker) -> dict[str, object]:
    return {
        "name": worker.name,
        "workload": worker.workload,
        "node": worker.node,
        "phase": worker.phase.value,
        "decidedAt": worker.decided_at,
        "deadlineAt": worker.deadline_at,
        "parkedAt": worker.parked_at,
        "gpus": worker.gpus,
        "attempt": worker.attempt,
        "failure": worker.failure,
    }


def _promotion(value: object) -> Promotion:
    fields = Fields(value, "plan.parking.promotions")
    return Promotion(
        name=ReplicaName(fields.text("name")),
        node=NodeName(fields.text("node")),
        attempt=fields.whole("attempt"),
    )


def _dropped(value: object) -> Dropped:
    fields = Fields(value, "plan.parking.unparks")
    return Dropped(
        name=ReplicaName(fields.text("name")),
        node=NodeName(fields.text("node")),
        reason=fields.text("reason"),
    )
