"""A fleet in the numbers that statuses tell: counted once a tick, for all policies. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from controller.cluster_view import Fleet, Phase
from models.forecast import WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSummary:
    """``free_gpus`` of every fit node, ``unfit`` nodes with their reasons, replicas by phase."""

    free_gpus: tuple[int, ...]
    unfit: tuple[str, ...]
    phases: Mapping[WorkloadName, Counter[Phase]]


def fleet_summary(fleet: Fleet) -> FleetSummary:
    """Return a fleet's numbers."""
    phases: dict[WorkloadName, Counter[Phase]] = defaultdict(Counter)
    for replica in fleet.replicas:
        phases[replica.workload][replica.phase] += 1
    unfit = (f"{node.name}: {node.unfit_reason}" for node in fleet.nodes if node.unfit_reason)
    return FleetSummary(
        free_gpus=tuple(fleet.free_gpus().values()), unfit=tuple(unfit), phases=dict(phases)
    )
