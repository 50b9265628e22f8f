"""Everything that is known of one workload at one instant: the planner's only input."""

from __future__ import annotations

import math
from typing import NamedTuple

from controller.cluster_view import Replica
from controller.jumps import Jumps
from models.forecast import WorkloadName
from models.outlook import Outlook

#: So many equal shares of starts are told apart by how long they take.
START_QUARTERS = 4


class Observation(NamedTuple):
    """What is known of one workload at ``now`` (seconds since the epoch).

    ``ready`` and ``others`` are the replicas that exist. ``backlog`` is demand that arrived and is
    not served yet. ``lead_time_seconds`` is the quantile of measured start times to plan with.
    ``assumed`` is how many replicas there would be besides, had the plans of a mode that may not
    act been carried out. ``boost_per_second`` is demand announced by alerts, ``smooth_per_second``
    the mean demand of the last minute, ``peak_per_second`` the highest seen of late, ``jumps`` how
    much of a jump above that mean lasts a minute. A restore under way for longer than
    ``overdue_seconds`` is not counted on. ``silent_seconds`` is how long demand has not been
    measured, ``seen_seconds`` for how long it was in all. ``start_seconds``, rising, are what equal
    shares of starts take; empty where nothing is learned. ``ending_gpus`` are still held by starts
    that were given up.
    """

    workload: WorkloadName
    now: float
    ready: tuple[Replica, ...]
    others: tuple[Replica, ...]
    outlook: Outlook | None
    lead_time_seconds: float
    backlog: float = 0.0
    assumed: int = 0
    boost_per_second: float = 0.0
    smooth_per_second: float = 0.0
    peak_per_second: float = 0.0
    jumps: Jumps = Jumps()
    overdue_seconds: float = math.inf
    silent_seconds: float = 0.0
    seen_seconds: float = math.inf
    start_seconds: tuple[float, ...] = ()
    ending_gpus: int = 0
