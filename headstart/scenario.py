"""What is replayed, and what a loop would have known of it: demand as measured, and forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from controller.environment import Environment
from controller.policy import WorkloadPolicy
from headstart.demand_track import DemandTrack, step_of
from headstart.forecast_blocks import ForecastBlock, blocks_ahead
from headstart.forecast_feed import ForecastFeed
from headstart.forecast_track import fit_pool
from headstart.reach import reach_seconds
from models.forecast import FloatArray
from models.horizons import HorizonGrid, grid_reaching
from models.series import DemandSeries

#: How often a replay's loop ticks.
TICK_SECONDS = 5.0
#: One process fits ahead while another plays: a second would wait for it, and cost its memory.
_WORKERS = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenario:
    """What is replayed: requests of each bin (NaN where missing), policy, world, scored part.

    ``is_capacity_assumed`` says that nobody gave the policy's capacity.
    """

    requests: FloatArray
    bin_seconds: float
    origin: float
    policy: WorkloadPolicy
    environment: Environment
    warmup_seconds: float
    is_capacity_assumed: bool = False

    def track(self) -> DemandTrack:
        """Return the demand as the loop would have measured it."""
        return DemandTrack.of(
            self.requests,
            origin=self.origin,
            bin_seconds=self.bin_seconds,
            metrics=self.environment.metrics,
        )

    def series(self) -> DemandSeries:
        """Return the steps that forecasts are made of."""
        return self.track().series(step_of(self.bin_seconds))

    def grid(self) -> HorizonGrid:
        """Return the steps ahead that are forecast: as far as the policy's plans look."""
        reach = reach_seconds([self.policy], tick_seconds=TICK_SECONDS)
        return grid_reaching(reach, step_seconds=step_of(self.bin_seconds))


@contextmanager
def forecast_blocks_of(scenario: Scenario) -> Iterator[Iterator[ForecastBlock]]:
    """Give a scenario's own forecasts of every step, made beside whoever reads them."""
    with blocks_ahead(scenario.series(), scenario.grid(), partial(fit_pool, _WORKERS)) as blocks:
        yield blocks


@contextmanager
def forecast_feed(scenario: Scenario) -> Iterator[ForecastFeed]:
    """Provide a scenario's own forecasts, to be asked in rising order of time."""
    with forecast_blocks_of(scenario) as blocks:
        yield feed_of(scenario, blocks)


def feed_of(scenario: Scenario, blocks: Iterator[ForecastBlock]) -> ForecastFeed:
    """Return forecasts of every step, from the first on, as a scenario's loop would see them."""
    return ForecastFeed(
        scenario.policy.workload,
        scenario.series(),
        scenario.grid(),
        blocks,
        delay_seconds=scenario.environment.metrics.delay_seconds,
    )
