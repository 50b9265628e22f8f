"""The part of a plan that is about workers without GPUs, where restores have two stages."""

from __future__ import annotations

from dataclasses import dataclass

from controller.cluster_view import NodeName, ReplicaName


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A parked worker whose device part starts now, and the node whose GPU it takes.

    ``attempt`` is more than 1 if it takes the place of a device part that failed.
    """

    name: ReplicaName
    node: NodeName
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A worker without a GPU that goes, from which node's memory and why."""

    name: ReplicaName
    node: NodeName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingPlan:
    """How many workers there shall be, and what follows from it.

    ``target`` counts those that have GPUs, too. It covers the demand of ``lead_time_seconds``, in
    which a worker is parked and promoted, in the share ``quantile_level`` of outcomes. ``parking``
    and ``parked`` is what there is. ``parks`` begin now, ``waiting`` should but find no room;
    ``promotions`` are those of the plan's starts that were parked, ``cold`` others are cold, and
    what is left has nobody to carry it out; ``unparks`` are dropped.
    """

    target: int
    lead_time_seconds: float
    quantile_level: float
    parking: int = 0
    parked: int = 0
    parks: int = 0
    waiting: int = 0
    cold: int = 0
    promotions: tuple[Promotion, ...] = ()
    unparks: tuple[Dropped, ...] = ()
