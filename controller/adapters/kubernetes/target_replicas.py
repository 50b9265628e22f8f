"""The pods of a target that scales itself, as replicas. Pure.

Nobody but their owner creates or deletes them, so what a start of ours would have written on its
pod is reckoned here: when the start was decided, and when it was ready first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.adapters.kubernetes.drivers.driver import Progress, Stage
from controller.adapters.kubernetes.drivers.known import DRIVERS
from controller.adapters.kubernetes.drivers.nvidia_snapshot import RESTORE_FROM
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import (
    annotations_of,
    condition_of,
    is_true,
    seconds_of,
)
from controller.adapters.kubernetes.pods import bound_node, gpus_of, has_ended, is_terminating
from controller.cluster_view import NodeName, Phase, Replica, ReplicaName, StartKind
from controller.policy import WorkloadPolicy

#: How much later than the server's second a watch may tell of it and be believed.
_LATEST_NEWS_SECONDS = 2.0
#: An ended pod's owner has replaced it; it counts as failed for so long, to be learned from.
_ENDED_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PodLife:
    """What is remembered of a target's pod, in seconds since the epoch.

    ``was_there``: it was past its start when it was first seen, so nothing is known of that.
    """

    decided_at: float
    ready_at: float | None = None
    ended_at: float | None = None
    was_there: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked of a target: its scale's number, and what its owner is to make of it.

    ``retired`` are the uids of pods that are to go first, ``owed`` the times at which plans asked
    for replicas that are still to come.
    """

    replicas: int
    retired: frozenset[str] = frozenset()
    owed: tuple[float, ...] = ()


def begun(pod: Json, decided_at: float | None, *, is_first_look: bool, now: float) -> PodLife:
    """Return the life of a pod that is seen for the first time.

    ``decided_at`` is when a plan first asked for it, None if no plan did.
    """
    created = created_at(pod)
    is_old = is_first_look and (is_serving(pod) or has_ended(pod))
    if is_old or created is None:
        at = created if created is not None else now
        return PodLife(decided_at=at, ready_at=at, ended_at=at, was_there=True)
    return PodLife(decided_at=decided_at if decided_at is not None else created)


def lived(life: PodLife, pod: Json, heard_at: float) -> PodLife:
    """Return a pod's life once it has been seen as it is now; ``heard_at`` is when it changed."""
    if life.ready_at is None and is_serving(pod):
        told = seconds_of(condition_of(pod, "Ready").get("lastTransitionTime"))
        is_fresh = told is None or told <= heard_at <= told + _LATEST_NEWS_SECONDS
        life = replace(life, ready_at=heard_at if is_fresh else told)
    if life.ended_at is None and has_ended(pod):
        life = replace(life, ended_at=heard_at)
    return life


def created_at(pod: Json) -> float | None:
    """Return when the server created a pod."""
    return seconds_of(pod["metadata"].get("creationTimestamp"))


def is_alive(pod: Json) -> bool:
    """Say whether a pod counts among those that its owner was asked for."""
    return not is_terminating(pod) and not has_ended(pod)


def is_serving(pod: Json) -> bool:
    """Say whether a pod is ready; one that waits for its snapshot is not, whatever its probes."""
    if not is_true(pod, "Ready") or is_terminating(pod):
        return False
    return RESTORE_FROM not in annotations_of(pod) or _progress(pod).stage is Stage.RESTORED


def replicas_of(
    policy: WorkloadPolicy,
    asked: Asked,
    pods: Sequence[Json],
    lives: Mapping[str, PodLife],
    now: float,
) -> tuple[Replica, ...]:
    """Return a target's replicas: its pods, and those that were asked for and are still to come.

    ``lives`` goes by the pods' uids.
    """
    alive = [pod for pod in pods if is_alive(pod)]
    # Its owner is about to delete them: those that are not ready first, then those we named.
    order = sorted(
        alive, key=lambda p: (is_serving(p), _uid(p) not in asked.retired, -(created_at(p) or 0.0))
    )
    going = frozenset(_uid(pod) for pod in order[: max(0, len(alive) - asked.replicas)])
    found = [
        _replica(policy, pod, lives[_uid(pod)], is_going=_uid(pod) in going, now=now)
        for pod in pods
    ]
    present = tuple(one for one in found if one is not None)
    return (*present, *_to_come(policy, asked.replicas - len(alive), asked.owed, now))


def pod_key_of(replica: ReplicaName, policy: WorkloadPolicy) -> str:
    """Return ``namespace/name`` of the pod that a target's replica is."""
    namespace = policy.workload.rpartition("/")[0]
    return f"{namespace}/{replica.rpartition('/')[2]}"


def _to_come(
    policy: WorkloadPolicy, count: int, owed: Sequence[float], now: float
) -> Iterator[Replica]:
    for number in range(count):
        at = owed[number] if number < len(owed) else now
        yield Replica(
            # No pod is called so.
            name=ReplicaName(f"{policy.workload}/+{number + 1}"),
            workload=policy.workload,
            node=NodeName(""),
            kind=StartKind.RESTORE,
            phase=Phase.RESTORING,
            decided_at=at,
            started_at=at,
            deadline_at=at + policy.restore.timeout_seconds,
            gpus=policy.standby.gpus_per_replica,
        )


def _replica(
    policy: WorkloadPolicy, pod: Json, life: PodLife, *, is_going: bool, now: float
) -> Replica | None:
    found = _phase(pod, life, is_going=is_going, now=now)
    if found is None:
        return None
    phase, failure = found
    created = created_at(pod)
    return Replica(
        # Several policies may look at one target, and each has replicas of its own.
        name=ReplicaName(f"{policy.workload}/{pod['metadata']['name']}"),
        workload=policy.workload,
        node=bound_node(pod) or NodeName(""),
        kind=StartKind.RESTORE,
        phase=phase,
        decided_at=life.decided_at,
        started_at=max(life.decided_at, created if created is not None else 0.0),
        deadline_at=life.decided_at + policy.restore.timeout_seconds,
        gpus=gpus_of(pod),
        ready_at=life.ready_at,
        failure=failure,
    )


def _phase(pod: Json, life: PodLife, *, is_going: bool, now: float) -> tuple[Phase, str] | None:
    was_ready = life.ready_at is not None
    if is_terminating(pod) or (is_going and not has_ended(pod)):
        return (Phase.DRAINING, "") if was_ready else None
    if has_ended(pod):
        ended = life.ended_at
        is_news = ended is not None and now - ended < _ENDED_SECONDS and not life.was_there
        return (Phase.FAILED, _end_of(pod)) if is_news else None
    if is_serving(pod):
        return Phase.READY, ""
    if was_ready:
        # Out of the count, and not given up: whether it comes back is its owner's affair.
        return Phase.DRAINING, ""
    progress = _progress(pod)
    if progress.stage is Stage.FAILED:
        return Phase.FAILED, progress.failure
    return Phase.RESTORING, ""


def _progress(pod: Json) -> Progress:
    """Return what any agent says of a pod: which one restores it is its template's affair."""
    found = (driver.progress(pod) for driver in DRIVERS.values())
    told = (one for one in found if one.stage is not Stage.UNDER_WAY)
    return next(told, Progress(stage=Stage.UNDER_WAY))


def _end_of(pod: Json) -> str:
    status = pod["status"]
    told = [str(status[key]) for key in ("reason", "message") if status.get(key)]
    return ": ".join(told) or f"the pod is {status.get('phase')}"


def _uid(pod: Json) -> str:
    return str(pod["metadata"].get("uid", ""))
