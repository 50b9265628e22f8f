"""A Kubernetes cluster behind the Cluster port: caches rendered, actions as claims and pods."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from controller.actions import Action, Cancel, Park, Promote, Release, Resize, Start, Unpark
from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.drivers.known import DRIVERS as _BY_NAME
from controller.adapters.kubernetes.errors import ConflictError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import fleet_of
from controller.adapters.kubernetes.housekeeping import Housekeeping
from controller.adapters.kubernetes.nodes import is_ready_node
from controller.adapters.kubernetes.pods import drain_until, is_terminating, pinned_node, replica_of
from controller.adapters.kubernetes.replicas import replica_from_pod
from controller.adapters.kubernetes.resizes import AUTOSCALERS, Resizes
from controller.adapters.kubernetes.scale_owners import Obstacle
from controller.adapters.kubernetes.scale_reads import ScaleReads
from controller.adapters.kubernetes.serving import as_seen, drain_patch
from controller.adapters.kubernetes.starts import Starts
from controller.adapters.kubernetes.targets import Targets
from controller.adapters.kubernetes.watched_objects import ClusterSettings, WatchedObjects
from controller.adapters.kubernetes.writes import ClusterApi, Leader, Writes
from controller.cluster_view import Fleet, Phase
from controller.errors import ActionRefusedError
from controller.policy import WorkloadPolicy
from controller.tick_report import TickReport
from models.forecast import WorkloadName

#: The names of the restore drivers that can act on this cluster; with Scale, templates restore.
DRIVERS: tuple[str, ...] = (*_BY_NAME, "Scale")

#: A pod that starts is written to by several at once; what matters shows at the first look.
_MOST_LOOKS = 5


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
        self._leader = leader
        self._objects = WatchedObjects(
            api, policies, settings or ClusterSettings(), clock=clock, luck=luck
        )
        self._writes = Writes(api, self._objects, leader)
        self._starts = Starts(self._objects, self._writes)
        self._housekeeping = Housekeeping(self._objects, self._writes, leader)
        self._scales = ScaleReads(api, policies, clock)
        self._targets = Targets(self._objects.pods, self._scales, policies)
        self._objects.show(self._targets.seen)
        self._autoscalers = ObjectCache(api, AUTOSCALERS, clock=clock, luck=luck)
        self._resizes = Resizes(
            self._objects, self._writes, self._scales, self._targets, self._autoscalers
        )

    @property
    def caches(self) -> Sequence[ObjectCache]:
        """What the cluster is seen through."""
        return (*self._objects.caches, self._autoscalers)

    def obstacles(self) -> Mapping[WorkloadName, Obstacle]:
        """Return whose target must be left alone now, and why."""
        return self._resizes.obstacles()

    def refused_starts(self) -> Mapping[WorkloadName, Obstacle]:
        """Return whose pods were refused last, and why."""
        return self._starts.obstacles()

    def take(self, report: TickReport) -> None:
        """Take in what a tick decided; to be subscribed to the loop's reports."""
        self._targets.take(report, self.obstacles())

    async def run_forever(self) -> None:
        """Do what can't wait for a tick, or belongs to none, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._housekeeping.run_forever())
            tasks.create_task(self._scales.run_forever())
            tasks.create_task(self._starts.run_forever())

    async def observe(self) -> Fleet:
        """Return what exists now, as of when the watches were heard.

        Who has just begun to lead reads everything once more: what the one before did last may
        not have come by the watches yet.

        Raises:
            ClusterUnavailableError: before everything has been seen.
        """
        if self._leader.is_held():
            await self._objects.confirm(self._leader.epoch)
        return self._starts.shown_on(fleet_of(self._objects.view()))

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
            case Resize():
                await self._resizes.resize(action)
            case Park() | Promote() | Unpark():
                raise ActionRefusedError(f"{action.name}: a pod is restored in one stage")

    async def _release(self, release: Release) -> None:
        pod = self._objects.pod_of(release.name)
        if pod is None:
            raise ActionRefusedError(f"replica {release.name} is gone")
        if not is_terminating(pod) and drain_until(pod) is None:
            now = self._objects.clock()
            until = now + release.drain_seconds
            await self._as_decided(
                pod,
                lambda seen: self._writes.patch_pod_status(
                    seen, as_seen(drain_patch(until, now), seen)
                ),
            )

    async def _cancel(self, cancel: Cancel) -> None:
        # Without a pod there is at most a claim, which ends by itself.
        pod = self._objects.pod_of(cancel.name)
        if pod is not None and not is_terminating(pod):
            await self._as_decided(pod, self._writes.delete_pod)

    async def _as_decided(self, pod: Json, write: Callable[[Json], Awaitable[None]]) -> None:
        """Write upon a pod as it was seen; one that has changed must at least mean the same."""
        metadata, meant = pod["metadata"], self._meaning(pod)
        for _ in range(_MOST_LOOKS - 1):
            try:
                return await write(pod)
            except ConflictError as error:
                pod = await self._writes.read_pod(metadata["namespace"], metadata["name"])
                if self._meaning(pod) != meant:
                    why = f"replica {replica_of(pod)} has changed since it was seen"
                    raise ActionRefusedError(why) from error
        return await write(pod)

    def _meaning(self, pod: Json) -> tuple[str, Phase | None]:
        """Return what decisions upon a pod rest on."""
        name = pinned_node(pod)
        node = self._objects.nodes.objects.get(name or "")
        ready = {name: is_ready_node(node)} if name and node else {}
        replica = replica_from_pod(pod, ready)
        return pod["metadata"]["uid"], replica.phase if replica is not None else None
