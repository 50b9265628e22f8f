"""The decision's laws: whatever is seen and asked, limits hold and no GPU is promised twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.actions import Cancel, Resize, Start
from controller.cluster_view import Phase
from controller.hold import Hold
from controller.objective import Calibration
from controller.observation import Observation
from controller.plan import Plan
from controller.planner import plan
from controller.policy import Limits, WorkloadPolicy
from controller.tick import tick
from controller.tick_state import TickSettings, TickState
from models.forecast import WorkloadName
from tests.builders import CHAT, a_fleet, a_node, a_replica
from tests.unit.controller.builders import (
    NOW,
    a_forecast,
    a_policy,
    a_reading,
    an_observation,
    an_outlook,
)

SEARCH = WorkloadName("search")
DEMAND = st.floats(0.0, 40.0)
STEPS = st.lists(DEMAND, min_size=1, max_size=30)
COUNTS = st.integers(0, 12)
LIMITS = st.builds(
    Limits,
    min_replicas=st.integers(0, 3),
    max_replicas=st.none() | st.integers(3, 15),
    max_step=st.none() | st.integers(1, 5),
    gpu_budget=st.none() | st.integers(3, 30),
)


def planned(observation: Observation, policy: WorkloadPolicy) -> Plan:
    return plan(observation, policy, Calibration(level=0.0), Hold(), tick_seconds=5.0)[0]


def seen_with(steps: list[float], ready: int, restoring: int, backlog: float = 0.0) -> Observation:
    """Return an observation whose reading is the first step's demand."""
    return an_observation(
        ready=ready,
        restoring=restoring,
        reading=a_reading(steps[0]),
        forecast=a_forecast(steps),
        backlog=backlog,
    )


@given(steps=STEPS, ready=COUNTS, restoring=COUNTS, limits=LIMITS, gpus=st.integers(1, 3))
def test_a_plan_never_goes_beyond_the_largest_number_of_replicas_or_the_gpu_budget(
    steps: list[float], ready: int, restoring: int, limits: Limits, gpus: int
) -> None:
    policy = a_policy(limits=limits, gpus_per_replica=gpus)
    what = planned(seen_with(steps, ready, restoring, backlog=100.0), policy)
    if limits.max_replicas is not None:
        assert what.target <= limits.max_replicas
    if limits.gpu_budget is not None:
        assert what.target * gpus <= limits.gpu_budget
    if limits.max_step is not None:
        assert what.target <= max(ready + restoring + limits.max_step, limits.min_replicas)


@given(
    steps=STEPS,
    more=st.floats(1.0, 10.0),
    ready=COUNTS,
    restoring=COUNTS,
    limits=LIMITS,
)
def test_more_demand_never_means_fewer_starts_or_more_releases(
    steps: list[float], more: float, ready: int, restoring: int, limits: Limits
) -> None:
    policy = a_policy(limits=limits)
    less = planned(seen_with(steps, ready, restoring), policy)
    much = planned(seen_with([step * more for step in steps], ready, restoring), policy)
    assert much.starts >= less.starts
    assert len(much.releases) <= len(less.releases)
    assert len(much.cancels) <= len(less.cancels)


@given(steps=STEPS, ready=COUNTS, restoring=COUNTS, limits=LIMITS)
def test_what_is_left_after_a_plan_is_its_target(
    steps: list[float], ready: int, restoring: int, limits: Limits
) -> None:
    what = planned(seen_with(steps, ready, restoring), a_policy(limits=limits))
    left = ready + restoring - len(what.releases) - len(what.cancels)
    assert left + what.starts == what.target
    assert ready - len(what.releases) >= min(ready, what.target)
    assert what.starts == 0 or not (what.releases or what.cancels)


PHASES = st.lists(st.sampled_from(Phase), max_size=8)


@given(
    chat=PHASES,
    search=PHASES,
    rates=st.tuples(st.floats(0.0, 20.0), st.floats(0.0, 20.0)),
    gpus=st.integers(0, 3),
)
def test_no_gpu_is_promised_twice_and_every_action_has_one_aim(
    chat: list[Phase], search: list[Phase], rates: tuple[float, float], gpus: int
) -> None:
    replicas = [
        a_replica(
            f"{name}-{number}",
            workload=name,
            node=f"node-{number:02d}",
            phase=phase,
            deadline_at=NOW + 100.0 * (number % 2),
        )
        for name, phases in ((CHAT, chat), (SEARCH, search))
        for number, phase in enumerate(phases)
    ]
    nodes = tuple(a_node(f"node-{number:02d}", gpus=gpus) for number in range(8))
    outlooks = {
        name: an_outlook(
            workload=name, reading=a_reading(rate), forecast=a_forecast(rate, workload=name)
        )
        for name, rate in zip((CHAT, SEARCH), rates, strict=True)
    }
    result = tick(
        a_fleet(*replicas, nodes=nodes, seen_at=NOW),
        outlooks,
        TickState(),
        NOW,
        policies=(a_policy(), a_policy(SEARCH)),
        settings=TickSettings(),
    )
    cancelled = {a.name for a in result.actions if isinstance(a, Cancel)}
    used = [r.node for r in replicas if r.name not in cancelled]
    for start in [a for a in result.actions if isinstance(a, Start)]:
        used.append(start.node)
        assert used.count(start.node) <= gpus
    named = [a for a in result.actions if not isinstance(a, Resize)]
    assert len({a.name for a in named}) == len(result.actions)
    assert all(action.reason for action in result.actions)
