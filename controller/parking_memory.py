"""What is remembered of one workload's workers from tick to tick: small and frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from controller.cluster_view import ReplicaName
from controller.hold import Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingMemory:
    """``judged`` are the workers there whose host part has been measured already.

    ``hold`` has how many workers were wanted of late. ``came_decided_at`` is when the newest of
    those that were parked well had been decided on.
    """

    hold: Hold = field(default_factory=Hold)
    judged: frozenset[ReplicaName] = frozenset()
    came_decided_at: float = -math.inf
