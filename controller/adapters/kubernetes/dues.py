"""What pods of ours ask for between ticks, read once from each state of a pod."""

from __future__ import annotations

import math
from dataclasses import dataclass

from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.names import condition_of, seconds_of
from controller.adapters.kubernetes.pods import (
    bound_node,
    containers_ready,
    drain_until,
    has_ended,
    is_serving,
    is_terminating,
    workload_of,
)
from controller.adapters.kubernetes.replicas import may_serve
from controller.cluster_view import NodeName
from models.forecast import WorkloadName

#: A replica that served and is not ready for so long will not come back.
LOST_AFTER_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What one pod asks for; times in seconds since the epoch, infinite if there is none.

    It has drained at ``drained_at`` and is given up at ``lost_at``. ``may_open`` says whether its
    gate is to be opened, ``node`` where it was bound to.
    """

    workload: WorkloadName
    node: NodeName | None
    may_open: bool
    is_draining: bool
    drained_at: float
    lost_at: float


def due_of(pod: Json) -> Due | None:
    """Return what a pod of ours asks for; None for one that somebody has deleted."""
    if is_terminating(pod):
        return None
    until = drain_until(pod)
    return Due(
        workload=workload_of(pod),
        node=bound_node(pod),
        may_open=may_serve(pod),
        is_draining=until is not None,
        drained_at=math.inf if until is None else until,
        lost_at=_lost_at(pod),
    )


def _lost_at(pod: Json) -> float:
    if not is_serving(pod) or containers_ready(pod) or has_ended(pod):
        return math.inf
    since = seconds_of(condition_of(pod, "ContainersReady").get("lastTransitionTime"))
    return math.inf if since is None else since + LOST_AFTER_SECONDS
