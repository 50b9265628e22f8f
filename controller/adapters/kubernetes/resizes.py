"""A target's replicas set as a plan says: who goes first is marked, and what failed is evicted."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.actions import Resize
from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.errors import RefusedError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import annotations_of
from controller.adapters.kubernetes.pods import has_ended
from controller.adapters.kubernetes.scale_owners import (
    Obstacle,
    TargetName,
    autoscaler,
    owners,
    target_of,
)
from controller.adapters.kubernetes.scale_reads import ScaleReads
from controller.adapters.kubernetes.target_replicas import is_alive, pod_key_of
from controller.adapters.kubernetes.targets import Targets
from controller.adapters.kubernetes.watched_objects import WatchedObjects
from controller.adapters.kubernetes.writes import Writes
from controller.cluster_view import ReplicaName
from controller.errors import ActionRefusedError
from controller.policy import Actuator, Mode, WorkloadPolicy
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)

AUTOSCALERS = "/apis/autoscaling/v2/horizontalpodautoscalers"
#: ReplicaSets delete the pod first for which this is least; of those that are ready, that is.
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_FIRST_TO_GO = "-1000"
#: What failed is evicted at once, then later and later while nothing becomes ready in between.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 5.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Retries:
    """Evictions of failed replicas in a row, when the last was, and when the next may be."""

    count: int = 0
    at: float = 0.0
    not_before: float = 0.0


class Resizes:
    """Carries out resizes; ``obstacles`` says whose target is to be left alone, and why."""

    def __init__(
        self,
        objects: WatchedObjects,
        writes: Writes,
        scales: ScaleReads,
        targets: Targets,
        autoscalers: ObjectCache,
    ) -> None:
        """Decide by the caches, act by ``writes`` and ``scales``."""
        self._objects, self._writes = objects, writes
        self._scales, self._targets, self._autoscalers = scales, targets, autoscalers
        self._retries: dict[WorkloadName, _Retries] = {}

    def obstacles(self) -> Mapping[WorkloadName, Obstacle]:
        """Return by workload why its target is left alone, for those that it is."""
        policies = self._objects.policies()
        owned = owners(policies)
        found = {policy.workload: self._obstacle(policy, owned) for policy in policies}
        return {name: one for name, one in found.items() if one is not None}

    async def resize(self, resize: Resize) -> None:
        """Set a target's replicas, and have replaced what failed.

        Raises:
            ActionRefusedError: if the target is not ours to change, or is not there.
        """
        policies = self._objects.policies()
        policy = next((one for one in policies if one.workload == resize.workload), None)
        if policy is None or policy.actuator is not Actuator.SCALE:
            raise ActionRefusedError(f"{resize.workload}: has no target to scale any more")
        obstacle = self._obstacle(policy, owners(policies))
        if obstacle is not None:
            raise ActionRefusedError(f"{resize.workload}: {obstacle.message}")
        scale = self._scales.known[resize.workload]
        if resize.replicas < scale.replicas:
            await self._mark(policy, resize.retired)
        else:
            alive = sum(map(is_alive, self._targets.pods_of(policy)))
            self._targets.owe(resize.workload, resize.replicas - alive, resize.decided_at)
        is_changed = await self._scales.write(policy, resize.replicas, self._writes.patch_scale)
        # A target that shrinks lets go first of what is not ready.
        if not (is_changed and resize.replicas < scale.replicas):
            await self._retry(policy, resize.retried)

    def _obstacle(
        self, policy: WorkloadPolicy, owned: Mapping[TargetName, WorkloadName]
    ) -> Obstacle | None:
        target = target_of(policy)
        if target is None or policy.mode is not Mode.ACT or policy.actuator is Actuator.PODS:
            return None
        if policy.workload not in self._scales.known:
            why = self._scales.troubles.get(policy.workload, "its scale has not been read yet")
            return Obstacle(reason="TargetUnknown", message=why)
        if policy.actuator is Actuator.KEDA:
            return None
        if not self._autoscalers.is_synced:
            why = self._autoscalers.trouble or "autoscalers have not been read yet"
            return Obstacle(reason="OwnerUnknown", message=why)
        if self._scales.is_contested(policy.workload):
            text = f"somebody else keeps changing the replicas of {target.kind} {target.name}"
            return Obstacle(reason="OwnedByAnother", message=text)
        owner = owned.get(target, policy.workload)
        if owner != policy.workload:
            text = f"policy {owner} has the same target"
            return Obstacle(reason="OwnedByAnother", message=text)
        return autoscaler(target, self._autoscalers.objects.values())

    async def _mark(self, policy: WorkloadPolicy, retired: Sequence[ReplicaName]) -> None:
        """Have the target's owner let go of those first; it may not heed it, or not be told."""
        uids = set()
        for pod in self._named(policy, retired):
            uids.add(str(pod["metadata"]["uid"]))
            if annotations_of(pod).get(DELETION_COST) == _FIRST_TO_GO:
                continue
            body = {"metadata": {"annotations": {DELETION_COST: _FIRST_TO_GO}}}
            try:
                await self._writes.patch_pod_status(pod, body)
            except RefusedError:
                continue
        self._targets.retire(policy.workload, frozenset(uids))

    async def _retry(self, policy: WorkloadPolicy, retried: Sequence[ReplicaName]) -> None:
        """Evict what failed, so that its owner starts another."""
        now, name = self._objects.clock(), policy.workload
        pods = [pod for pod in self._named(policy, retried) if not has_ended(pod)]
        if not pods:
            return
        known = self._retries.get(name, _Retries())
        if now < known.not_before:
            return
        if self._targets.newest_ready_at(name) > known.at:
            known = _Retries()
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(known.count, 16))
        self._retries[name] = _Retries(count=known.count + 1, at=now, not_before=now + pause)
        for pod in pods:
            try:
                await self._writes.evict_pod(pod)
            except RefusedError as error:
                _log.info("%s: what failed is not evicted yet: %s", name, error)

    def _named(self, policy: WorkloadPolicy, names: Sequence[ReplicaName]) -> list[Json]:
        known = self._objects.pods.objects
        found = (known.get(pod_key_of(name, policy)) for name in names)
        return [pod for pod in found if pod is not None]
