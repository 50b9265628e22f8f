"""What was found of levels goes through JSON and back, and a restart chooses as it would have."""

from __future__ import annotations

import json

import numpy as np
import pytest

from controller.evidence_codec import encode_evidence, with_evidence
from controller.jumps import Jumps, summed
from controller.level_account import Account
from controller.level_choice import Served, chosen_level
from controller.memory_codec import decode_memory, encode_memory
from controller.outcomes import Outcomes
from controller.policy import Cost, Objective
from controller.shadow_fleets import LEVELS, Asked, Shadows
from controller.tick_state import WorkloadState
from models.codec import CodecError
from tests.unit.controller.builders import a_policy

USUAL_PER_SECOND, SEEN_SECONDS = 3.0, 6 * 86400.0
DEMAND = USUAL_PER_SECOND * SEEN_SECONDS
#: The higher the level, the rarer the misses, and the dearer.
LONG = Account.of(
    demand=DEMAND, late=DEMAND * 0.3 * np.exp(-LEVELS), replica_seconds=1e7 * (20.0 + LEVELS)
)
OBJECTIVE = Objective(
    attainment=0.95, wait_seconds=4.0, cost=Cost(gpu_hour=2.0, missed_request=0.5)
)
ASKED = Asked(3.5, OBJECTIVE)
KNOWN = WorkloadState(
    outcomes=Outcomes(
        usual_per_second=USUAL_PER_SECOND,
        seen_seconds=SEEN_SECONDS,
        recent_demand=DEMAND,
        recent_late=0.012 * DEMAND,
        jumps=summed(seen=40.0, products=30.0, squares=90.0),
    ),
    shadows=Shadows(began_at_level=2.0, asked=ASKED, until=1e9, seconds=SEEN_SECONDS, long=LONG),
)


def restarted(memory: WorkloadState) -> WorkloadState:
    """Return what a restart knows of it."""
    calibration = json.loads(json.dumps(encode_memory(memory)))
    evidence = json.loads(json.dumps(encode_evidence(memory)))
    return with_evidence(decode_memory(calibration), evidence)


def chosen(memory: WorkloadState) -> float:
    assert memory.shadows is not None
    served = Served(
        demand=memory.outcomes.recent_demand,
        late=memory.outcomes.recent_late,
        usual_per_second=memory.outcomes.usual_per_second,
    )
    return chosen_level(memory.shadows, served, a_policy())


def test_a_restart_chooses_the_level_that_would_have_been_chosen_without_it() -> None:
    nothing = KNOWN._replace(shadows=Shadows(began_at_level=2.0))
    assert abs(chosen(nothing) - chosen(KNOWN)) > 0.5
    assert chosen(restarted(KNOWN)) == pytest.approx(chosen(KNOWN), abs=1e-3)


def test_what_was_found_comes_back_and_what_is_counted_begins_where_demand_does() -> None:
    after = restarted(KNOWN)
    assert after.shadows is not None
    assert after.shadows.long.of_levels == pytest.approx(LONG.of_levels, rel=1e-5)
    assert after.shadows.long.demand == pytest.approx(DEMAND, rel=1e-5)
    assert after.shadows.asked == ASKED
    assert (after.shadows.times, after.shadows.until) == ((), float("-inf"))
    assert (after.shadows.demand, after.shadows.seconds) == (0.0, SEEN_SECONDS)
    assert after.outcomes.recent_late == pytest.approx(0.012 * DEMAND, rel=1e-5)
    assert after.outcomes.jumps == KNOWN.outcomes.jumps


def test_who_has_met_no_jump_believes_of_them_what_is_believed_at_first() -> None:
    known = KNOWN._replace(outcomes=KNOWN.outcomes._replace(jumps=Jumps()))
    assert restarted(known).outcomes.jumps == Jumps()


def test_all_that_came_late_is_late_after_a_restart_too() -> None:
    # Numbers that writing rounds up.
    all_late = Account.of(1.23456749, np.full(len(LEVELS), 1.2345675), np.ones(len(LEVELS)))
    memory = KNOWN._replace(shadows=Shadows(began_at_level=2.0, long=all_late))
    shadows = restarted(memory).shadows
    assert shadows is not None
    assert shadows.long.late == pytest.approx(1.2345675, rel=1e-5)


def encoded() -> dict[str, object]:
    wire = encode_evidence(KNOWN)
    assert wire is not None
    return wire


def test_who_has_found_nothing_has_nothing_to_keep() -> None:
    assert encode_evidence(WorkloadState()) is None


def test_evidence_of_other_levels_says_nothing_of_these() -> None:
    after = with_evidence(WorkloadState(), {**encoded(), "levels": [0.0, 1.0], "late": [5.0, 1.0]})
    assert after.shadows is None
    assert after.outcomes.jumps == KNOWN.outcomes.jumps
    assert after.outcomes.recent_demand == DEMAND


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("believedLevel", 1e9),
        ("believedLevel", None),
        ("recentDemand", -1.0),
        ("recentDemand", 1e300),
        ("recentLate", -1.0),
        ("recentLate", 2 * DEMAND),
        ("demand", "much"),
        ("asked", None),
        ("jumps", -1.0),
        ("jumps", 1442.0),
        ("jumpProducts", 91.0),
        ("jumpProducts", 1e300),
        ("jumpSquares", -1.0),
        ("levels", 3),
        ("late", None),
        ("late", [0.0]),
        ("late", [0.0] * (len(LEVELS) - 1) + [-1.0]),
        ("late", [0.0] * (len(LEVELS) - 1) + ["none"]),
        ("late", [2 * DEMAND] * len(LEVELS)),
        ("replicaSeconds", [1e300] * len(LEVELS)),
        ("replicaSeconds", [float("nan")] * len(LEVELS)),
    ],
)
def test_what_can_t_have_been_found_is_refused_by_its_field(field: str, value: object) -> None:
    with pytest.raises(CodecError, match=rf"^evidence\.{field}: "):
        with_evidence(WorkloadState(), {**encoded(), field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [("demandPerReplica", -1.0), ("attainment", 2.0), ("waitSeconds", "long"), ("gpuHour", -1.0)],
)
def test_what_can_t_have_been_asked_is_refused_by_its_field(field: str, value: object) -> None:
    asked = {"demandPerReplica": 1.0, "attainment": 0.99, "waitSeconds": 2.0, field: value}
    with pytest.raises(CodecError, match=rf"^evidence\.asked\.{field}: "):
        with_evidence(WorkloadState(), {**encoded(), "asked": asked})


@pytest.mark.parametrize("wire", [None, [1.0], "none"])
def test_what_is_no_evidence_is_refused(wire: object) -> None:
    with pytest.raises(CodecError, match=r"^evidence: "):
        with_evidence(WorkloadState(), wire)
