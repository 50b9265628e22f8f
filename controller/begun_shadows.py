"""Whether shadows say anything of a policy as it is now, and which to begin with if not. Pure."""

from __future__ import annotations

from dataclasses import replace

from controller.level_choice import first_level
from controller.outcomes import Outcomes
from controller.policy import Cost, Objective, WorkloadPolicy
from controller.shadow_fleets import Asked, Shadows
from controller.tick_state import WorkloadState


def shadows_for(state: WorkloadState, policy: WorkloadPolicy, outcomes: Outcomes) -> Shadows:
    """Return a workload's shadows, new ones if there are none that say anything of its policy.

    Of another share, or by money, what was found says as much as before, but something else is
    believed. New ones count demand from ``outcomes`` on.
    """
    asked, known = Asked(policy.demand_per_replica, policy.objective), state.shadows
    if known is None:
        level = state.calibration.level
    elif known.asked == asked:
        # Every tick asks, and hardly a policy changes.
        return known
    elif not known.asked.is_like(asked):
        level = first_level(policy)
    elif _goal(known.asked.objective) == _goal(policy.objective):
        return known
    else:
        return replace(known, began_at_level=first_level(policy), asked=asked)
    return Shadows(
        began_at_level=level, asked=asked, demand=outcomes.demand, seconds=outcomes.seen_seconds
    )


def _goal(objective: Objective) -> tuple[float, Cost | None]:
    return objective.attainment, objective.cost
