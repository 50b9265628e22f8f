"""The forecasts of a trace, made once for replays that differ in restores or objective alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from headstart.demand_track import DemandTrack, step_of
from headstart.forecast_blocks import ForecastBlock, blocks_ahead
from headstart.forecast_feed import ForecastFeed
from headstart.forecast_track import fit_pool
from headstart.reach import reach_seconds
from headstart.replay import TICK_SECONDS, Scenario
from models.horizons import HorizonGrid, grid_reaching
from models.series import DemandSeries


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeForecasts:
    """Every step's forecasts of one series."""

    series: DemandSeries
    grid: HorizonGrid
    blocks: tuple[ForecastBlock, ...]

    def feed(self, scenario: Scenario) -> ForecastFeed:
        """Return them as a replay asks for them, from the first on."""
        if _grid(scenario, self.series).last != self.grid.last:
            raise ValueError("scenario: forecasts were made for another reach")
        return ForecastFeed(
            scenario.policy.workload,
            self.series,
            self.grid,
            iter(self.blocks),
            delay_seconds=scenario.environment.metrics.delay_seconds,
        )


def made_forecasts(scenario: Scenario) -> MadeForecasts:
    """Make the forecasts that a replay of the scenario would make of its demand."""
    track = DemandTrack.of(
        scenario.requests,
        origin=scenario.origin,
        bin_seconds=scenario.bin_seconds,
        metrics=scenario.environment.metrics,
    )
    series = track.series(step_of(scenario.bin_seconds))
    grid = _grid(scenario, series)
    with blocks_ahead(series, grid, partial(fit_pool, 1)) as blocks:
        # One process sends them and never says that it was the last.
        taken, end = [], 0
        while end < len(series.values):
            taken.append(next(blocks))
            end = taken[-1].end
    return MadeForecasts(series=series, grid=grid, blocks=tuple(taken))


def _grid(scenario: Scenario, series: DemandSeries) -> HorizonGrid:
    reach = reach_seconds([scenario.policy], tick_seconds=TICK_SECONDS)
    return grid_reaching(reach, step_seconds=series.step_seconds)
