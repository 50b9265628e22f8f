"""Starts that have ended become state: how long they took, and what failed where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from controller.cluster_view import DRAINING, FAILED, READY, RESTORING, Replica, ReplicaName
from controller.feedback import key_of
from controller.pair_memory import PairMemory
from controller.policy import WorkloadPolicy
from controller.tick_state import TickState, WorkloadState
from models.forecast import WorkloadName
from models.lead_time import LeadTimeMeasurement, LeadTimes, learn


def all_starts_judged(
    owned: Mapping[WorkloadName, Sequence[Replica]],
    state: TickState,
    now: float,
    policies: Sequence[WorkloadPolicy],
) -> tuple[TickState, list[str]]:
    """Return the state with what the starts of all workloads have taught, and what to log.

    All are judged before any is planned: one lead time is estimated from what all have learned.
    """
    lead_times, memory = state.lead_times, state.memory.at(now)
    workloads: dict[WorkloadName, WorkloadState] = {}
    lines: list[str] = []
    for policy in policies:
        name = policy.workload
        workloads[name], lead_times, memory, said = starts_judged(
            owned[name],
            state.workloads[name],
            policy,
            lead_times,
            memory,
            now=now,
        )
        lines += said
    judged = replace(state, workloads=workloads, lead_times=lead_times, memory=memory)
    return judged, lines


def measured_since(
    owned: Mapping[WorkloadName, Sequence[Replica]],
    before: TickState,
    after: TickState,
    *,
    now: float,
) -> frozenset[ReplicaName]:
    """Return whose start was found to have ended in ``after``, if it is known how long it took."""
    ended: frozenset[ReplicaName] = frozenset()
    for name, state in after.workloads.items():
        known = before.workloads[name]
        if state is not known:
            fresh = state.judged - known.judged
            ended |= {one.name for one in owned[name] if one.name in fresh and _taken(one, now) > 0}
    return ended


def starts_judged(
    replicas: Sequence[Replica],
    state: WorkloadState,
    policy: WorkloadPolicy,
    lead_times: LeadTimes,
    memory: PairMemory,
    *,
    now: float,
) -> tuple[WorkloadState, LeadTimes, PairMemory, tuple[str, ...]]:
    """Measure every start that has ended since the last tick, well or badly, each once."""
    known = state.judged
    fresh = [r for r in replicas if r.name not in known and _has_ended(r, now)]
    if not fresh:
        return state, lead_times, memory, ()
    lines = []
    # In the order in which they ended: who came ready meanwhile speaks for starts given up now.
    for replica in sorted(fresh, key=lambda one: one.ready_at or now):
        taken = _taken(replica, now)
        if taken > 0:
            lead_times = learn(lead_times, _measured(replica, policy, taken))
        if not _has_come(replica):
            overtaken = _is_overtaken(replica, replicas)
            memory = memory.after_failure(replica, now, is_overtaken=overtaken)
            lines.append(_failure_line(replica, taken))
        elif taken > 0:
            memory = memory.after_success(replica)
            lines.append(f"{policy.workload}: {replica.name} ready after {taken:.1f} s")
    alive = {replica.name for replica in replicas}
    judged = (known & alive) | {replica.name for replica in fresh}
    return state._replace(judged=judged), lead_times, memory, tuple(lines)


def _taken(replica: Replica, now: float) -> float:
    """Return how long a start took, or has taken; 0 or less where nobody knows."""
    return (replica.ready_at or now) - replica.decided_at


def _is_overtaken(hung: Replica, replicas: Sequence[Replica]) -> bool:
    """Say whether a start of the same workload, decided no sooner than one that hung, has come."""
    return hung.phase is RESTORING and any(
        one.kind is hung.kind and _has_come(one) and one.decided_at >= hung.decided_at
        for one in replicas
    )


def _measured(
    replica: Replica, policy: WorkloadPolicy, taken_seconds: float
) -> LeadTimeMeasurement:
    return LeadTimeMeasurement(
        key=key_of(policy, replica.kind),
        at=replica.decided_at + taken_seconds,
        seconds=taken_seconds,
        ready=_has_come(replica),
        failed=replica.phase is FAILED,
    )


def _has_come(replica: Replica) -> bool:
    return replica.phase in (READY, DRAINING)


def _has_ended(replica: Replica, now: float) -> bool:
    return replica.phase is not RESTORING or replica.deadline_at <= now


def _failure_line(replica: Replica, taken: float) -> str:
    what = replica.failure or "not ready by its deadline"
    return (
        f"{replica.workload}: {replica.name} on {replica.node} failed after {taken:.0f} s: {what}"
    )
