from __future__ import annotations

import pytest

from controller.policy import Restore, WorkloadPolicy
from headstart.reach import reach_seconds
from tests.builders import CHAT


def a_policy(*, timeout: float = 600.0) -> WorkloadPolicy:
    return WorkloadPolicy(
        workload=CHAT,
        demand_per_replica=1.0,
        restore=Restore(timeout_seconds=timeout),
    )


def test_usual_policies_are_forecast_a_quarter_of_an_hour_ahead() -> None:
    assert reach_seconds([a_policy()], tick_seconds=5.0) == 900.0
    assert reach_seconds([], tick_seconds=5.0) == 900.0


def test_a_slow_restore_is_forecast_until_it_is_ready() -> None:
    policies = [a_policy(), a_policy(timeout=1500.0)]
    assert reach_seconds(policies, tick_seconds=5.0) == 1505.0


@pytest.mark.parametrize("timeout", [1800.0, 7200.0])
def test_no_restore_is_waited_for_longer_than_half_an_hour(timeout: float) -> None:
    assert reach_seconds([a_policy(timeout=timeout)], tick_seconds=2.0) == 1802.0
