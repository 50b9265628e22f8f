"""Plans rendered as actions, each for whoever owns the replica count.

Where Headstart owns the pods, a plan becomes starts on nodes, releases and cancels. Where a target
scales itself, it becomes the number that the target shall run; where KEDA does, nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from controller.actions import Action, Cancel, Release, Resize, Start
from controller.cluster_view import Replica, ReplicaName, StartKind
from controller.feedback import key_of
from controller.placement import Placement
from controller.plan import Plan
from controller.planner import is_over
from controller.policy import PODS, Actuator, WorkloadPolicy
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName
from models.lead_time import attempt_deadline, estimate

#: A policy's timeout is one of restores. Pulling an image, loading weights and compiling may take
#: many times as long, so before cold starts are known to be quicker they are waited for so long.
COLD_TIMEOUT_SECONDS = 1800.0


def is_placed(policy: WorkloadPolicy, settings: TickSettings) -> bool:
    """Say whether Headstart itself places a workload's replicas on nodes."""
    return policy.actuator is PODS or not settings.has_scale_targets


def actions_of(
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    owned: Mapping[WorkloadName, Sequence[Replica]],
    placements: Sequence[Placement],
    state: TickState,
    *,
    settings: TickSettings,
) -> tuple[Action, ...]:
    """Return what plans ask of the cluster: what goes first, so that its GPUs are free.

    ``owned`` has each workload's replicas.
    """
    actions: list[Action] = []
    for planned, policy in zip(plans, policies, strict=True):
        if is_placed(policy, settings):
            actions += _endings(planned, policy)
        elif policy.actuator is Actuator.SCALE:
            actions += _resized(planned, owned[planned.workload])
    actions += _starts(plans, policies, placements, state)
    return tuple(actions)


def _endings(planned: Plan, policy: WorkloadPolicy) -> Iterator[Action]:
    drain = policy.scale_down.drain_seconds
    for name, why in planned.cancels:
        yield Cancel(name=name, reason=why)
    for name in planned.releases:
        yield Release(name=name, drain_seconds=drain, reason=f"target {planned.target}")


def _resized(planned: Plan, replicas: Sequence[Replica]) -> Iterator[Action]:
    """Yield the new size, if another is wanted or if something is to be replaced."""
    retried = tuple(one.name for one in replicas if is_over(one, planned.at))
    if retried or planned.target != planned.ready + planned.restoring:
        yield Resize(
            workload=planned.workload,
            replicas=planned.target,
            decided_at=planned.at,
            reason=f"{planned.reason}: target {planned.target}",
            retired=planned.releases,
            retried=retried,
        )


def _starts(
    plans: Sequence[Plan],
    policies: Sequence[WorkloadPolicy],
    placements: Sequence[Placement],
    state: TickState,
) -> Iterator[Action]:
    by_name = {planned.workload: planned for planned in plans}
    rules = {policy.workload: policy for policy in policies}
    for number, placed in enumerate(placements):
        planned, policy = by_name[placed.workload], rules[placed.workload]
        yield Start(
            name=start_name(planned, number),
            workload=placed.workload,
            node=placed.node,
            kind=placed.kind,
            decided_at=planned.at,
            deadline_at=planned.at + deadline_seconds(state, policy, placed.kind),
            reason=f"{planned.reason}: target {planned.target}",
            gpus=placed.gpus,
            attempt=placed.attempt,
        )


def start_name(planned: Plan, number: int) -> ReplicaName:
    """Return the name of one of a tick's starts, which its number tells from the others."""
    return ReplicaName(f"{planned.workload}-{round(planned.at * 1000)}-{number}")


def deadline_seconds(state: TickState, policy: WorkloadPolicy, kind: StartKind) -> float:
    """Return after how many seconds a start that begins now counts as hung."""
    known = estimate(state.lead_times, key_of(policy, kind))
    hangs = state.memory.hang_streak(policy.workload, kind)
    most = policy.restore.timeout_seconds
    if kind is StartKind.COLD:
        most = max(most, COLD_TIMEOUT_SECONDS)
    return attempt_deadline(known, most, hangs)
