import pytest

from controller.objective import covered
from controller.observation import Observation
from controller.parking_plan import ParkingPlan
from controller.policy import Limits, WorkloadPolicy
from controller.worker_needs import workers_wanted
from tests.unit.controller.builders import a_forecast, a_policy, a_reading, an_observation

#: Demand by steps of 10 s: 2/s, then 5/s from 30 s on, then 9/s from 60 s on.
RISING = [2.0] * 3 + [5.0] * 3 + [9.0] * 24


def wanted(
    observation: Observation,
    policy: WorkloadPolicy | None = None,
    *,
    target: int = 2,
    level: float = 2.0,
    host_seconds: float = 20.0,
) -> ParkingPlan:
    return workers_wanted(
        observation,
        policy or a_policy(),
        target=target,
        level=level,
        host_seconds=host_seconds,
        tick_seconds=5.0,
    )


@pytest.mark.parametrize(
    ("host_seconds", "expected"),
    # The device part takes 10 s, and two ticks 10 s more: 30 s, 40 s, 70 s ahead.
    [(10.0, 2), (20.0, 5), (50.0, 9)],
)
def test_workers_cover_both_stages_and_two_ticks(host_seconds: float, expected: int) -> None:
    seen = an_observation(forecast=a_forecast(RISING), lead_time_seconds=10.0)
    found = wanted(seen, host_seconds=host_seconds)
    assert (found.target, found.lead_time_seconds) == (expected, host_seconds + 10.0)


def test_workers_are_for_the_surest_quantile_whatever_gpus_are_planned_for() -> None:
    seen = an_observation(forecast=a_forecast(2.0, spread=0.5))
    found = wanted(seen, level=0.0)
    # The last of five quantiles is 2 * (1 + 4 * 0.5), and no more was ever seen.
    assert (found.target, found.quantile_level) == (6, 0.99)


def test_workers_are_for_more_than_the_surest_quantile_where_more_was_seen() -> None:
    def target(peak_per_second: float) -> int:
        forecast = a_forecast(2.0, spread=0.5)
        return wanted(an_observation(forecast=forecast, peak_per_second=peak_per_second)).target

    # Four units beyond 6/s: 6 * 1.15 ** 4 are 10.5/s; but no more than 1.1 times the highest.
    assert target(100.0) == 11
    assert target(7.2) == 8


def test_a_surer_level_counts_for_workers_too() -> None:
    seen = an_observation(forecast=a_forecast(2.0, spread=0.5), peak_per_second=100.0)
    found = wanted(seen, level=10.0)
    # Six units beyond the last quantile: 6 * 1.15 ** 6 are 13.9/s.
    assert (found.target, found.quantile_level) == (14, covered(10.0))


def test_there_are_never_fewer_workers_than_replicas_wanted() -> None:
    assert wanted(an_observation(forecast=a_forecast(2.0)), target=7).target == 7
    assert wanted(an_observation(reading=a_reading(2.0)), target=3).target == 3


def test_limits_hold_for_workers() -> None:
    seen = an_observation(forecast=a_forecast(9.0))
    assert wanted(seen, a_policy(limits=Limits(max_replicas=4))).target == 4
    budget = a_policy(limits=Limits(gpu_budget=6), gpus_per_replica=2)
    assert wanted(seen, budget).target == 3
