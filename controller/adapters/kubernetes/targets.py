"""What is known of the targets that scale themselves, from their scales and their pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import labels_of
from controller.adapters.kubernetes.scale_reads import Scale, ScaleReads
from controller.adapters.kubernetes.target_replicas import (
    Asked,
    PodLife,
    begun,
    created_at,
    is_alive,
    lived,
    replicas_of,
)
from controller.adapters.kubernetes.target_view import TargetView
from controller.cluster_view import Phase, Replica
from controller.policy import Mode, WorkloadPolicy
from controller.tick_report import TickReport
from models.forecast import WorkloadName

#: For so long a look is good while nothing changes but the time.
_GOOD_SECONDS = 1.0


@dataclass(slots=True)
class _Memory:
    """Of one target: lives of pods and who is retired, by uid; when plans asked for more."""

    lives: dict[str, PodLife] = field(default_factory=dict)
    retired: frozenset[str] = frozenset()
    owed: tuple[float, ...] = ()
    is_seen: bool = False


class Targets:
    """``seen`` renders; ``take`` is to be told of each tick, to know when starts were decided."""

    def __init__(
        self,
        pods: ObjectCache,
        scales: ScaleReads,
        policies: Callable[[], Sequence[WorkloadPolicy]],
    ) -> None:
        """Know nothing yet."""
        self._pods, self._scales, self._policies = pods, scales, policies
        self._memories: dict[WorkloadName, _Memory] = {}
        self._told = 0
        self._seen: tuple[object, float, TargetView] = (None, 0.0, TargetView())

    def take(self, report: TickReport, hindered: Collection[WorkloadName]) -> None:
        """Note which starts a tick's plans asked for that do not exist yet.

        None of those ``hindered``: when somebody else adds a pod, that says nothing of our starts.
        """
        if report.fleet is None:
            return
        present: dict[WorkloadName, int] = defaultdict(int)
        for replica in report.fleet.replicas:
            if replica.phase in (Phase.READY, Phase.RESTORING) and not _is_to_come(replica):
                present[replica.workload] += 1
        for plan in report.plans:
            if report.modes.get(plan.workload) is Mode.ACT:
                missing = plan.target - present[plan.workload]
                self.owe(plan.workload, 0 if plan.workload in hindered else missing, plan.at)

    def owe(self, workload: WorkloadName, missing: int, at: float) -> None:
        """Note that so many replicas are wanted at ``at`` that do not exist yet."""
        memory = self._memories.get(workload)
        if memory is not None:
            new = (at,) * (missing - len(memory.owed))
            memory.owed = (*memory.owed[: max(0, missing)], *new)
            self._told += 1

    def retire(self, workload: WorkloadName, uids: frozenset[str]) -> None:
        """Note whom a target's owner was told to let go first."""
        self._memories.setdefault(workload, _Memory()).retired = uids
        self._told += 1

    def newest_ready_at(self, workload: WorkloadName) -> float:
        """Return when a replica of a target last became ready, minus infinity before."""
        memory = self._memories.get(workload)
        lives = memory.lives.values() if memory is not None else ()
        return max(
            (life.ready_at for life in lives if life.ready_at is not None), default=float("-inf")
        )

    def pods_of(self, policy: WorkloadPolicy) -> tuple[Json, ...]:
        """Return a target's pods as they are now."""
        scale = self._scales.known.get(policy.workload)
        if scale is None:
            return ()
        index = _Index(self._pods.objects, [scale])
        keys = index.selected(policy.workload.rpartition("/")[0], scale)
        return tuple(self._pods.objects[key] for key in keys)

    def seen(self, now: float) -> TargetView:
        """Return what there is now; by the clock alone it changes but slowly."""
        policies = tuple(self._policies())
        version = (self._pods.changes, self._scales.changes, self._told, policies)
        known, at, view = self._seen
        if known != version or not at <= now < at + _GOOD_SECONDS:
            view = self._looked(now)
            self._seen = (version, now, view)
        return view

    def _looked(self, now: float) -> TargetView:
        targets = [policy for policy in self._policies() if policy.scale_target is not None]
        known = [
            (policy, scale)
            for policy in targets
            if (scale := self._scales.known.get(policy.workload)) is not None
        ]
        wanted = {policy.workload for policy in targets}
        self._memories = {name: one for name, one in self._memories.items() if name in wanted}
        if not known:
            return TargetView()
        index = _Index(self._pods.objects, [scale for _, scale in known])
        replicas: list[Replica] = []
        pods: set[str] = set()
        for policy, scale in known:
            keys = index.selected(policy.workload.rpartition("/")[0], scale)
            found = self._rendered(policy, scale, keys, now)
            shown = {one.name.rpartition("/")[2] for one in found}
            pods |= {key for key in keys if key.rpartition("/")[2] in shown}
            replicas += found
        return TargetView(replicas=tuple(replicas), pods=frozenset(pods))

    def _rendered(
        self, policy: WorkloadPolicy, scale: Scale, keys: Sequence[str], now: float
    ) -> tuple[Replica, ...]:
        memory = self._memories.setdefault(policy.workload, _Memory())
        objects = self._pods.objects
        pods = sorted(
            (objects[key] for key in keys),
            key=lambda pod: (created_at(pod) or 0.0, pod["metadata"]["name"]),
        )
        lives: dict[str, PodLife] = {}
        for pod in pods:
            uid = str(pod["metadata"].get("uid", ""))
            life = memory.lives.get(uid) or self._begun(policy, memory, pod, now)
            heard = self._pods.received_at(_key(pod))
            lives[uid] = lived(life, pod, heard if heard is not None else now)
        memory.lives, memory.is_seen = lives, True
        memory.retired &= frozenset(lives)
        asked = Asked(replicas=scale.replicas, retired=memory.retired, owed=memory.owed)
        return replicas_of(policy, asked, pods, lives, now)

    def _begun(self, policy: WorkloadPolicy, memory: _Memory, pod: Json, now: float) -> PodLife:
        """Return the life of a new pod: the start that has been owed longest has come."""
        decided = None
        if memory.is_seen and memory.owed and is_alive(pod):
            decided, memory.owed = memory.owed[0], memory.owed[1:]
            created = created_at(pod)
            # A pod that came so late is no answer to that plan.
            late = created is not None and created - decided > policy.restore.timeout_seconds
            decided = None if late else decided
        return begun(pod, decided, is_first_look=not memory.is_seen, now=now)


class _Index:
    """Pods by namespace and by the labels that selectors go by."""

    def __init__(self, pods: Mapping[str, Json], scales: Sequence[Scale]) -> None:
        self._pods = pods
        wanted = {anchor for scale in scales for anchor in scale.selector.anchors}
        names = {key for key, _ in wanted}
        self._by_label: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        self._by_namespace: dict[str, list[str]] = defaultdict(list)
        is_needed = any(not scale.selector.anchors for scale in scales)
        for key, pod in pods.items():
            namespace, labels = key.partition("/")[0], labels_of(pod)
            if is_needed:
                self._by_namespace[namespace].append(key)
            for name in names & labels.keys():
                if (name, labels[name]) in wanted:
                    self._by_label[namespace, name, labels[name]].append(key)

    def selected(self, namespace: str, scale: Scale) -> list[str]:
        """Return the keys of the pods that a scale counts."""
        anchors = scale.selector.anchors
        near = [key for name, value in anchors for key in self._by_label[namespace, name, value]]
        candidates = near if anchors else self._by_namespace[namespace]
        return [key for key in candidates if scale.selector.matches(labels_of(self._pods[key]))]


def _is_to_come(replica: Replica) -> bool:
    return replica.name.rpartition("/")[2].startswith("+")


def _key(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"
