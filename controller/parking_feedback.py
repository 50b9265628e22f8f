"""Host parts that have ended become state, and say how long the next ones take.

They are measured as starts are, under a key of their own: what slows a disk down does not slow
down a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from controller.cluster_view import ParkingLot, Phase, Replica, StartKind, Worker, WorkerPhase
from controller.overdue import overrun_seconds
from controller.pair_memory import PairMemory
from controller.parking_memory import ParkingMemory
from controller.policy import WorkloadPolicy
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName
from models.lead_time import (
    LeadTimeEstimate,
    LeadTimeKey,
    LeadTimeMeasurement,
    LeadTimes,
    attempt_deadline,
    estimate,
    learn,
)

WorkersByWorkload = Mapping[WorkloadName, tuple[Worker, ...]]

#: A host part that takes longer than so many do is begun once more, beside it: as restores are.
_OVERDUE_QUANTILE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTimes:
    """How long host parts take, to plan with, and from when on one is not counted on."""

    seconds: float
    overdue_seconds: float = math.inf


def park_key(policy: WorkloadPolicy) -> LeadTimeKey:
    """Return under which key the host parts of a workload's restores are measured."""
    restore = policy.restore
    return LeadTimeKey(
        snapshot=restore.snapshot or policy.workload, kind="park", size_gib=restore.size_gib
    )


def host_times(
    workers: Sequence[Worker],
    state: TickState,
    policy: WorkloadPolicy,
    settings: TickSettings,
    *,
    now: float,
) -> HostTimes:
    """Return what was learned of host parts, and what those under way say besides."""
    if settings.fixed_parking_seconds is not None:
        return HostTimes(seconds=settings.fixed_parking_seconds)
    known = estimate(state.lead_times, park_key(policy))
    calibration = state.workloads[policy.workload].calibration
    sure, late = _quantiles(known, calibration.lead_time_quantile)
    most = policy.restore.timeout_seconds
    learned = min(sure, most)
    came = state.parking.get(policy.workload, ParkingMemory()).came_decided_at
    parked = [_as_start(one) for one in workers if one.phase is WorkerPhase.PARKED]
    # Whom others have overtaken may hang, and says nothing of how long those others take.
    others = [
        _as_start(one)
        for one in workers
        if one.phase is not WorkerPhase.PARKED
        and (one.phase is not WorkerPhase.PARKING or one.decided_at > came)
    ]
    seconds = max(learned, overrun_seconds(parked, others, learned, now=now))
    return HostTimes(seconds=seconds, overdue_seconds=max(seconds, min(late, most)))


@lru_cache(maxsize=16_384)
def _quantiles(known: LeadTimeEstimate, sure: float) -> tuple[float, float]:
    """Return two quantiles, remembered since every tick asks and they change once a minute."""
    return known.quantile(sure), known.quantile(_OVERDUE_QUANTILE)


def park_deadline_seconds(state: TickState, policy: WorkloadPolicy) -> float:
    """Return after how many seconds a host part that begins now counts as hung."""
    known = estimate(state.lead_times, park_key(policy))
    hangs = state.park_failures.hang_streak(policy.workload)
    return attempt_deadline(known, policy.restore.timeout_seconds, hangs)


def workers_by_workload(lot: ParkingLot) -> dict[WorkloadName, tuple[Worker, ...]]:
    """Return the workers of each workload that has any."""
    owned: dict[WorkloadName, list[Worker]] = {}
    for worker in lot.workers:
        owned.setdefault(worker.workload, []).append(worker)
    return {name: tuple(workers) for name, workers in owned.items()}


def host_parts_judged(
    owned: WorkersByWorkload, state: TickState, now: float, policies: Sequence[WorkloadPolicy]
) -> tuple[TickState, list[str]]:
    """Return the state with what the host parts of all workloads have taught, and what to log."""
    lead_times, failures = state.lead_times, state.park_failures.at(now)
    memories: dict[WorkloadName, ParkingMemory] = {}
    lines: list[str] = []
    for policy in policies:
        name = policy.workload
        memories[name], lead_times, failures, said = parks_judged(
            owned.get(name, ()),
            state.parking.get(name, ParkingMemory()),
            policy,
            lead_times,
            failures,
            now=now,
        )
        lines += said
    judged = replace(state, lead_times=lead_times, park_failures=failures, parking=memories)
    return judged, lines


def parks_judged(
    workers: Sequence[Worker],
    memory: ParkingMemory,
    policy: WorkloadPolicy,
    lead_times: LeadTimes,
    failures: PairMemory,
    *,
    now: float,
) -> tuple[ParkingMemory, LeadTimes, PairMemory, tuple[str, ...]]:
    """Measure every host part that has ended since the last tick, well or badly, each once.

    ``failures`` are those of host parts, which one that comes well ends, as restores end theirs.
    """
    fresh = [one for one in workers if one.name not in memory.judged and _has_ended(one, now)]
    if not fresh:
        return memory, lead_times, failures, ()
    lines = []
    came_decided_at = memory.came_decided_at
    # In the order in which they ended: who was parked meanwhile speaks for those given up now.
    for worker in sorted(fresh, key=lambda one: one.parked_at or now):
        taken = (worker.parked_at or now) - worker.decided_at
        if taken > 0:
            lead_times = learn(lead_times, _measured(worker, policy, taken))
        if worker.phase is WorkerPhase.PARKED:
            came_decided_at = max(came_decided_at, worker.decided_at)
            if taken > 0:
                failures = failures.after_success(_as_start(worker))
                lines.append(f"{policy.workload}: {worker.name} parked after {taken:.1f} s")
            continue
        is_hung = worker.phase is WorkerPhase.PARKING
        is_overtaken = is_hung and worker.decided_at <= came_decided_at
        failures = failures.after_failure(_as_start(worker), now, is_overtaken=is_overtaken)
        what = worker.failure or "not parked by its deadline"
        lines.append(
            f"{policy.workload}: {worker.name} on {worker.node} failed after {taken:.0f} s: {what}"
        )
    alive = {worker.name for worker in workers}
    judged = (memory.judged & alive) | {worker.name for worker in fresh}
    after = replace(memory, judged=judged, came_decided_at=came_decided_at)
    return after, lead_times, failures, tuple(lines)


def _has_ended(worker: Worker, now: float) -> bool:
    return worker.phase is not WorkerPhase.PARKING or worker.deadline_at <= now


def _measured(worker: Worker, policy: WorkloadPolicy, taken_seconds: float) -> LeadTimeMeasurement:
    return LeadTimeMeasurement(
        key=park_key(policy),
        at=worker.decided_at + taken_seconds,
        seconds=taken_seconds,
        ready=worker.phase is WorkerPhase.PARKED,
        failed=worker.phase is WorkerPhase.FAILED,
    )


_PHASES = {
    WorkerPhase.PARKING: Phase.RESTORING,
    WorkerPhase.PARKED: Phase.READY,
    WorkerPhase.FAILED: Phase.FAILED,
}


def _as_start(worker: Worker) -> Replica:
    """Return a host part as the rules see it that know only starts: parked is its ready."""
    return Replica(
        name=worker.name,
        workload=worker.workload,
        node=worker.node,
        kind=StartKind.RESTORE,
        phase=_PHASES[worker.phase],
        decided_at=worker.decided_at,
        started_at=worker.decided_at,
        deadline_at=worker.deadline_at,
        gpus=worker.gpus,
        attempt=worker.attempt,
        ready_at=worker.parked_at,
        failure=worker.failure,
    )
