"""Plans and fleets as JSON: camelCase keys with their units, times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping

from controller.cluster_view import Fleet, Replica, ReplicaName
from controller.parking_codec import decode_parking, encode_lot, encode_parking
from controller.plan import Plan, Reason, Upcoming
from controller.standby import pool_summary
from models.fields import Fields, as_list, as_text, refuse
from models.forecast import WorkloadName


def encode_plan(plan: Plan) -> dict[str, object]:
    """Return the JSON object of a plan; it has ``parking`` where restores have two stages."""
    encoded: dict[str, object] = {
        "workload": plan.workload,
        "at": plan.at,
        "target": plan.target,
        "floor": plan.floor,
        "reactive": plan.reactive,
        "ready": plan.ready,
        "restoring": plan.restoring,
        "demandPerSecond": plan.demand_per_second,
        "leadTimeSeconds": plan.lead_time_seconds,
        "quantileLevel": plan.quantile_level,
        "reason": plan.reason.value,
        "starts": plan.starts,
        "waiting": plan.waiting,
        "releases": list(plan.releases),
        "cancels": [{"name": name, "reason": reason} for name, reason in plan.cancels],
        "upcoming": [{"startAt": one.start_at, "count": one.count} for one in plan.upcoming],
    }
    if plan.parking is not None:
        encoded["parking"] = encode_parking(plan.parking)
    return encoded


def decode_plan(value: object) -> Plan:
    """Return the plan of a JSON object.

    Raises:
        CodecError: if a field is missing or wrong; the message names it.
    """
    fields = Fields(value, "plan")
    demand, parking = fields.get("demandPerSecond"), fields.find("parking")
    return Plan(
        workload=WorkloadName(fields.text("workload")),
        at=fields.number("at"),
        target=fields.whole("target"),
        floor=fields.whole("floor"),
        reactive=fields.whole("reactive"),
        ready=fields.whole("ready"),
        restoring=fields.whole("restoring"),
        demand_per_second=None if demand is None else fields.number("demandPerSecond"),
        lead_time_seconds=fields.number("leadTimeSeconds"),
        quantile_level=fields.number("quantileLevel"),
        reason=_reason(fields.text("reason")),
        starts=fields.whole("starts"),
        waiting=fields.whole("waiting"),
        releases=tuple(
            ReplicaName(as_text(name, "plan.releases")) for name in fields.array("releases")
        ),
        cancels=tuple(_cancel(one) for one in as_list(fields.get("cancels"), "plan.cancels")),
        upcoming=tuple(_upcoming(one) for one in fields.array("upcoming")),
        parking=None if parking is None else decode_parking(parking),
    )


def encode_plans(plans: Mapping[WorkloadName, Plan]) -> dict[str, object]:
    """Return the JSON object of several workloads' plans, by name."""
    return {"plans": [encode_plan(plans[workload]) for workload in sorted(plans)]}


def encode_fleet(fleet: Fleet) -> dict[str, object]:
    """Return the JSON object of everything that exists in the cluster."""
    summary = pool_summary(fleet)
    encoded: dict[str, object] = {
        "seenAt": fleet.seen_at,
        "freeGpus": summary.free_gpus,
        "nodesByState": {state.value: count for state, count in summary.counts.items()},
        "nodes": [
            {
                "name": node.name,
                "gpus": node.gpus,
                "state": node.state.value,
                "unfitReason": node.unfit_reason,
                "nodeClass": node.node_class,
            }
            for node in fleet.nodes
        ],
        "replicas": [_encode_replica(replica) for replica in fleet.replicas],
    }
    if fleet.parking is not None:
        encoded["parking"] = encode_lot(fleet.parking)
    return encoded


def _encode_replica(replica: Replica) -> dict[str, object]:
    return {
        "name": replica.name,
        "workload": replica.workload,
        "node": replica.node,
        "kind": replica.kind.value,
        "phase": replica.phase.value,
        "decidedAt": replica.decided_at,
        "startedAt": replica.started_at,
        "deadlineAt": replica.deadline_at,
        "readyAt": replica.ready_at,
        "gpus": replica.gpus,
        "attempt": replica.attempt,
        "failure": replica.failure,
    }


def _reason(text: str) -> Reason:
    if text not in {reason.value for reason in Reason}:
        refuse("plan.reason", text, " | ".join(reason.value for reason in Reason))
    return Reason(text)


def _cancel(value: object) -> tuple[ReplicaName, str]:
    fields = Fields(value, "plan.cancels")
    return ReplicaName(fields.text("name")), fields.text("reason")


def _upcoming(value: object) -> Upcoming:
    fields = Fields(value, "plan.upcoming")
    return Upcoming(start_at=fields.number("startAt"), count=fields.whole("count"))
