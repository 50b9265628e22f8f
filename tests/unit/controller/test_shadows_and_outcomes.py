"""A fleet that never changes is the same at every level: shadows must lose what it lost."""

from __future__ import annotations

import numpy as np
import pytest

from controller.observation import START_QUARTERS
from controller.outcomes import Outcomes, served, with_ready
from controller.policy import Limits
from controller.shadow_fleets import Shadows, Turn
from controller.shadows import shadowed
from tests.unit.controller.builders import NOW, a_policy, a_reading, an_observation

REPLICAS, CAPACITY = 10, 2.0
POLICY = a_policy(capacity=CAPACITY, limits=Limits(min_replicas=REPLICAS, max_replicas=REPLICAS))


def played(demands: list[float], *, seconds: float) -> tuple[Outcomes, Shadows]:
    """Return what the fleet's demand came to, and its shadows, after readings of some seconds."""
    outcomes, shadows = Outcomes(), Shadows(began_at_level=1.5)
    outcomes = with_ready(outcomes, now=NOW, ready=REPLICAS)
    for number, per_second in enumerate([0.0, *demands]):
        now = NOW + seconds * number
        outcomes = served(
            outcomes,
            until=now,
            per_second=per_second,
            capacity=CAPACITY,
            wait_seconds=POLICY.objective.wait_seconds,
        )
        seen = an_observation(
            reading=a_reading(per_second, at=now),
            forecast=None,
            now=now,
            start_seconds=(20.0,) * START_QUARTERS,
        )
        (shadows,) = shadowed([Turn(shadows, seen, POLICY, outcomes, seconds)])
    return outcomes, shadows


@pytest.mark.parametrize(("seconds", "each"), [(5.0, 1), (5.0, 2), (2.0, 5), (3.0, 1), (60.0, 1)])
@pytest.mark.parametrize("shift", [0, 1])
def test_shadows_lose_what_the_fleet_lost_however_readings_lie(
    seconds: float, each: int, shift: int
) -> None:
    generator = np.random.default_rng(3)
    noise = 0.9 * REPLICAS * CAPACITY * generator.gamma(4.0, 0.25, 600)
    demands = [20.0] * shift + np.repeat(noise, each).tolist()
    outcomes, shadows = played(demands, seconds=seconds)
    # A first turn begins to look; the last readings may be of a turn that is to come.
    assert outcomes.late / outcomes.demand > 0.05
    assert shadows.long.late == pytest.approx(outcomes.late, rel=0.02)
    assert shadows.long.demand == pytest.approx(outcomes.demand, rel=0.02)
