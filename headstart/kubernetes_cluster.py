"""What the wiring asks of a cluster that is watched, and what it gives one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.actions import Action
from controller.adapters.kubernetes.api import KubernetesApi
from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.cluster import DRIVERS, KubernetesCluster
from controller.adapters.kubernetes.lease import Leadership
from controller.adapters.kubernetes.policies import WatchedPolicies
from controller.adapters.kubernetes.scale_owners import Obstacle
from controller.adapters.kubernetes.watched_objects import ClusterSettings
from controller.cluster_view import Fleet
from controller.tick_report import TickReport
from models.forecast import WorkloadName


class RunningCluster(Protocol):
    """The Cluster port of what is watched; ``caches`` and ``run_forever`` are to be run."""

    @property
    def caches(self) -> Sequence[ObjectCache]:
        """What it is seen through."""
        ...

    async def observe(self) -> Fleet:
        """Return what exists now."""
        ...

    async def act(self, action: Action) -> None:
        """Have the cluster accept one action."""
        ...

    def obstacles(self) -> Mapping[WorkloadName, Obstacle]:
        """Return whose target must be left alone now, and why."""
        ...

    def refused_starts(self) -> Mapping[WorkloadName, Obstacle]:
        """Return whose pods were refused last, and why."""
        ...

    def take(self, report: TickReport) -> None:
        """Take in what a tick decided."""
        ...

    async def run_forever(self) -> None:
        """Do what can't wait for a tick, until cancelled."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNeeds:
    """What a cluster is made of; ``clock`` in seconds since the epoch, ``luck`` in [0, 1).

    ``agent_label``: of the pods without which nothing is restored on a node; None: look for none.
    """

    api: KubernetesApi
    leadership: Leadership
    policies: WatchedPolicies
    clock: Callable[[], float]
    luck: Callable[[], float]
    agent_label: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKind:
    """How a cluster is made, and the names of the drivers that can act on it."""

    make: Callable[[ClusterNeeds], RunningCluster]
    drivers: tuple[str, ...]


def cluster_kind() -> ClusterKind:
    """Return the cluster of nodes with the pool's label, and of pods."""
    return ClusterKind(make=_watched_cluster, drivers=DRIVERS)


def _watched_cluster(needs: ClusterNeeds) -> RunningCluster:
    return KubernetesCluster(
        needs.api,
        needs.leadership,
        lambda: needs.policies.book.in_force,
        clock=needs.clock,
        luck=needs.luck,
        settings=ClusterSettings(agent_label=needs.agent_label),
    )
