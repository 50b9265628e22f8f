"""The caches of nodes and pods, and the view of the cluster through them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller.adapters.kubernetes.cache import ListAndWatch, ObjectCache
from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.claims import CLAIM_SECONDS
from controller.adapters.kubernetes.dues import due_of
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import View
from controller.adapters.kubernetes.names import POOL
from controller.adapters.kubernetes.nodes import NodeRules
from controller.adapters.kubernetes.pod_index import PodIndex
from controller.adapters.kubernetes.pods import is_ours
from controller.adapters.kubernetes.remembered import Remembered
from controller.adapters.kubernetes.rendered import RenderedReplicas
from controller.adapters.kubernetes.target_view import TargetView
from controller.cluster_view import ReplicaName
from controller.errors import ClusterUnavailableError
from controller.policy import Mode, WorkloadPolicy

#: Pods seen to go are remembered, so that their claims end at once; so many are enough.
_MOST_GONE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """``agent_label``: key and value of the label of snapshot agents, None: look for none."""

    agent_label: tuple[str, str] | None = None
    claim_seconds: float = CLAIM_SECONDS


class WatchedObjects:
    """Nodes with the pool's label, and all pods; ``policies`` returns those in force."""

    def __init__(
        self,
        api: ListAndWatch,
        policies: Callable[[], Sequence[WorkloadPolicy]],
        settings: ClusterSettings,
        *,
        clock: Callable[[], float],
        luck: Callable[[], float],
    ) -> None:
        """Know nothing yet."""
        self.policies, self.settings, self.clock = policies, settings, clock
        self._gone: dict[str, None] = {}
        self._rendered = RenderedReplicas()
        self._dues = Remembered(due_of)
        self._index = PodIndex()
        self._confirmed: int | None = None
        self._confirming = asyncio.Lock()
        self._targets: Callable[[float], TargetView] = lambda _now: TargetView()
        pool = {"labelSelector": POOL}
        living = {"fieldSelector": "status.phase!=Succeeded"}
        self.nodes = ObjectCache(api, "/api/v1/nodes", pool, clock=clock, luck=luck)
        self.pods = ObjectCache(api, "/api/v1/pods", living, clock=clock, luck=luck)
        self.pods.subscribe(self._note)

    def show(self, targets: Callable[[float], TargetView]) -> None:
        """Have the view show the replicas of targets that scale themselves, too."""
        self._targets = targets

    @property
    def caches(self) -> Sequence[ObjectCache]:
        """What is to be run."""
        return (self.nodes, self.pods)

    async def confirm(self, epoch: int) -> None:
        """Have everything read anew once in each epoch of our leadership.

        Raises:
            ClusterUnavailableError: if it can't be.
        """
        async with self._confirming:
            if epoch == self._confirmed or not self.is_synced:
                return
            await asyncio.gather(*(cache.confirm() for cache in self.caches))
            self._confirmed = epoch

    @property
    def is_synced(self) -> bool:
        """Whether everything has been read once."""
        return all(cache.is_synced for cache in self.caches)

    def view(self) -> View:
        """Return what is known now.

        Raises:
            ClusterUnavailableError: before everything has been seen once.
        """
        missing = [cache.path for cache in self.caches if not cache.is_synced]
        if missing:
            raise ClusterUnavailableError(f"{' and '.join(missing)}: not read yet")
        now, policies = self.clock(), self.policies()
        return View(
            nodes=self.nodes.objects,
            pods=self.pods.objects,
            now=now,
            seen_at=min(cache.fresh_at(now) for cache in self.caches),
            gone=frozenset(self._gone),
            rules=tuple(
                NodeRules(workload=one.workload, selector=one.standby.node_selector)
                for one in policies
            ),
            acting=frozenset(one.workload for one in policies if one.mode is Mode.ACT),
            agent_label=self.settings.agent_label,
            targets=self._targets(now),
            rendered=self._rendered,
            dues=self._dues,
            index=self._index,
            gpus_per_replica=min((one.standby.gpus_per_replica for one in policies), default=1),
        )

    def pod_of(self, replica: ReplicaName) -> Json | None:
        """Return the pod that is a replica of ours."""
        key = self._index.pod_of(replica)
        return self.pods.objects[key] if key is not None else None

    def _note(self, kind: str, pod: Json, _: float) -> None:
        self._index.take(kind, pod)
        if kind == "DELETED" or not is_ours(pod):
            self._rendered.forget(key_of(pod))
            self._dues.forget(key_of(pod))
        if not is_ours(pod):
            return
        self._gone.pop(key_of(pod), None)
        if kind == "DELETED":
            self._gone[key_of(pod)] = None
            while len(self._gone) > _MOST_GONE:
                del self._gone[next(iter(self._gone))]
