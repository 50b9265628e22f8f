"""A Kubernetes cluster behind the Cluster port: caches rendered, actions as claims and pods."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.actions import Action, Cancel, Release, Start
from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.drivers.known import DRIVERS as _BY_NAME
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import fleet_of
from controller.adapters.kubernetes.housekeeping import Housekeeping
from controller.adapters.kubernetes.pods import drain_until, is_ours, is_terminating, replica_of
from controller.adapters.kubernetes.serving import drain_patch
from controller.adapters.kubernetes.starts import Starts
from controller.adapters.kubernetes.watched_objects import ClusterSettings, WatchedObjects
from controller.adapters.kubernetes.writes import ClusterApi, Leader, Writes
from controller.cluster_view import Fleet, ReplicaName
from controller.errors import ActionRefusedError
from controller.policy import WorkloadPolicy

#: The names of the restore drivers that can act on this cluster.
DRIVERS: tuple[str, ...] = tuple(_BY_NAME)


class KubernetesCluster:
    """Nodes with the pool's label and pods of ours; ``caches`` and ``run_forever`` are to be run.

    ``policies`` returns those in force, whose workloads are named ``namespace/name``; ``clock``
    gives seconds since the epoch, ``luck`` draws from [0, 1).
    """

    def __init__(
        self,
        api: ClusterApi,
        leader: Leader,
        policies: Callable[[], Sequence[WorkloadPolicy]],
        *,
        clock: Callable[[], float],
        luck: Callable[[], float],
        settings: ClusterSettings | None = None,
    ) -> None:
        """Know nothing yet."""
        self._objects = WatchedObjects(
            api, policies, settings or ClusterSettings(), clock=clock, luck=luck
        )
        self._writes = Writes(api, self._objects, leader)
        self._starts = Starts(self._objects, self._writes)
        self._housekeeping = Housekeeping(self._objects, self._writes, leader)

    @property
    def caches(self) -> Sequence[ObjectCache]:
        """What the cluster is seen through."""
        return self._objects.caches

    async def run_forever(self) -> None:
        """Open gates, evict what has drained and mark nodes, until cancelled."""
        await self._housekeeping.run_forever()

    async def observe(self) -> Fleet:
        """Return what exists now, as of when the watches were heard.

        Raises:
            ClusterUnavailableError: before everything has been seen once.
        """
        return fleet_of(self._objects.view())

    async def act(self, action: Action) -> None:
        """Have the cluster accept one action.

        Raises:
            ActionRefusedError: if it can't be done any more, or we do not lead.
            ClusterUnavailableError: if the API server does not answer.
        """
        match action:
            case Start():
                await self._starts.start(action)
            case Release():
                await self._release(action)
            case Cancel():
                await self._cancel(action)

    async def _release(self, release: Release) -> None:
        pod = self._pod(release.name)
        if pod is None:
            raise ActionRefusedError(f"replica {release.name} is gone")
        if is_terminating(pod) or drain_until(pod) is not None:
            return
        now = self._objects.clock()
        body = drain_patch(now + release.drain_seconds, now)
        await self._writes.patch_pod_status(pod, body)

    async def _cancel(self, cancel: Cancel) -> None:
        # Without a pod there is at most a claim, which ends by itself.
        pod = self._pod(cancel.name)
        if pod is not None and not is_terminating(pod):
            await self._writes.delete_pod(pod)

    def _pod(self, name: ReplicaName) -> Json | None:
        for pod in self._objects.pods.objects.values():
            if is_ours(pod) and replica_of(pod) == name:
                return pod
        return None
