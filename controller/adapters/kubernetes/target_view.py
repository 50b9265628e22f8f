"""What a view of the cluster shows of targets that scale themselves."""

from __future__ import annotations

from dataclasses import dataclass

from controller.cluster_view import Replica


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """The replicas of all targets, and the keys of the pods that they are."""

    replicas: tuple[Replica, ...] = ()
    pods: frozenset[str] = frozenset()
