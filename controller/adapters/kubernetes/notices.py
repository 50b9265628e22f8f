"""What people are told of a tick in Kubernetes events. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from controller.actions import Action, Cancel, Release, Resize, StageAction, Start
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.lease_rules import micro_time
from controller.cluster_view import Fleet, Phase, Replica, ReplicaName, StartKind
from controller.policy import Mode
from controller.start_endings import phase_seconds
from controller.tick_report import TickReport
from models.forecast import WorkloadName

CONTROLLER = "headstart.dev/controller"
_LONGEST_NOTE = 1024
#: Events of nodes live where the kubelet's do.
_NODES_NAMESPACE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One event of a workload, or of a node if ``node`` is given.

    ``subject`` makes it unique: the same one is told once, also by a controller that takes over.
    """

    workload: WorkloadName
    reason: str
    action: str
    note: str
    subject: str
    is_warning: bool = False
    node: str = ""


def notices_of(
    before: Fleet | None, report: TickReport, cancelled: Collection[ReplicaName] = ()
) -> tuple[Notice, ...]:
    """Return what is to be told of one tick.

    ``before`` is the fleet of the last one, and ``cancelled`` what was cancelled upon it.
    """
    if report.fleet is None:
        return ()
    owners = {replica.name: replica.workload for replica in report.fleet.replicas}
    told = [_acted(action, owners) for action in report.acted]
    told += (*_refused(report), *_recommended(report))
    # Who only observes is left alone, by events too.
    watched = {name for name, mode in report.modes.items() if mode is not Mode.OBSERVE}
    if before is not None and watched:
        turned = (*_turned(before, report.fleet), *_lost(before, report.fleet, cancelled))
        told += (one for one in turned if one.workload in watched)
        told += _unfit(before, report.fleet)
    return tuple(one for one in told if one is not None)


def event_of(notice: Notice, policy: Json | None, *, instance: str, at: float) -> Json:
    """Return the Event object (events.k8s.io/v1); ``policy`` is the object it is about."""
    namespace, _, name = notice.workload.partition("/")
    regarding: Json = {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        "namespace": namespace,
        "name": name,
    }
    if policy is not None:
        regarding["uid"] = policy["metadata"].get("uid", "")
    if notice.node:
        namespace, name = _NODES_NAMESPACE, notice.node
        regarding = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": name}
    identity = "\n".join((notice.workload, notice.reason, notice.subject))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{name[:200]}.{digest}", "namespace": namespace},
        "eventTime": micro_time(at),
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": notice.action,
        "reason": notice.reason,
        "regarding": regarding,
        "note": notice.note[:_LONGEST_NOTE],
        "type": "Warning" if notice.is_warning else "Normal",
    }


def _acted(action: Action, owners: Mapping[ReplicaName, WorkloadName]) -> Notice | None:
    if isinstance(action, Resize):
        note = f"scaled to {action.replicas} ({action.reason})"
        subject = f"scale {action.decided_at}"
        return _of_replica("Scaled", "Scale", action.workload, note, subject)
    if isinstance(action, Start):
        what = "restore" if action.kind is StartKind.RESTORE else "cold start"
        return Notice(
            workload=action.workload,
            reason="RestoreStarted" if action.kind is StartKind.RESTORE else "ColdStarted",
            action="Start",
            note=f"{what} {action.name} started on {action.node} ({action.reason})",
            subject=action.name,
        )
    workload = owners.get(action.name)
    if workload is None or isinstance(action, StageAction):
        return None
    if isinstance(action, Release):
        note = f"{action.name} is released ({action.reason})"
        return _of_replica("ReplicaReleased", "Release", workload, note, action.name)
    assert isinstance(action, Cancel)
    note = f"{action.name} is given up: {action.reason}"
    return _of_replica("RestoreCancelled", "Cancel", workload, note, action.name)


def _of_replica(
    reason: str, action: str, workload: WorkloadName, note: str, subject: str
) -> Notice:
    return Notice(workload=workload, reason=reason, action=action, note=note, subject=subject)


def _refused(report: TickReport) -> Iterable[Notice]:
    """Yield a notice for every workload whose starts are refused for good; the same in a while."""
    for refused in report.refused:
        if isinstance(refused.action, Start) and refused.is_lasting:
            yield Notice(
                workload=refused.action.workload,
                reason="StartRefused",
                action="Start",
                note=refused.why,
                # Each pod's name is in the server's words, so that these are no subject.
                subject=f"refused {int(report.now // 600)}",
                is_warning=True,
            )


def _recommended(report: TickReport) -> Iterable[Notice]:
    for plan in report.plans:
        if report.modes.get(plan.workload) is Mode.RECOMMEND and (plan.starts or plan.releases):
            note = (
                f"would start {plan.starts} and release {len(plan.releases)}: "
                f"target {plan.target} ({plan.reason.value})"
            )
            # The same advice is given once in ten minutes.
            subject = f"{note} {int(plan.at // 600)}"
            yield _of_replica("Recommended", "Recommend", plan.workload, note, subject)


def _turned(before: Fleet, after: Fleet) -> Iterable[Notice]:
    """Yield a notice for every start that ended well or badly since."""
    under_way = {r.name for r in before.replicas if r.phase is Phase.RESTORING}
    known = {r.name for r in before.replicas}
    for replica in after.replicas:
        # A quick one may have come and ended between two looks.
        is_news = replica.name in under_way or replica.name not in known
        # Of what was ready when it was first seen nothing can be told.
        is_news = is_news and replica.ready_at != replica.decided_at
        if replica.phase is Phase.READY and is_news:
            taken = (replica.ready_at or after.seen_at) - replica.decided_at
            phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in phase_seconds(replica))
            spent = f" ({phases})" if replica.phases else ""
            note = f"{replica.name} on {replica.node} is ready after {taken:.1f} s{spent}"
            yield _of_replica("RestoreReady", "Ready", replica.workload, note, replica.name)
        if replica.phase is Phase.FAILED and is_news:
            yield _failed(replica)


def _lost(before: Fleet, after: Fleet, cancelled: Collection[ReplicaName]) -> Iterable[Notice]:
    """Yield a notice for every replica, ready or on its way, that went without our doing."""
    present = {replica.name for replica in after.replicas} | set(cancelled)
    nodes = {node.name for node in after.nodes}
    for replica in before.replicas:
        is_expected = replica.phase in (Phase.READY, Phase.RESTORING)
        if is_expected and replica.name not in present:
            why = "its pod was deleted" if replica.node in nodes else "its node left the pool"
            yield Notice(
                workload=replica.workload,
                reason="ReplicaLost",
                action="Lose",
                note=f"{replica.name} on {replica.node} is gone: {why}",
                subject=replica.name,
                is_warning=True,
            )


def _failed(replica: Replica) -> Notice:
    return Notice(
        workload=replica.workload,
        reason="RestoreFailed",
        action="Fail",
        note=f"{replica.name} on {replica.node} failed: {replica.failure}",
        subject=replica.name,
        is_warning=True,
    )


def _unfit(before: Fleet, after: Fleet) -> Iterable[Notice]:
    """Yield a notice for every node that became unfit, or is so for another reason."""
    known = {node.name: node.unfit_reason for node in before.nodes}
    for node in after.nodes:
        if node.unfit_reason and known.get(node.name, "") != node.unfit_reason:
            yield Notice(
                workload=WorkloadName(""),
                reason="StandbyNodeUnfit",
                action="Exclude",
                note=f"not used for restores: {node.unfit_reason}",
                subject=f"{node.name} {node.unfit_reason} {int(after.seen_at // 600)}",
                is_warning=True,
                node=node.name,
            )
