"""Forecasts kept for several worlds are those that each world would have made, and as late."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks._worlds import KeptForecasts, every_forecast
from controller.environment import Environment, Metrics
from controller.policy import WorkloadPolicy
from headstart.scenario import Scenario, forecast_feed
from tests.builders import CHAT

ORIGIN = 1_700_000_000.0
DELAY, LATE = 5.0, 25.0


@pytest.mark.parametrize("bin_seconds", [10.0, 60.0, 300.0])
def test_a_late_world_sees_each_forecast_when_its_own_would_come(bin_seconds: float) -> None:
    scenario = Scenario(
        requests=np.random.default_rng(5).poisson(60.0 * bin_seconds, 40).astype(np.float64),
        bin_seconds=bin_seconds,
        origin=ORIGIN,
        policy=WorkloadPolicy(workload=CHAT, demand_per_replica=6.0),
        environment=Environment(metrics=Metrics(delay_seconds=DELAY)),
        warmup_seconds=60.0,
    )
    late = replace(scenario, environment=Environment(metrics=Metrics(delay_seconds=LATE)))
    kept = KeptForecasts(every_forecast(scenario), delay_seconds=LATE)
    seen = []
    with forecast_feed(late) as feed:
        for now in np.arange(ORIGIN, ORIGIN + 40 * bin_seconds, 5.0).tolist():
            own, mine = feed.at(now), kept.at(now)
            seen.append(own and own.issued_at)
            assert (mine and mine.issued_at) == seen[-1]
    assert len(set(seen)) > 30
