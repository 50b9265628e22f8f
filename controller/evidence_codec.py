"""What was found of levels of sureness and of jumps in demand, as JSON-ready numbers. Pure.

A loop that begins without it pays for weeks of being too sure or not sure enough once more.
"""

from __future__ import annotations

import numpy as np

from controller.jumps import MOST_JUMPS, Jumps, summed
from controller.level_account import Account
from controller.objective import LEAST_LEVEL, MOST_LEVEL
from controller.policy import Cost, Objective
from controller.shadow_fleets import LEVELS, Asked, Shadows
from controller.tick_state import WorkloadState
from models.fields import Fields, as_number, refuse
from models.forecast import FloatArray

#: Two weeks of the most demand that can be measured, replica-seconds where each replica serves next
#: to none of it, and the squares of as many jumps as are remembered.
_MOST_DEMAND, _MOST_REPLICA_SECONDS, _MOST_SQUARES = 1e19, 1e26, 1e28
#: Sums are written to some digits, so what was late may seem a little more than there was.
_ROUNDED = 1.0001


def encode_evidence(workload: WorkloadState) -> dict[str, object] | None:
    """Return what was found of levels and jumps so far; None where no levels are compared."""
    shadows, outcomes = workload.shadows, workload.outcomes
    if shadows is None:
        return None
    return {
        "believedLevel": shadows.began_at_level,
        "asked": _encoded(shadows.asked),
        "recentDemand": _short(outcomes.recent_demand),
        "recentLate": _short(outcomes.recent_late),
        "jumps": _short(outcomes.jumps.seen),
        "jumpProducts": _short(outcomes.jumps.products),
        "jumpSquares": _short(outcomes.jumps.squares),
        "demand": _short(shadows.long.demand),
        "levels": LEVELS.tolist(),
        "late": [_short(late) for late in shadows.long.late.tolist()],
        "replicaSeconds": [_short(paid) for paid in shadows.long.replica_seconds.tolist()],
    }


def with_evidence(workload: WorkloadState, wire: object) -> WorkloadState:
    """Return a workload's state with what was encoded; without shadows if these have other levels.

    Raises:
        CodecError: if a field is missing, wrong, or beyond what can be found.
    """
    fields = Fields(wire, "evidence")
    believed = fields.between("believedLevel", LEAST_LEVEL, MOST_LEVEL)
    asked = _asked(Fields(fields.get("asked"), fields.at("asked")))
    demand = fields.between("demand", 0.0, _MOST_DEMAND)
    recent = fields.between("recentDemand", 0.0, _MOST_DEMAND)
    outcomes = workload.outcomes._replace(
        recent_demand=recent,
        recent_late=fields.between("recentLate", 0.0, recent * _ROUNDED),
        jumps=_jumps(fields),
    )
    if fields.array("levels") != LEVELS.tolist():
        return workload._replace(outcomes=outcomes)
    long = Account.of(
        demand=demand,
        late=_each(fields, "late", demand * _ROUNDED),
        replica_seconds=_each(fields, "replicaSeconds", _MOST_REPLICA_SECONDS),
    )
    shadows = Shadows(
        began_at_level=believed,
        asked=asked,
        demand=outcomes.demand,
        seconds=outcomes.seen_seconds,
        long=long,
    )
    return workload._replace(outcomes=outcomes, shadows=shadows)


def _encoded(asked: Asked) -> dict[str, float]:
    """Return a policy's part; of an objective by money, what it costs besides."""
    wire = {
        "demandPerReplica": asked.demand_per_replica,
        "attainment": asked.objective.attainment,
        "waitSeconds": asked.objective.wait_seconds,
    }
    cost = asked.objective.cost
    if cost is None:
        return wire
    return {**wire, "gpuHour": cost.gpu_hour, "missedRequest": cost.missed_request}


def _asked(fields: Fields) -> Asked:
    cost = None
    if fields.find("gpuHour") is not None:
        cost = Cost(
            gpu_hour=fields.at_least_zero("gpuHour"),
            missed_request=fields.at_least_zero("missedRequest"),
        )
    objective = Objective(
        attainment=fields.between("attainment", 0.0, 1.0),
        wait_seconds=fields.at_least_zero("waitSeconds"),
        cost=cost,
    )
    return Asked(fields.at_least_zero("demandPerReplica"), objective)


def _jumps(fields: Fields) -> Jumps:
    squares = fields.between("jumpSquares", 0.0, _MOST_SQUARES)
    most = squares * _ROUNDED
    return summed(
        seen=fields.between("jumps", 0.0, MOST_JUMPS * _ROUNDED),
        products=fields.between("jumpProducts", -most, most),
        squares=squares,
    )


def _each(fields: Fields, name: str, most: float) -> FloatArray:
    """Return a number of each level, none below 0 nor above ``most``."""
    path, values = fields.at(name), fields.array(name)
    if len(values) != len(LEVELS):
        refuse(path, values, f"a list of {len(LEVELS)} numbers")
    numbers = np.array([as_number(value, path) for value in values])
    if not (numbers.min() >= 0.0 and numbers.max() <= most):
        refuse(path, values, f"numbers from 0 to {most:g}")
    return numbers


def _short(number: float) -> float:
    """Return a number as exact as evidence can be, in few characters."""
    return float(f"{number:.6g}")
